"""Which stage loses how much: runs in which stages are successively replaced by the truth."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evaluation.protocol import Level, Protocol
from evaluation.reporting.bootstrap import BootstrapOptions, Interval
from evaluation.reporting.compare import (
    ItemKey,
    item_values,
    paired_differences,
    refuse_other_protocols,
)
from evaluation.reporting.summary import FAILURE_RATE, object_key, protocols_of
from evaluation.reporting.tables import metric_columns
from evaluation.reporting.wording import facts_of
from evaluation.rows import ScoreRow
from mmpart_core.errors import InputError
from mmpart_core.records.outcome import StageName

ALL_OURS = "all stages ours"


@dataclass(frozen=True)
class AttributionRun:
    """One run: the stages that the truth stood in for, and what came out.

    Attributes:
        replaced: stages whose output was the truth; empty for the ordinary run.
        rows: scores of that run.
    """

    replaced: frozenset[StageName]
    rows: Sequence[ScoreRow]


@dataclass(frozen=True)
class StageLoss:
    """What a metric gains when one more stage is replaced by its truth: what that stage loses.

    Attributes:
        stage: the stage, or several joined by ``+`` where a run replaced them together.
        metric: which.
        before: mean with the earlier stages replaced only.
        after: mean with this one replaced too.
        loss: the gain in the metric's own direction; positive is lost by the stage, negative
            means that the truth in its place made things worse.
        interval: of the loss, objects drawn with replacement.
        pairs: items behind the means.
    """

    stage: str
    metric: str
    before: float
    after: float
    loss: float
    interval: Interval | None
    pairs: int


@dataclass(frozen=True)
class Attribution:
    """The table stage x metric at one level.

    Attributes:
        protocol: of all runs.
        level: part, group or object.
        labels: what each run replaced, in words, in order.
        means: metric -> mean of each run, over the items that all runs have.
        losses: per stage and metric.
        items: how many parts, groups or objects all runs have.
        left_out: items that some run lacks; they are in no mean.
    """

    protocol: Protocol
    level: Level
    labels: tuple[str, ...]
    means: dict[str, tuple[float, ...]]
    losses: tuple[StageLoss, ...]
    items: int
    left_out: int

    def of_metric(self, metric: str) -> list[StageLoss]:
        """Losses by one metric, in the order of the stages."""
        return [loss for loss in self.losses if loss.metric == metric]

    def largest(self, metric: str) -> StageLoss | None:
        """The stage that loses most by a metric; None where none loses anything."""
        losing = [loss for loss in self.of_metric(metric) if loss.loss > 0]
        return max(losing, key=lambda loss: loss.loss, default=None)


def attribute_losses(
    runs: Sequence[AttributionRun],
    *,
    level: Level = "part",
    options: BootstrapOptions | None = None,
) -> list[Attribution]:
    """Tables stage x metric, one per protocol.

    Each run is "truth up to here, ours from here on": the difference of two neighbours is what
    the stage between them loses, given a true input. Only items that all runs have are compared;
    a failed one counts at its worst.

    Args:
        runs: in any order; each must replace all that a smaller one replaces.
        level: which rows to use.
        options: how intervals are drawn.

    Raises:
        InputError: fewer than two runs, runs that are no ladder, different protocols, or no item
            that all runs have.
    """
    ladder = sorted(runs, key=lambda run: len(run.replaced))
    _check_ladder(ladder)
    for run in ladder[1:]:
        refuse_other_protocols(ladder[0].rows, run.rows)
    return [
        _attribute(ladder, protocol, level, options)
        for protocol in protocols_of(ladder[0].rows)
        if level in protocol.levels or level == "object"
    ]


def _check_ladder(ladder: Sequence[AttributionRun]) -> None:
    if len(ladder) < 2:
        raise InputError(
            f"attribution: expected at least two runs, got {len(ladder)}; add one with a stage "
            "replaced by its truth"
        )
    for smaller, larger in itertools.pairwise(ladder):
        if not smaller.replaced < larger.replaced:
            one, other = (", ".join(sorted(run.replaced)) or "nothing" for run in (smaller, larger))
            raise InputError(
                f"attribution: a run that replaces {other} does not extend one that replaces "
                f"{one}; replace one stage more from run to run"
            )


def _label(run: AttributionRun, previous: AttributionRun | None) -> str:
    added = run.replaced - (previous.replaced if previous else frozenset())
    return " + ".join(name for name in _order() if name in added) if added else ALL_OURS


def _order() -> tuple[StageName, ...]:
    return ("plan", "isolate", "multiview", "reconstruct", "mesh", "assemble")


def _attribute(
    ladder: Sequence[AttributionRun],
    protocol: Protocol,
    level: Level,
    options: BootstrapOptions | None,
) -> Attribution:
    chosen = [
        [row for row in run.rows if row.level == level and row.protocol == protocol]
        for run in ladder
    ]
    merged = sorted((r for rows in chosen for r in rows), key=lambda r: (object_key(r), r.name))
    metrics = [FAILURE_RATE, *metric_columns(merged)]
    tables = [item_values(rows, metrics[1:]) for rows in chosen]
    everywhere = set.intersection(*(set(table) for table in tables))
    if not everywhere:
        raise InputError(
            f"attribution: no {level} is in all {len(ladder)} runs; evaluate the same objects"
        )
    kept = [{key: table[key] for key in everywhere} for table in tables]
    complete = [m for m in metrics if any(_has(kept, m, key) for key in everywhere)]
    kept = [_only_complete(table, kept, complete) for table in kept]
    previous = [None, *ladder[:-1]]
    labels = tuple(_label(run, before) for run, before in zip(ladder, previous, strict=True))
    return Attribution(
        protocol,
        level,
        labels,
        means={metric: tuple(_mean(table, metric) for table in kept) for metric in complete},
        losses=tuple(
            loss
            for index, label in enumerate(labels[1:])
            for loss in _losses(label, kept[index], kept[index + 1], complete, protocol, options)
        ),
        items=len(everywhere),
        left_out=len(set[ItemKey]().union(*tables)) - len(everywhere),
    )


def _has(tables: Sequence[dict[ItemKey, dict[str, float]]], metric: str, key: ItemKey) -> bool:
    return all(metric in table[key] for table in tables)


def _only_complete(
    table: dict[ItemKey, dict[str, float]],
    tables: Sequence[dict[ItemKey, dict[str, float]]],
    metrics: Sequence[str],
) -> dict[ItemKey, dict[str, float]]:
    """Values that all runs have for an item: all means are over the same items."""
    return {
        key: {metric: table[key][metric] for metric in metrics if _has(tables, metric, key)}
        for key in sorted(table)
    }


def _mean(table: dict[ItemKey, dict[str, float]], metric: str) -> float:
    return float(np.mean([values[metric] for values in table.values() if metric in values]))


def _losses(
    stage: str,
    before: dict[ItemKey, dict[str, float]],
    after: dict[ItemKey, dict[str, float]],
    metrics: Sequence[str],
    protocol: Protocol,
    options: BootstrapOptions | None,
) -> list[StageLoss]:
    found: list[StageLoss] = []
    for each in paired_differences(before, after, metrics, protocol, options):
        better: Literal["higher", "lower", "neither"] = facts_of(each.metric, protocol).better
        if better == "neither":
            continue
        interval, loss = each.interval, each.difference
        if better == "lower":
            loss = 0.0 - loss
            interval = interval and Interval(0.0 - interval.high, 0.0 - interval.low)
        found.append(
            StageLoss(
                stage, each.metric, each.first_mean, each.second_mean, loss, interval, each.pairs
            )
        )
    return found
