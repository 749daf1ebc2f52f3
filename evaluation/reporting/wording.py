"""Names and numbers as readers see them."""

import re
from collections.abc import Collection, Sequence

from evaluation.metric_facts import MetricFacts, metric_facts
from evaluation.protocol import Protocol
from evaluation.reporting.bootstrap import Interval
from evaluation.reporting.summary import FAILURE_RATE, LevelSummary, MetricSummary

_TITLES = {
    FAILURE_RATE: "failure rate",
    "chamfer": "Chamfer",
    "normal_consistency": "normal consistency",
    "volume_iou": "volume IoU",
    "open_truth": "open true surfaces",
    "voxel_f": "voxel F",
    "bbox_iou": "box IoU",
    "centroid_error_pct": "centroid error",
    "scale_error_pct": "scale error",
    "rotation_error_deg": "rotation error",
    "watertight": "watertight",
    "watertight_share": "watertight share",
    "penetration_pct": "penetration",
    "penetration_max_pct": "worst penetration",
    "mutual_iou": "mutual IoU",
    "mutual_iou_max": "worst mutual IoU",
    "part_count_error": "part-count error",
    "name_accuracy": "name accuracy",
    "success_rate": "parts made",
    "psnr_db": "PSNR",
    "ssim": "SSIM",
    "silhouette_iou": "silhouette IoU",
    "input_psnr_db": "PSNR, input view",
    "input_ssim": "SSIM, input view",
    "input_silhouette_iou": "silhouette IoU, input view",
    "lpips": "LPIPS",
    "clip_image": "CLIP image",
    "clip_text": "CLIP text",
    "input_lpips": "LPIPS, input view",
    "photo_psnr_db": "PSNR, input picture",
    "photo_ssim": "SSIM, input picture",
    "photo_lpips": "LPIPS, input picture",
    "photo_clip_image": "CLIP, input picture",
    "photo_silhouette_iou": "silhouette IoU, input picture",
    "seconds": "time",
    "cost_usd": "money",
    "gpu_seconds": "GPU time",
    "peak_memory_mib": "peak memory",
    "peak_gpu_memory_mib": "peak GPU memory",
}
_ALONE = "shape_"
_COST_TITLES = {"_gpu_s": "GPU time", "_s": "time", "_usd": "money", "_tokens": "tokens",
                "_gpu_mib": "peak GPU memory", "_mib": "peak memory"}  # fmt: skip
_COST_ENDING = re.compile("|".join(f"{ending}$" for ending in _COST_TITLES))
_HEADLINES = (
    "chamfer", "f_0.05", "volume_iou", "voxel_f", "bbox_iou", "normal_consistency",
    "centroid_error_pct", "shape_f_0.05", "watertight", "penetration_pct", "mutual_iou",
    "psnr_db", "silhouette_iou", "lpips", "clip_image", "clip_text",
)  # fmt: skip
_ARROWS = {"higher": "↑", "lower": "↓", "neither": ""}


def facts_of(metric: str, protocol: Protocol) -> MetricFacts:
    """Facts about a metric of a summary, the failure rate included."""
    if metric == FAILURE_RATE:
        return MetricFacts("lower", 1.0, "", "share of rows without a usable prediction")
    return metric_facts(metric, protocol)


def metric_title(metric: str) -> str:
    """A metric's name in words.

    Example:
        >>> metric_title("f_0.05"), metric_title("shape_chamfer"), metric_title("mesh_s")
        ('F@0.05', 'Chamfer, shape alone', 'time, mesh')
        >>> metric_title("mesh_gpu_s"), metric_title("plan_tokens")
        ('GPU time, mesh', 'tokens, plan')
    """
    name = metric.removeprefix(_ALONE)
    if name.startswith("f_"):
        title = f"F@{name[2:]}"
    elif name not in _TITLES and (ending := _COST_ENDING.search(name)):
        title = f"{_COST_TITLES[ending.group()]}, {name.removesuffix(ending.group())}"
    else:
        title = _TITLES.get(name, name.replace("_", " "))
    return f"{title}, shape alone" if name != metric else title


def arrow(metric: str, protocol: Protocol) -> str:
    """Which way is better, as an arrow; empty for plain counts."""
    return _ARROWS[facts_of(metric, protocol).better]


def unit(metric: str, protocol: Protocol) -> str:
    """What a metric is counted in; empty for shares, and for Chamfer, whose frame has no unit."""
    name = metric.removeprefix(_ALONE)
    return "" if name in (FAILURE_RATE, "chamfer") else facts_of(metric, protocol).unit


def number(value: float | None) -> str:
    """A number with about three digits; a dash where there is none.

    Example:
        >>> [number(v) for v in (0.12345, 23.456, 1234.5, None, 0.0, 0.00012)]
        ['0.123', '23.5', '1234', '–', '0', '0.00012']
    """
    if value is None:
        return "–"
    size = abs(value)
    if size == 0:
        return "0"
    if size < 0.001:
        return f"{value:.2g}"
    digits = 3 if size < 10 else 1 if size < 1000 else 0
    return f"{value:.{digits}f}"


def signed(value: float) -> str:
    """A difference with its sign.

    Example:
        >>> signed(0.5), signed(-0.25), signed(0.0)
        ('+0.500', '-0.250', '0')
    """
    return f"+{number(value)}" if value > 0 else number(value)


def percent(share: float | None) -> str:
    """A share in percent; a dash where there is none.

    Example:
        >>> percent(0.125), percent(None)
        ('12.5 %', '–')
    """
    return "–" if share is None else f"{100.0 * share:.1f} %"


def interval_text(interval: Interval | None) -> str:
    """An interval in brackets; empty where there is none."""
    return "" if interval is None else f"[{number(interval.low)}, {number(interval.high)}]"


def mean_text(summary: MetricSummary | None) -> str:
    """A mean with its interval; a dash where there is none."""
    if summary is None:
        return "–"
    return f"{number(summary.mean)} {interval_text(summary.interval)}".strip()


def headline_metrics(summaries: Sequence[LevelSummary], limit: int = 5) -> list[str]:
    """The few metrics to show first, of those that some of the summaries have.

    An F-score is always among them where there is one: F@0.05, else the widest.
    """
    return headline_names({each.metric for own in summaries for each in own.metrics}, limit)


def headline_names(present: Collection[str], limit: int) -> list[str]:
    """The few metrics to show first, of those given; see ``headline_metrics``."""
    chosen = [metric for metric in _HEADLINES if metric in present]
    scores = sorted((m for m in present if m.startswith("f_") and m[2:3].isdigit()), reverse=True)
    if scores and "f_0.05" not in present:
        chosen.insert(1, scores[0])
    return chosen[:limit]
