"""What score rows say together: counts, failure rates and means with intervals, per level."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.metric_facts import metric_facts
from evaluation.protocol import Level, Protocol
from evaluation.reporting.bootstrap import BootstrapOptions, Interval, mean_intervals
from evaluation.reporting.tables import metric_columns
from evaluation.rows import ScoreRow

LEVELS: tuple[Level, ...] = ("part", "group", "object")
FAILURE_RATE = "failure_rate"
OCCUPANCY_METRICS = ("volume_iou", "voxel_f", "shape_volume_iou", "shape_voxel_f")


@dataclass(frozen=True)
class MetricSummary:
    """One metric at one level of one protocol, over one category or all.

    Attributes:
        metric: its name; ``failure_rate`` for the share of rows that failed.
        count: rows with a value, failures at their worst value included.
        mean: over those; failed rows count at the worst value unless the protocol averages over
            successes.
        interval: of that mean.
        objects: how many objects those rows are of, which the interval was drawn from.
        successes: rows with a value that did not fail.
        success_mean: over successes only; None without any.
        median: over the rows of ``mean``.
    """

    metric: str
    count: int
    mean: float
    interval: Interval | None
    objects: int
    successes: int
    success_mean: float | None
    median: float


@dataclass(frozen=True)
class ShellSplit:
    """What an occupancy metric is over shells and over solids; failures are in neither.

    Open true surfaces enclose nothing, so they are compared as shells, which is stricter: a mean
    over both kinds is of neither.

    Attributes:
        metric: its name.
        shells: rows whose true surface is open.
        shell_mean: over those.
        solids: rows whose true surface is closed.
        solid_mean: over those; None where there are none.
    """

    metric: str
    shells: int
    shell_mean: float
    solids: int
    solid_mean: float | None


@dataclass(frozen=True)
class LevelSummary:
    """All rows of one level under one protocol, over one category or all.

    Attributes:
        protocol: of the rows.
        level: part, group or object.
        category: None for all.
        rows: how many there are.
        objects: how many objects they come from.
        scored: rows with a usable prediction.
        failed: rows without one.
        unscored: rows whose truth is not usable; they are in no rate and no mean.
        metrics: the failure rate, then a summary per metric.
        shells: per occupancy metric, where some row compares shells.
    """

    protocol: Protocol
    level: Level
    category: str | None
    rows: int
    objects: int
    scored: int
    failed: int
    unscored: int
    metrics: tuple[MetricSummary, ...]
    shells: tuple[ShellSplit, ...] = ()

    @property
    def failure_rate(self) -> float | None:
        """Failed over failed and scored; None where there are neither."""
        tried = self.scored + self.failed
        return self.failed / tried if tried else None

    def split(self, name: str) -> ShellSplit | None:
        """Shells and solids of a metric; None where no row compares shells."""
        return next((each for each in self.shells if each.metric == name), None)

    def metric(self, name: str) -> MetricSummary | None:
        """The summary of a metric; None where no row has it."""
        return next((each for each in self.metrics if each.metric == name), None)


def summarize(
    rows: Sequence[ScoreRow], *, options: BootstrapOptions | None = None
) -> list[LevelSummary]:
    """Summaries of all protocols and levels: first over all rows, then per category.

    The order of rows changes nothing. A failed row that lacks a metric which other rows of its
    level have counts at that metric's worst value, so failing never improves a mean.
    """
    found: list[LevelSummary] = []
    for protocol in protocols_of(rows):
        own = [row for row in rows if row.protocol == protocol]
        categories = sorted({row.category for row in own if row.category})
        for category in (None, *categories):
            chosen = own if category is None else [r for r in own if r.category == category]
            found += _levels(chosen, protocol, category, options)
    return found


def protocols_of(rows: Iterable[ScoreRow]) -> list[Protocol]:
    """The protocols of some rows, by name."""
    unique = {row.protocol.model_dump_json(): row.protocol for row in rows}
    return [unique[key] for key in sorted(unique, key=lambda key: (unique[key].name, key))]


def object_key(row: ScoreRow) -> str:
    """What tells the objects of several data sets apart."""
    return f"{row.dataset}\n{row.object_id}"


def values_of(row: ScoreRow, metrics: Sequence[str]) -> dict[str, float]:
    """The values a row counts with: its own, and the worst ones where it failed without them.

    Args:
        row: any row.
        metrics: what rows of its level are measured by.
    """
    if row.state == "unscored":
        return {}
    values = {metric: row.values[metric] for metric in metrics if metric in row.values}
    values[FAILURE_RATE] = 1.0 if row.state == "failed" else 0.0
    if row.state == "failed" and row.protocol.failure_policy == "worst":
        for metric in metrics:
            worst = metric_facts(metric, row.protocol).worst
            if worst is not None:
                values.setdefault(metric, worst)
    return values


def _levels(
    rows: Sequence[ScoreRow],
    protocol: Protocol,
    category: str | None,
    options: BootstrapOptions | None,
) -> list[LevelSummary]:
    present: list[Level] = [level for level in LEVELS if any(row.level == level for row in rows)]
    return [
        _level([r for r in rows if r.level == level], protocol, level, category, options)
        for level in present
    ]


def _level(
    rows: Sequence[ScoreRow],
    protocol: Protocol,
    level: Level,
    category: str | None,
    options: BootstrapOptions | None,
) -> LevelSummary:
    columns = metric_columns(sorted(rows, key=lambda row: (object_key(row), row.name)))
    names = [FAILURE_RATE, *columns]
    counted: dict[str, dict[str, list[float]]] = {name: {} for name in names}
    succeeded: dict[str, list[float]] = {name: [] for name in names}
    for row in rows:
        for metric, value in values_of(row, columns).items():
            counted[metric].setdefault(object_key(row), []).append(value)
            if row.state == "scored":
                succeeded[metric].append(value)
    intervals = mean_intervals(counted, options)
    return LevelSummary(
        protocol, level, category,
        rows=len(rows),
        objects=len({object_key(row) for row in rows}),
        scored=sum(row.state == "scored" for row in rows),
        failed=sum(row.state == "failed" for row in rows),
        unscored=sum(row.state == "unscored" for row in rows),
        metrics=tuple(
            _metric(name, counted[name], succeeded[name], intervals[name])
            for name in names
            if counted[name]
        ),
        shells=tuple(_shells(rows)),
    )  # fmt: skip


def _shells(rows: Sequence[ScoreRow]) -> list[ShellSplit]:
    found: list[ShellSplit] = []
    for metric in OCCUPANCY_METRICS:
        sides: tuple[list[float], list[float]] = ([], [])
        for row in rows:
            if row.state == "scored" and metric in row.values:
                is_shell = row.values.get("open_truth") == 1.0
                sides[not is_shell].append(row.values[metric])
        shells, solids = (sorted(values) for values in sides)
        if shells:
            solid_mean = float(np.mean(solids)) if solids else None
            shell_mean = float(np.mean(shells))
            found.append(ShellSplit(metric, len(shells), shell_mean, len(solids), solid_mean))
    return found


def _metric(
    name: str,
    by_object: dict[str, list[float]],
    successes: list[float],
    interval: Interval | None,
) -> MetricSummary:
    # sorted before they are summed: floating-point sums depend on the order
    values = np.sort(np.concatenate([np.array(given) for given in by_object.values()]))
    done = np.sort(np.array(successes))
    return MetricSummary(
        name,
        count=len(values),
        mean=float(values.mean()),
        interval=interval,
        objects=len(by_object),
        successes=len(done),
        success_mean=float(done.mean()) if len(done) else None,
        median=float(np.median(values)),
    )
