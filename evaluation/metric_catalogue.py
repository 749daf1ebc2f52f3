"""Every metric of a row with its formula, range and source: what reports and the manual quote."""

from dataclasses import dataclass
from typing import Literal

from evaluation.functional.boxes import THINNEST_SHARE

Family = Literal[
    "distances", "normals", "occupancy", "boxes", "placement", "overlaps of parts", "renders"
]
Standing = Literal["after", "before"]

SHARE = "0 to 1"
UP = "from 0 up"
STANDINGS: dict[Family, Standing] = {
    "distances": "after", "normals": "after", "occupancy": "after", "boxes": "before",
    "placement": "before", "overlaps of parts": "before", "renders": "before",
}  # fmt: skip
"""What is taken where the prediction stands after a protocol's alignment, and what before it."""


@dataclass(frozen=True)
class MetricFacts:
    """One column of the score table.

    Attributes:
        better: which way is better; ``neither`` for plain counts.
        worst: the value a failure counts at, and no score is worse than; None for metrics that a
            failure does not have.
        unit: in words, empty for shares in 0 to 1.
        words: what it measures.
        span: the values it takes, in words.
        formula: how it is computed, in words and signs.
        source: who defined it; empty for ours.
        family: of metrics that depend on where the prediction stands; see ``STANDINGS``.
    """

    better: Literal["higher", "lower", "neither"]
    worst: float | None
    unit: str
    words: str
    span: str = SHARE
    formula: str = ""
    source: str = ""
    family: Family | None = None

    @property
    def standing(self) -> Standing | None:
        """Whether it is taken after or before an alignment; None where that makes no difference."""
        return None if self.family is None else STANDINGS[self.family]


def families_taken(standing: Standing) -> str:
    """What is taken after, or before, an alignment, in words.

    Example:
        >>> families_taken("after")
        'distances, normals and occupancy'
    """
    *others, last = [family for family, taken in STANDINGS.items() if taken == standing]
    return f"{', '.join(others)} and {last}"


_WANG = "Wang et al., 2004; scikit-image"
_ZHANG = "Zhang et al., 2018; torchmetrics"
_RADFORD = "Radford et al., 2021; transformers"
_LIN = "Lin et al., PartCrafter, 2025"
_COVERED = "-10 log10(mean squared error) over pixels that either side covers, at most 100"
_BOTH = "pixels in both / pixels in either"


def _share(words: str, formula: str, source: str = "", family: Family | None = None) -> MetricFacts:
    return MetricFacts("higher", 0.0, "", words, SHARE, formula, source, family)


def _likeness(words: str, formula: str, source: str = "") -> MetricFacts:
    return _share(words, formula, source, "renders")


def _psnr(words: str) -> MetricFacts:
    return MetricFacts("higher", 0.0, "dB", words, "0 to 100", _COVERED, "scikit-image", "renders")


def _lpips(words: str) -> MetricFacts:
    return MetricFacts(
        "lower", 1.0, "", words, SHARE, "distance of deep features, cut at 1", _ZHANG, "renders"
    )


def _overlap(words: str, over: str) -> MetricFacts:
    formula = f"{over} over pairs of parts of cells in both / cells in either, filled"
    return MetricFacts("lower", 1.0, "", words, SHARE, formula, _LIN, "overlaps of parts")


def _penetration(words: str, over: str) -> MetricFacts:
    return MetricFacts(
        "lower", 100.0, "% of smaller part", words, "0 to 100",
        f"volume inside both / volume of the smaller part, {over} pairs of closed parts",
    )  # fmt: skip


def _placement(unit: str, words: str, formula: str, worst: float = 100.0) -> MetricFacts:
    return MetricFacts("lower", worst, unit, words, f"0 to {worst:g}", formula, "", "placement")


def _count(unit: str, words: str, formula: str) -> MetricFacts:
    return MetricFacts("neither", None, unit, words, UP, formula)


