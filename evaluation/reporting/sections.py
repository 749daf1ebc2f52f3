"""What the page shows, section by section, made ready for the template."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.metric_facts import COST_METRICS, is_stage_cost
from evaluation.protocol import Level, Protocol, describe_protocol
from evaluation.reporting import charts
from evaluation.reporting.attribution import Attribution, StageLoss
from evaluation.reporting.compare import LevelComparison, MetricDifference
from evaluation.reporting.published import (
    PUBLISHED_TIMES,
    PublishedScore,
    PublishedTime,
    published_beside,
)
from evaluation.reporting.summary import FAILURE_RATE, LevelSummary, MetricSummary
from evaluation.reporting.tables import metric_columns
from evaluation.reporting.wording import (
    arrow,
    facts_of,
    headline_metrics,
    headline_names,
    metric_title,
)
from evaluation.reporting.worst import (
    PairLoader,
    WorstCase,
    ranking_metric,
    with_pictures,
    worst_cases,
)
from evaluation.rows import ScoreRow

_HEADLINE_ROWS = 16
_DISTRIBUTIONS = 4
_CATEGORY_METRICS = 2
_CARDS = 4
_STAGES = ("plan", "isolate", "multiview", "reconstruct", "mesh", "assemble")


@dataclass(frozen=True)
class CategoryLine:
    """One category at one level."""

    name: str
    summary: LevelSummary


@dataclass(frozen=True)
class CostSection:
    """What making an object took, and the published times to hold it against.

    Attributes:
        chart: mean time per stage.
        totals: of ``metric_facts.COST_METRICS`` those that some row knows.
        stages: what rows know per stage.
        units: by metric.
        published: times of other methods.
    """

    chart: str
    totals: tuple[MetricSummary, ...]
    stages: tuple[MetricSummary, ...]
    units: dict[str, str]
    published: tuple[PublishedTime, ...]


@dataclass(frozen=True)
class PublishedSection:
    """Published scores under the very same protocol and data set, ours among them."""

    metrics: tuple[str, ...]
    lines: tuple[PublishedScore, ...]
    ours: LevelSummary


@dataclass(frozen=True)
class ProtocolSection:
    """Everything about the rows of one protocol."""

    protocol: Protocol
    words: str
    levels: tuple[LevelSummary, ...]
    headlines: tuple[str, ...]
    distributions: tuple[str, ...]
    detail_level: Level
    category_metrics: tuple[str, ...]
    categories: tuple[CategoryLine, ...]
    category_chart: str
    ranking: str | None
    worst: tuple[WorstCase, ...]
    published: PublishedSection | None
    cost: CostSection | None


@dataclass(frozen=True)
class AttributionSection:
    """One table stage x metric with its waterfall."""

    attribution: Attribution
    metrics: tuple[str, ...]
    stages: tuple[tuple[str, dict[str, StageLoss]], ...]
    ranking: str | None
    largest: StageLoss | None
    waterfalls: tuple[str, ...]


def protocol_section(
    rows: Sequence[ScoreRow],
    summaries: Sequence[LevelSummary],
    load_pair: PairLoader | None = None,
    worst_count: int = 0,
    *,
    with_cost: bool = True,
) -> ProtocolSection:
    """Tables, charts and worst cases of the rows of one protocol.

    Args:
        rows: all of one protocol, at least one.
        summaries: of these rows.
        load_pair: gives objects for the pictures; None for none.
        worst_count: how many worst cases; 0 leaves them out.
        with_cost: show cost and time too; they are the same under all protocols.
    """
    protocol = rows[0].protocol
    levels = [summary for summary in summaries if summary.category is None]
    detail: Level = "part" if any(each.level == "part" for each in levels) else "object"
    split = [each for each in summaries if each.category is not None and each.level == detail]
    category_metrics = headline_metrics(split, _CATEGORY_METRICS)
    detailed = [row for row in rows if row.level == detail]
    ranking = ranking_metric(metric_columns(detailed))
    cases = worst_cases(rows, detail, ranking, worst_count) if ranking else []
    if load_pair is not None:
        cases = [with_pictures(case, protocol, load_pair) for case in cases]
    return ProtocolSection(
        protocol,
        describe_protocol(protocol),
        tuple(levels),
        tuple(headline_metrics(levels, _HEADLINE_ROWS)),
        tuple(_distributions(detailed, [s for s in levels if s.level == detail])),
        detail,
        tuple(category_metrics),
        tuple(CategoryLine(each.category or "", each) for each in split),
        _category_chart(split, ranking, protocol),
        ranking,
        tuple(cases),
        _published(rows, levels),
        _cost(levels) if with_cost else None,
    )


def attribution_section(attribution: Attribution) -> AttributionSection:
    """The table of losses by the metrics that say most, and a waterfall for two of them."""
    metrics = [name for name in _LOSS_METRICS if name in attribution.means]
    ranking = ranking_metric(list(attribution.means))
    if ranking and ranking not in metrics:
        metrics.insert(0, ranking)
    stages = dict.fromkeys(loss.stage for loss in attribution.losses)
    drawn = [name for name in dict.fromkeys([ranking, "chamfer"]) if name in attribution.means]
    return AttributionSection(
        attribution,
        tuple(metrics),
        tuple(
            (stage, {loss.metric: loss for loss in attribution.losses if loss.stage == stage})
            for stage in stages
        ),
        ranking,
        attribution.largest(ranking) if ranking else None,
        tuple(
            charts.waterfall(
                attribution.of_metric(name),
                metric_title(name),
                higher_is_better=facts_of(name, attribution.protocol).better == "higher",
            )
            for name in drawn
            if name and attribution.of_metric(name)
        ),
    )


def headline_cards(levels: Sequence[LevelComparison]) -> list[tuple[Protocol, MetricDifference]]:
    """The few differences to show first: of the first protocol, at its finest level."""
    if not levels:
        return []
    first = next((each for each in levels if each.level == "part"), levels[0])
    found = {each.metric: each for each in first.metrics}
    names = headline_names(list(found), _CARDS)
    return [(first.protocol, found[name]) for name in names]


_LOSS_METRICS = (
    FAILURE_RATE, "f_0.05", "chamfer", "volume_iou", "centroid_error_pct", "shape_f_0.05",
)  # fmt: skip


def _distributions(rows: Sequence[ScoreRow], levels: Sequence[LevelSummary]) -> list[str]:
    found: list[str] = []
    failed = sum(row.state == "failed" for row in rows)
    for metric in headline_metrics(levels, _DISTRIBUTIONS):
        values = sorted(
            row.values[metric] for row in rows if row.state == "scored" and metric in row.values
        )
        if values:
            facts = facts_of(metric, rows[0].protocol)
            share = facts.better == "higher" and not facts.unit
            title = f"{metric_title(metric)} {arrow(metric, rows[0].protocol)}".strip()
            found.append(
                charts.histogram(values, failed, title, (0.0, 1.0 if share else values[-1]))
            )
    return found


def _category_chart(split: Sequence[LevelSummary], ranking: str | None, protocol: Protocol) -> str:
    found = {
        each.category or "": summary
        for each in split
        if ranking and (summary := each.metric(ranking)) is not None
    }
    if ranking is None or not found:
        return ""
    sign = 1.0 if facts_of(ranking, protocol).better == "lower" else -1.0
    ordered = dict(sorted(found.items(), key=lambda item: (sign * item[1].mean, item[0])))
    return charts.interval_chart(ordered, f"{metric_title(ranking)} {arrow(ranking, protocol)}")


def _published(rows: Sequence[ScoreRow], levels: Sequence[LevelSummary]) -> PublishedSection | None:
    lines = published_beside(rows)
    ours = [each for each in levels if lines and each.level == lines[0].level]
    if not lines or not ours:
        return None
    return PublishedSection(tuple(lines[0].values), tuple(lines), ours[0])


def _cost(levels: Sequence[LevelSummary]) -> CostSection | None:
    whole = next((each for each in levels if each.level == "object"), None)
    if whole is None:
        return None
    stages = {
        stage: summary.mean
        for stage in _STAGES
        if (summary := whole.metric(f"{stage}_s")) is not None
    }
    known = (whole.metric(name) for name in COST_METRICS)
    totals = tuple(each for each in known if each is not None)
    others = tuple(each for each in whole.metrics if is_stage_cost(each.metric, _STAGES))
    if not others and not totals:
        return None
    names = [each.metric for each in (*totals, *others)]
    units = {name: facts_of(name, whole.protocol).unit for name in names}
    chart = charts.bars(stages, "Mean time per stage and object", "s") if stages else ""
    return CostSection(chart, totals, others, units, PUBLISHED_TIMES)
