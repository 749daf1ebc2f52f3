"""What each metric of a row is: which way is better, its worst value, its unit, its meaning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evaluation.protocol import Protocol


@dataclass(frozen=True)
class MetricFacts:
    """One column of the score table.

    Attributes:
        better: which way is better; ``neither`` for plain counts.
        worst: the value a failure counts at, and no score is worse than; None for metrics that a
            failure does not have.
        unit: in words, empty for shares in 0 to 1.
        words: what it measures.
    """

    better: Literal["higher", "lower", "neither"]
    worst: float | None
    unit: str
    words: str


_PLAIN: dict[str, MetricFacts] = {
    "normal_consistency": MetricFacts("higher", 0.0, "", "agreement of nearest normals"),
    "volume_iou": MetricFacts("higher", 0.0, "", "occupied cells shared over occupied in either"),
    "voxel_f": MetricFacts("higher", 0.0, "", "F1 of occupied cells"),
    "bbox_iou": MetricFacts("higher", 0.0, "", "overlap of axis-aligned bounding boxes"),
    "centroid_error_pct": MetricFacts("lower", 100.0, "% of diagonal", "distance of centroids"),
    "scale_error_pct": MetricFacts("lower", 100.0, "% of diagonal", "difference of box diagonals"),
    "rotation_error_deg": MetricFacts("lower", 180.0, "degrees", "turn away from the truth"),
    "watertight": MetricFacts("higher", 0.0, "", "closed and consistently wound"),
    "watertight_share": MetricFacts("higher", 0.0, "", "share of parts that are watertight"),
    "components": MetricFacts("neither", None, "pieces", "connected components"),
    "penetration_pct": MetricFacts(
        "lower", 100.0, "% of smaller part", "volume shared by pairs of parts, mean over pairs"
    ),
    "penetration_max_pct": MetricFacts(
        "lower", 100.0, "% of smaller part", "volume shared by the worst pair of parts"
    ),
    "mutual_iou": MetricFacts("lower", 1.0, "", "overlap of parts with each other, contact counts"),
    "mutual_iou_max": MetricFacts("lower", 1.0, "", "overlap of the worst pair of parts"),
    "part_count_error": MetricFacts("lower", None, "parts", "parts too many or too few"),
    "name_accuracy": MetricFacts("higher", 0.0, "", "true parts whose match bears their name"),
    "success_rate": MetricFacts("higher", 0.0, "", "true parts that were made"),
    "psnr_db": MetricFacts("higher", 0.0, "dB", "renders against true views"),
    "ssim": MetricFacts("higher", 0.0, "", "renders against true views"),
    "silhouette_iou": MetricFacts("higher", 0.0, "", "overlap of silhouettes"),
    "input_psnr_db": MetricFacts("higher", 0.0, "dB", "render at the input view"),
    "input_ssim": MetricFacts("higher", 0.0, "", "render at the input view"),
    "input_silhouette_iou": MetricFacts("higher", 0.0, "", "silhouettes at the input view"),
    "lpips": MetricFacts("lower", 1.0, "", "learned perceptual distance of renders"),
    "clip_image": MetricFacts("higher", 0.0, "", "similarity of renders, CLIP"),
    "input_lpips": MetricFacts("lower", 1.0, "", "learned perceptual distance at the input view"),
    "photo_psnr_db": MetricFacts("higher", 0.0, "dB", "render against the real input picture"),
    "photo_ssim": MetricFacts("higher", 0.0, "", "render against the real input picture"),
    "photo_lpips": MetricFacts("lower", 1.0, "", "render against the real input picture"),
    "photo_clip_image": MetricFacts("higher", 0.0, "", "render and real input picture, CLIP"),
    "photo_silhouette_iou": MetricFacts(
        "higher", 0.0, "", "silhouettes of render and real input picture"
    ),
    "clip_text": MetricFacts("higher", 0.0, "", "similarity of a render and the part's name, CLIP"),
    "seconds": MetricFacts("neither", None, "s", "time of all stages"),
    "cost_usd": MetricFacts("neither", None, "USD", "money for all stages"),
    "gpu_seconds": MetricFacts("neither", None, "s", "time on a GPU, all stages"),
    "tokens": MetricFacts("neither", None, "tokens", "tokens of hosted models, all stages"),
    "peak_memory_mib": MetricFacts("neither", None, "MiB", "most memory held at once"),
    "peak_gpu_memory_mib": MetricFacts("neither", None, "MiB", "most GPU memory held at once"),
}
_ALONE = "shape_"
COST_METRICS = (
    "seconds", "gpu_seconds", "cost_usd", "tokens", "peak_memory_mib", "peak_gpu_memory_mib",
)  # fmt: skip
"""What making an object takes as a whole; a row lacks what its source does not know."""
_COST_ENDINGS = {"_s": ("s", "time"), "_usd": ("USD", "money"), "_tokens": ("tokens", "tokens"),
                 "_mib": ("MiB", "memory")}  # fmt: skip


def metric_facts(metric: str, protocol: Protocol, side: float = 2.0) -> MetricFacts:
    """Facts about a metric under a protocol.

    Distances between points are bounded by the diagonal of the cube around the frame: a failed
    part counts as that far away, and a score that is worse is cut there.

    Args:
        metric: a column of a row, for instance ``f_0.05`` or ``shape_chamfer``.
        protocol: what it was taken by.
        side: longest side of the true object in the protocol's frame.

    Raises:
        KeyError: no such metric.
    """
    name = metric.removeprefix(_ALONE)
    alone = ", each part in its own box" if name != metric else ""
    if name == "chamfer":
        longest = (2.0 if alone else side) * 3.0 ** (1.0 if protocol.norm == "l1" else 0.5)
        value = longest**2 if protocol.squared else longest
        worst = 2.0 * value if protocol.reduction == "sum" else value
        unit = "squared frame units" if protocol.squared else "frame units"
        return MetricFacts("lower", worst, unit, f"Chamfer distance{alone}")
    if name.startswith("f_"):
        return MetricFacts("higher", 0.0, "", f"F-score at distance {name[2:]}{alone}")
    if name not in _PLAIN:
        for ending, (unit, what) in _COST_ENDINGS.items():
            if name.endswith(ending):
                return MetricFacts("neither", None, unit, f"{what} of {name.removesuffix(ending)}")
    facts = _PLAIN[name]
    return MetricFacts(facts.better, facts.worst, facts.unit, facts.words + alone)


def is_stage_cost(metric: str, stages: Sequence[str]) -> bool:
    """Whether a metric says what one of some stages took.

    Example:
        >>> [is_stage_cost(name, ["mesh"]) for name in ("mesh_gpu_s", "mesh_s", "seconds")]
        [True, True, False]
    """
    return metric.endswith(tuple(_COST_ENDINGS)) and metric.split("_")[0] in stages


def bounded(metric: str, value: float, facts: MetricFacts) -> float:
    """A value cut at the metric's worst: no result scores worse than a failure."""
    if facts.worst is None or facts.better == "neither":
        return value
    return max(value, facts.worst) if facts.better == "higher" else min(value, facts.worst)
