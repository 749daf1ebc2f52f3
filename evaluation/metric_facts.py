"""What each metric of a row is under a protocol: better, worst, before or after alignment."""

from collections.abc import Sequence
from dataclasses import replace

from evaluation.metric_catalogue import COST_ENDINGS, PLAIN_METRICS, SHARE, UP, MetricFacts
from evaluation.protocol import Protocol

__all__ = [
    "COST_METRICS", "MetricFacts", "bounded", "is_stage_cost", "metric_facts",
]  # fmt: skip

_ALONE = "shape_"
COST_METRICS = (
    "seconds", "gpu_seconds", "cost_usd", "tokens", "peak_memory_mib", "peak_gpu_memory_mib",
)  # fmt: skip
"""What making an object takes as a whole; a row lacks what its source does not know."""
_FAN = "Fan et al., 2017"
_KNAPITSCH = "Knapitsch et al., Tanks and Temples, 2017"


def metric_facts(metric: str, protocol: Protocol, side: float = 2.0) -> MetricFacts:
    """Facts about a metric under a protocol.

    Distances between points are bounded by the diagonal of the cube around the frame: a failed
    part counts as that far away, and a score that is worse is cut there. Where a protocol aligns
    shapes, the words say whether the metric was taken before or after it.

    Args:
        metric: a column of a row, for instance ``f_0.05`` or ``shape_chamfer``.
        protocol: what it was taken by.
        side: longest side of the true object in the protocol's frame.

    Raises:
        KeyError: no such metric.
    """
    name = metric.removeprefix(_ALONE)
    alone = name != metric
    if name == "chamfer":
        facts = _chamfer(protocol, 2.0 if alone else side)
    elif name.startswith("f_"):
        facts = _f_score(name[2:])
    elif name in PLAIN_METRICS:
        facts = PLAIN_METRICS[name]
    else:
        facts = _stage_cost(name)
    words = ", each part in its own box" if alone else ""
    if protocol.alignment != "none" and not alone and facts.standing:
        words = f", {facts.standing} alignment"
    return replace(facts, words=facts.words + words)


def _chamfer(protocol: Protocol, side: float) -> MetricFacts:
    longest = side * 3.0 ** (1.0 if protocol.norm == "l1" else 0.5)
    value = longest**2 if protocol.squared else longest
    worst = 2.0 * value if protocol.reduction == "sum" else value
    unit = "squared frame units" if protocol.squared else "frame units"
    power = "d^2" if protocol.squared else "d"
    half = "half of " if protocol.reduction == "mean" else ""
    formula = f"{half}mean {power}(p, T) + mean {power}(t, P)"
    span = f"0 to {worst:.4g}"
    return MetricFacts("lower", worst, unit, "Chamfer distance", span, formula, _FAN, "distances")


def _f_score(tau: str) -> MetricFacts:
    formula = f"2 P R / (P + R); P, R: shares of points strictly nearer than {tau}"
    words = f"F-score at distance {tau}"
    return MetricFacts("higher", 0.0, "", words, SHARE, formula, _KNAPITSCH, "distances")


def _stage_cost(name: str) -> MetricFacts:
    for ending, (unit, what) in COST_ENDINGS.items():
        if name.endswith(ending):
            return MetricFacts("neither", None, unit, f"{what} of {name.removesuffix(ending)}", UP)
    raise KeyError(name)


def is_stage_cost(metric: str, stages: Sequence[str]) -> bool:
    """Whether a metric says what one of some stages took.

    Example:
        >>> [is_stage_cost(name, ["mesh"]) for name in ("mesh_gpu_s", "mesh_s", "seconds")]
        [True, True, False]
    """
    return metric.endswith(tuple(COST_ENDINGS)) and metric.split("_")[0] in stages


def bounded(metric: str, value: float, facts: MetricFacts) -> float:
    """A value cut at the metric's worst: no result scores worse than a failure."""
    if facts.worst is None or facts.better == "neither":
        return value
    return max(value, facts.worst) if facts.better == "higher" else min(value, facts.worst)
