"""Rows of parts as lines and tables."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.assembly.scoring import COUNTED

_SEEN = ((0.0, 0.05), (0.05, 0.25), (0.25, 0.5), (0.5, 0.9), (0.9, 1.0))


def line(row: dict[str, Any]) -> str:
    """One part."""
    name = f"{row['object']}/{row['part']}@{row['azimuth']:.0f}"
    return (
        f"{row['condition']:<10} {row['method']:<10} {name:<48} seen {100 * row['share']:3.0f} % "
        f"iou {row['iou']:.3f} centroid {row['centroid']:5.2f} scale {row['scale']:5.2f} "
        f"F {row['f_05']:.2f} outline {row['outline']:.2f} color {row['color']:.1f} "
        f"elevation {row['elevation_error']:+.1f} fov {row['fov_error']:+.1f} "
        f"pen {row['pen']:.2f}/{row['pen_true']:.2f} gap {row['gap']:.2f} "
        f"{row['seconds']:.1f} s {row['warnings']}"
    )


def report(rows: Sequence[dict[str, Any]]) -> str:
    """A line per condition and method: parts that are seen enough; then those that are not."""
    lines = [
        "| condition | method | parts | bbox IoU | median | < .5 | centroid % median (p90) "
        "| scale % median (p90) | F(0.05) | outline | color | around | elevation deg median (p90) "
        "| field of view deg median (p90) "
        "| pen % (truth's) | pen above truth's (objects below 1) | gap % "
        "| CPU s / object | IoU of hidden parts (n) |",
        "|---" * 19 + "|",
    ]
    for condition, method in dict.fromkeys((row["condition"], row["method"]) for row in rows):
        mine = [row for row in rows if (row["condition"], row["method"]) == (condition, method)]
        lines.append(_summary(condition, method, mine))
    return "\n".join([*lines, "", *_buckets(rows), "", *_sides(rows)])


def _sides(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Mean by which boxes of parts that are seen enough reach too far, % of the diagonal."""
    lines = ["| box too large by % | below | above | each side |", "|---" * 4 + "|"]
    for condition, method in dict.fromkeys((row["condition"], row["method"]) for row in rows):
        mine = [
            row
            for row in rows
            if (row["condition"], row["method"]) == (condition, method) and row["share"] >= COUNTED
        ]
        far = [np.mean([row[side] for row in mine]) for side in ("below", "above", "aside")]
        cells = [f"{round(float(each), 2) + 0.0:+.2f}" for each in far]
        lines.append(f"| {condition}, {method} | {' | '.join(cells)} |")
    return lines


def _buckets(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Mean bbox IoU, and parts, by how much of a part's silhouette the source shows."""
    names = ["hidden", *(f"{100 * low:.0f} to {100 * high:.0f} %" for low, high in _SEEN)]
    lines = [f"| visible | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for condition, method in dict.fromkeys((row["condition"], row["method"]) for row in rows):
        mine = [row for row in rows if (row["condition"], row["method"]) == (condition, method)]
        groups = [[row["iou"] for row in mine if row["share"] <= 0.0]] + [
            [row["iou"] for row in mine if low < row["share"] <= high] for low, high in _SEEN
        ]
        cells = [f"{np.mean(each):.3f} ({len(each)})" if each else "-" for each in groups]
        lines.append(f"| {condition}, {method} | {' | '.join(cells)} |")
    return lines


def _summary(condition: str, method: str, rows: list[dict[str, Any]]) -> str:
    counted = [row for row in rows if row["share"] >= COUNTED]
    others = [row["iou"] for row in rows if row["share"] < COUNTED]
    scenes = list({(row["object"], row["azimuth"]): row for row in rows}.values())

    def of(column: str, among: list[dict[str, Any]]) -> np.ndarray:
        return np.array([float(row[column]) for row in among])

    iou, centroid, scale = (of(column, counted) for column in ("iou", "centroid", "scale"))
    elevation, fov = (np.abs(of(f"{name}_error", scenes)) for name in ("elevation", "fov"))
    hidden = f"{np.mean(others):.3f} ({len(others)})" if others else "-"
    return (
        f"| {condition} | {method} | {len(counted)} | **{iou.mean():.3f}** | {np.median(iou):.3f} "
        f"| {(iou < 0.5).sum()} | {np.median(centroid):.2f} ({np.quantile(centroid, 0.9):.1f}) "
        f"| {np.median(scale):.2f} ({np.quantile(scale, 0.9):.1f}) "
        f"| {of('f_05', counted).mean():.3f} | {of('outline', counted).mean():.3f} "
        f"| {np.nanmean(of('color', counted)):.2f} "
        f"| {of('around', scenes).mean():.3f} "
        f"| {np.median(elevation):.1f} ({np.quantile(elevation, 0.9):.1f}) "
        f"| {np.median(fov):.1f} ({np.quantile(fov, 0.9):.1f}) "
        f"| {np.nanmean(of('pen', scenes)):.2f} ({np.nanmean(of('pen_true', scenes)):.2f}) "
        f"| {_excess(of('pen', scenes) - of('pen_true', scenes))} "
        f"| {np.nanmean(of('gap', scenes)):.2f} "
        f"| {of('seconds', scenes).mean():.1f} | {hidden} |"
    )


def _excess(above: np.ndarray) -> str:
    """Mean of what exceeds the truth, and the share of objects that stay below 1."""
    known = above[np.isfinite(above)]
    if not len(known):
        return "-"
    return f"{np.maximum(known, 0.0).mean():.2f} ({100.0 * (known < 1.0).mean():.0f} %)"
