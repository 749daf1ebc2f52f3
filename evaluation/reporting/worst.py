"""Which objects went worst, and what to show of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import Level, Protocol
from evaluation.reporting.pictures import CasePictures, render_case
from evaluation.reporting.summary import object_key, values_of
from evaluation.reporting.tables import metric_columns
from evaluation.reporting.wording import facts_of
from evaluation.rows import ScoreRow
from mmpart_core.errors import MMPartError

PairLoader = Callable[[str, str], tuple[GroundTruthObject, Prediction | None]]
NOT_LOADED = "no pictures: the objects were not at hand"


@dataclass(frozen=True)
class WorstCase:
    """One object to look at.

    Attributes:
        dataset: where it comes from.
        object_id: which one.
        score: mean of the ranking metric over its rows, failures at their worst.
        rows: its rows of the ranking level.
        pictures: both sides from four views; None where they could not be drawn.
        note: why there are none.
    """

    dataset: str
    object_id: str
    score: float
    rows: tuple[ScoreRow, ...]
    pictures: CasePictures | None = None
    note: str = NOT_LOADED


def ranking_metric(metrics: Sequence[str]) -> str | None:
    """The metric that objects are ranked by: F@0.05, another F, volume IoU or Chamfer."""
    scores = sorted((m for m in metrics if m.startswith("f_") and m[2:3].isdigit()), reverse=True)
    order = ("f_0.05", *scores, "volume_iou", "voxel_f", "chamfer", "bbox_iou")
    return next((metric for metric in order if metric in metrics), None)


def worst_cases(rows: Sequence[ScoreRow], level: Level, metric: str, count: int) -> list[WorstCase]:
    """The objects with the worst mean, worst first; ties by name.

    Args:
        rows: of one protocol.
        level: whose rows are averaged per object.
        metric: what they are averaged by.
        count: how many at most.
    """
    chosen = [row for row in rows if row.level == level]
    metrics = metric_columns(chosen)
    by_object: dict[str, list[ScoreRow]] = {}
    for row in sorted(chosen, key=lambda each: (object_key(each), each.name)):
        by_object.setdefault(object_key(row), []).append(row)
    cases: list[WorstCase] = []
    for own in by_object.values():
        values = [values_of(row, metrics).get(metric) for row in own]
        given = [value for value in values if value is not None]
        if given:
            mean = float(np.mean(given))
            cases.append(WorstCase(own[0].dataset, own[0].object_id, mean, tuple(own)))
    sign = 1.0
    if cases and facts_of(metric, cases[0].rows[0].protocol).better == "lower":
        sign = -1.0
    return sorted(cases, key=lambda case: (sign * case.score, case.dataset, case.object_id))[:count]


def with_pictures(case: WorstCase, protocol: Protocol, load_pair: PairLoader) -> WorstCase:
    """The case with its pictures; without, and a note, where the object cannot be read."""
    matched = {row.name: row.matched for row in case.rows if row.level == "part"}
    try:
        truth, prediction = load_pair(case.dataset, case.object_id)
        pictures = render_case(truth, prediction, matched, protocol)
    except MMPartError as error:
        return replace(case, note=f"no pictures: {error}")
    note = "" if pictures else "no pictures: no part of the truth is usable"
    return replace(case, pictures=pictures, note=note)