PLAIN_METRICS: dict[str, MetricFacts] = {
    "normal_consistency": _share(
        "agreement of nearest normals",
        "mean of abs(cosine) of the normals of nearest points, both directions averaged",
        "Mescheder et al., Occupancy Networks, 2019", "normals",
    ),
    "volume_iou": _share(
        "occupied cells shared over occupied in either",
        "cells in both / cells in either; filled, but shells where the true surface is open",
        "Choy et al., 3D-R2N2, 2016", "occupancy",
    ),
    "open_truth": MetricFacts(
        "neither", None, "", "the true surface is open: its occupancy compares shells", "0 or 1",
        "1 where an edge of the true surface belongs to one face only",
    ),
    "voxel_f": _share(
        "F1 of occupied cells", "2 abs(A and B) / (abs(A) + abs(B))",
        "Yang et al., HoloPart, 2025", "occupancy",
    ),
    "bbox_iou": _share(
        "overlap of axis-aligned bounding boxes",
        "volume of both / volume of either; sides at least "
        f"{THINNEST_SHARE:g} of the true object's diagonal",
        "Huang et al., MIDI, 2025", "boxes",
    ),
    "centroid_error_pct": _placement(
        "% of diagonal", "distance of centroids",
        "distance of the surfaces' centres of mass / diagonal of the true object's box",
    ),
    "scale_error_pct": _placement(
        "% of diagonal", "difference of box diagonals",
        "abs(difference of the parts' box diagonals) / diagonal of the true object's box",
    ),
    "rotation_error_deg": _placement(
        "degrees", "turn away from the truth",
        "least angle among cube rotations refined by ICP that fit as well as the best", 180.0,
    ),
    "watertight": _share(
        "closed and consistently wound", "1 where each edge has two faces, one each way along it"
    ),
    "watertight_share": _share(
        "share of parts that are watertight", "watertight paired parts / true parts"
    ),
    "components": _count("pieces", "connected components", "pieces that share no vertex"),
    "penetration_pct": _penetration(
        "volume shared by pairs of parts, mean over pairs", "mean over"
    ),
    "penetration_max_pct": _penetration(
        "volume shared by the worst pair of parts", "greatest of all"
    ),
    "mutual_iou": _overlap("overlap of parts with each other, contact counts", "mean"),
    "mutual_iou_max": _overlap("overlap of the worst pair of parts", "greatest"),
    "part_count_error": MetricFacts(
        "lower", None, "parts", "parts too many or too few", UP, "abs(made - true)"
    ),
    "name_accuracy": _share(
        "true parts whose match bears their name",
        "true parts whose best fitting prediction has their name / true parts",
    ),
    "success_rate": _share("true parts that were made", "paired true parts / true parts"),
    "psnr_db": _psnr("renders against true views"),
    "ssim": _likeness("renders against true views", "mean over pixels, window of sigma 1.5", _WANG),
    "silhouette_iou": _likeness("overlap of silhouettes", _BOTH),
    "input_psnr_db": _psnr("render at the input view"),
    "input_ssim": _likeness("render at the input view", "as `ssim`", _WANG),
    "input_silhouette_iou": _likeness("silhouettes at the input view", _BOTH),
    "lpips": _lpips("learned perceptual distance of renders"),
    "clip_image": _likeness(
        "similarity of renders, CLIP", "cosine of the embeddings, cut at 0", _RADFORD
    ),
    "input_lpips": _lpips("learned perceptual distance at the input view"),
    "photo_psnr_db": _psnr("render against the real input picture"),
    "photo_ssim": _likeness("render against the real input picture", "as `ssim`", _WANG),
    "photo_lpips": _lpips("render against the real input picture"),
    "photo_clip_image": _likeness(
        "render and real input picture, CLIP", "as `clip_image`", _RADFORD
    ),
    "photo_silhouette_iou": _likeness("silhouettes of render and real input picture", _BOTH),
    "clip_text": _likeness(
        "similarity of a render and the part's name, CLIP", "cosine of the embeddings, cut at 0",
        _RADFORD,
    ),
    "seconds": _count("s", "time of all stages", "sum over stages that were made"),
    "cost_usd": _count("USD", "money for all stages", "sum over stages"),
    "gpu_seconds": _count("s", "time on a GPU, all stages", "sum over stages"),
    "tokens": _count("tokens", "tokens of hosted models, all stages", "sum over stages"),
    "peak_memory_mib": _count("MiB", "most memory held at once", "greatest of all stages"),
    "peak_gpu_memory_mib": _count("MiB", "most GPU memory held at once", "greatest of all stages"),
}  # fmt: skip
"""Metrics that have one name; see ``metric_facts`` for the others."""

COST_ENDINGS = {"_s": ("s", "time"), "_usd": ("USD", "money"), "_tokens": ("tokens", "tokens"),
                "_mib": ("MiB", "memory")}  # fmt: skip
"""What a stage took: ending of the metric's name -> unit, and what it counts."""
