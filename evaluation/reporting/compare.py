"""Two runs on the same objects: paired differences with confidence intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from evaluation.metric_facts import MetricFacts
from evaluation.protocol import Level, Protocol
from evaluation.reporting.bootstrap import BootstrapOptions, Interval, mean_intervals
from evaluation.reporting.summary import (
    FAILURE_RATE,
    LEVELS,
    object_key,
    protocols_of,
    values_of,
)
from evaluation.reporting.tables import metric_columns, read_rows
from evaluation.reporting.wording import facts_of
from evaluation.rows import ScoreRow
from mmpart_core.errors import InputError

Verdict = Literal["better", "worse", "equal", "no clear difference", "too few objects", "differs"]
MIN_OBJECTS = 6
"""Below so many objects there is no verdict.

Of n objects that all change the same way, a two-sided sign test says ``p = 2 / 2**n``: 6 is the
least at which that is below 0.05 (.031; with 5 it is .063), whatever the sizes of the changes. A
bootstrap of fewer is little more than their smallest and largest change.
"""
RELATIVE_FLOOR = 1e-6
"""Changes of an item below this share of the metric's range count as none.

Positions in files are 32-bit floats, good to about 1e-7 of an object's size: less than this is
the rounding of how meshes were written, not work.
"""
ItemKey = tuple[str, str]
Values = Mapping[ItemKey, Mapping[str, float]]


@dataclass(frozen=True)
class MetricDifference:
    """One metric of the items that both runs have a value for.

    Attributes:
        metric: its name.
        pairs: items (parts, groups or objects) with a value in both.
        objects: how many objects those items are of.
        lost: items in both runs with a value in one of them only.
        first_mean: over the pairs, failures at their worst.
        second_mean: the same of the second run.
        difference: second minus first; changes below ``RELATIVE_FLOOR`` count as 0.
        interval: of the difference, objects drawn with replacement.
        verdict: of the second run against the first: what the interval shows; none with fewer
            than ``MIN_OBJECTS``.
    """

    metric: str
    pairs: int
    objects: int
    lost: int
    first_mean: float
    second_mean: float
    difference: float
    interval: Interval | None
    verdict: Verdict


@dataclass(frozen=True)
class LevelComparison:
    """Two runs at one level of one protocol.

    Attributes:
        protocol: of both.
        level: part, group or object.
        pairs: items in both runs whose truth is usable.
        only_first: items of the first run alone.
        only_second: items of the second run alone.
        metrics: failure rate first.
    """

    protocol: Protocol
    level: Level
    pairs: int
    only_first: int
    only_second: int
    metrics: tuple[MetricDifference, ...]


def compare_reports(first: Path, second: Path) -> list[LevelComparison]:
    """Compare the rows of two reports; see ``compare_rows``.

    Raises:
        InputError: no rows to read, or different protocols.
    """
    return compare_rows(read_rows(first), read_rows(second))


def compare_rows(
    first: Sequence[ScoreRow],
    second: Sequence[ScoreRow],
    *,
    options: BootstrapOptions | None = None,
) -> list[LevelComparison]:
    """Paired differences, second minus first, of all levels of all protocols.

    Items are paired by data set, object, level and name; the order of rows changes nothing.

    Args:
        first: rows of one run.
        second: rows of another on the same objects.
        options: how intervals are drawn.

    Raises:
        InputError: the runs were not scored by the same protocols, share no item, or one of them
            scores an item twice.
    """
    refuse_other_protocols(first, second)
    found = [
        _level(protocol, level, first, second, options)
        for protocol in protocols_of(first)
        for level in LEVELS
        if any(row.level == level and row.protocol == protocol for row in [*first, *second])
    ]
    if not any(each.pairs for each in found):
        raise InputError(
            "compare: the runs have no object in common; names of data set, objects and parts "
            "must agree"
        )
    return found


def refuse_other_protocols(first: Sequence[ScoreRow], second: Sequence[ScoreRow]) -> None:
    """Refuse rows that were not taken alike.

    Raises:
        InputError: the sets of protocols differ; the message says in which fields.
    """
    sides = [
        {protocol.name: protocol for protocol in protocols_of(rows)} for rows in (first, second)
    ]
    if sides[0] == sides[1] and sides[0]:
        return
    if set(sides[0]) != set(sides[1]):
        names = [", ".join(sorted(side)) or "no rows" for side in sides]
        raise InputError(
            f"compare: the first run is scored by {names[0]}, the second by {names[1]}; values of "
            "different protocols cannot be compared, evaluate both by the same ones"
        )
    differing = [
        f"{name}.{field} ({getattr(sides[0][name], field)} and {getattr(sides[1][name], field)})"
        for name in sorted(sides[0])
        for field in Protocol.model_fields
        if getattr(sides[0][name], field) != getattr(sides[1][name], field)
    ]
    raise InputError(
        f"compare: the runs' protocols differ in {', '.join(differing)}; values of different "
        "protocols cannot be compared, evaluate both by the same one"
    )


def item_values(
    rows: Sequence[ScoreRow], metrics: Sequence[str]
) -> dict[ItemKey, dict[str, float]]:
    """Values by object and name, failures at their worst; rows of one level and protocol.

    Raises:
        InputError: an item that has two rows.
    """
    found: dict[ItemKey, dict[str, float]] = {}
    for row in rows:
        key = (object_key(row), row.name)
        if key in found:
            raise InputError(
                f"score rows: {row.level} '{row.name}' of object '{row.object_id}' has two rows "
                f"under protocol {row.protocol.name}; one was expected"
            )
        if row.state != "unscored":
            found[key] = values_of(row, metrics)
    return found


def _level(
    protocol: Protocol,
    level: Level,
    first: Sequence[ScoreRow],
    second: Sequence[ScoreRow],
    options: BootstrapOptions | None,
) -> LevelComparison:
    sides = [
        [row for row in rows if row.level == level and row.protocol == protocol]
        for rows in (first, second)
    ]
    metrics = metric_columns(sorted([*sides[0], *sides[1]], key=lambda r: (object_key(r), r.name)))
    left, right = item_values(sides[0], metrics), item_values(sides[1], metrics)
    common = sorted(set(left) & set(right))
    return LevelComparison(
        protocol,
        level,
        pairs=len(common),
        only_first=len(set(left) - set(right)),
        only_second=len(set(right) - set(left)),
        metrics=tuple(paired_differences(left, right, [FAILURE_RATE, *metrics], protocol, options)),
    )


def paired_differences(
    left: Values,
    right: Values,
    metrics: Sequence[str],
    protocol: Protocol,
    options: BootstrapOptions | None = None,
) -> list[MetricDifference]:
    """Differences of the items that both sides have, right minus left, metric by metric."""
    common = sorted(set(left) & set(right))
    shared = {
        metric: [key for key in common if metric in left[key] and metric in right[key]]
        for metric in metrics
    }
    sides = {
        metric: [np.array([side[key][metric] for key in keys]) for side in (left, right)]
        for metric, keys in shared.items()
        if keys
    }
    changes = {
        metric: without_rounding(both[0], both[1], facts_of(metric, protocol))
        for metric, both in sides.items()
    }
    by_object: dict[str, dict[str, list[float]]] = {metric: {} for metric in sides}
    for metric, found in changes.items():
        for key, change in zip(shared[metric], found, strict=True):
            by_object[metric].setdefault(key[0], []).append(float(change))
    intervals = mean_intervals(by_object, options)
    return [
        MetricDifference(
            metric,
            pairs=len(shared[metric]),
            objects=len(by_object[metric]),
            lost=sum((metric in left[key]) != (metric in right[key]) for key in common),
            first_mean=float(first.mean()),
            second_mean=float(second.mean()),
            difference=float(changes[metric].mean()),
            interval=intervals[metric],
            verdict=_verdict(
                changes[metric], len(by_object[metric]), intervals[metric],
                facts_of(metric, protocol).better,
            ),
        )
        for metric, (first, second) in sides.items()
    ]  # fmt: skip


def without_rounding(
    first: Float[np.ndarray, "K"], second: Float[np.ndarray, "K"], facts: MetricFacts
) -> Float[np.ndarray, "K"]:
    """Second minus first; 0 where that is below ``RELATIVE_FLOOR`` of the metric's range.

    The range is that from perfect to the worst value, 1 for shares, and for the rest (dB, seconds,
    counts) the larger of the two values.

    Args:
        first: values of some items.
        second: values of the same items.
        facts: about the metric.
    """
    if facts.worst:
        span = np.full(len(first), facts.worst)
    elif facts.worst is not None and not facts.unit:
        span = np.ones(len(first))
    else:
        span = np.maximum(np.abs(first), np.abs(second))
    change = second - first
    return np.where(np.abs(change) <= RELATIVE_FLOOR * span, 0.0, change)


def _verdict(
    changes: Float[np.ndarray, "K"], objects: int, interval: Interval | None, better: str
) -> Verdict:
    if interval is None or objects < MIN_OBJECTS:
        return "too few objects"
    if not changes.any():
        return "equal"
    if interval.low <= 0.0 <= interval.high:
        return "no clear difference"
    if better == "neither":
        return "differs"
    return "better" if (interval.low > 0.0) == (better == "higher") else "worse"
