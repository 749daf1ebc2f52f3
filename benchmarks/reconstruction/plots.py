"""A run as pictures: how figures are distributed over the parts, and what they cost."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.reconstruction.rows import Row
from benchmarks.reconstruction.tables import SHOWN, Shown, definitions, values_of

DISTRIBUTIONS = "distributions.png"
COST = "cost.png"
_CURVES = ("f_02", "f_01", "recall_seen_02", "iou", "normals", "psnr_db")
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_DPI = 110


def write_plots(rows: Sequence[Row], folder: Path) -> None:
    """Both pictures.

    Args:
        rows: of ``rows.read_rows``, at least one.
        folder: where they go.
    """
    distributions(rows).savefig(folder / DISTRIBUTIONS, dpi=_DPI)
    cost(rows).savefig(folder / COST, dpi=_DPI)


def distributions(rows: Sequence[Row]) -> Figure:
    """For each figure, its value over the share of rows that are worse; a curve per method."""
    figure = Figure(figsize=(12.0, 7.0), layout="constrained")
    shown = {each.figure: each for each in SHOWN}
    for axes, name in zip(figure.subplots(2, 3).flat, _CURVES, strict=True):
        for place, method in enumerate(definitions(rows)):
            values = np.sort(values_of(rows, method, name))
            if len(values):
                share = (np.arange(len(values)) + 0.5) / len(values)
                axes.plot(share, values, marker=".", color=_color(place), label=method)
        axes.set_xlim(0.0, 1.0)
        _dress(axes, shown[name], "share of rows that are worse")
    _legend(figure)
    return figure


def cost(rows: Sequence[Row]) -> Figure:
    """Mean F(0.02) and held-out IoU over processor seconds and memory, with the middle half."""
    figure = Figure(figsize=(12.0, 4.5), layout="constrained")
    wanted = (("total_cpu_s", "f_02"), ("total_cpu_s", "iou"), ("peak_mb", "f_02"))
    shown = {each.figure: each for each in SHOWN}
    for axes, (price, name) in zip(figure.subplots(1, 3).flat, wanted, strict=True):
        for place, method in enumerate(definitions(rows)):
            prices, values = values_of(rows, method, price), values_of(rows, method, name)
            if prices and values:
                low, high = np.quantile(values, (0.25, 0.75))
                middle = statistics.median(prices)
                axes.plot([middle] * 2, [low, high], color=_color(place), alpha=0.5, lw=3)
                axes.plot(middle, statistics.fmean(values), "o", color=_color(place), label=method)
        if price == "total_cpu_s":
            axes.set_xscale("log")
        label = "processor seconds per part" if price == "total_cpu_s" else "largest memory, MB"
        _dress(axes, shown[name], f"{label} (median)")
    _legend(figure)
    return figure


def _color(place: int) -> str:
    return _COLORS[place % len(_COLORS)]


def _dress(axes: Axes, shown: Shown, below: str) -> None:
    axes.set_title(shown.title, loc="left", fontsize=11)
    axes.set_xlabel(below)
    axes.grid(visible=True, color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)


def _legend(figure: Figure) -> None:
    """One legend for all axes, below them."""
    found = {text: handle for axes in figure.axes
             for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)}  # fmt: skip
    if found:
        figure.legend(
            found.values(), found.keys(), loc="outside lower center", ncols=7, frameon=False
        )
