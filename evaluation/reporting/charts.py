"""Charts as inline SVG: text stays text, colours follow the page's theme, no network.

matplotlib draws with a few fixed colours that are then replaced by the page's CSS variables, so
one drawing serves light, dark and print.
"""

import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

from evaluation.reporting.attribution import StageLoss
from evaluation.reporting.summary import MetricSummary
from evaluation.reporting.wording import number, signed

_COLORS = {
    "--ink": "#010203", "--soft": "#020304", "--line": "#030405", "--accent": "#040506",
    "--fail": "#050607", "--ok": "#060708",
}  # fmt: skip
_WIDTH_IN = 4.4
_BAR_IN = 0.3
_BINS = 20
_UNWANTED = re.compile(
    r'<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>| id="[a-z0-9]+_\d+"', re.S
)
_SIZE = re.compile(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"|(<svg [^>]*?)height="[^"]*"')


def histogram(values: Sequence[float], failed: int, title: str, span: tuple[float, float]) -> str:
    """How often a metric has which value; failures are named, not drawn among successes.

    Args:
        values: of successes.
        failed: how many failed beside them.
        title: of the metric.
        span: lowest and highest value to show; what lies outside counts in the outermost bar.
    """
    figure, axes = _figure(2.3)
    low, high = span if span[1] > span[0] else (span[0], span[0] + 1.0)
    shown = np.clip(np.asarray(values, dtype=np.float64), low, high)
    axes.hist(shown, bins=_BINS, range=(low, high), color=_COLORS["--accent"], rwidth=0.9)
    axes.set_xlim(low, high)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.set_title(title, loc="left", fontsize=10, color=_COLORS["--ink"])
    if failed:
        axes.set_title(f"{failed} failed", loc="right", fontsize=9, color=_COLORS["--fail"])
    _grid(axes, "y")
    return _svg(figure, f"Distribution of {title}: {len(values)} values, {failed} failed")


def interval_chart(summaries: Mapping[str, MetricSummary], title: str) -> str:
    """Means with their intervals, a line per name.

    Args:
        summaries: by category or level, drawn from the top.
        title: of the metric.
    """
    figure, axes = _figure(0.75 + _BAR_IN * len(summaries))
    for place, (name, each) in enumerate(summaries.items()):
        if each.interval is not None:
            ends = (each.interval.low, each.interval.high)
            axes.plot(ends, (place, place), color=_COLORS["--accent"], linewidth=2.5, alpha=0.45)
        axes.plot([each.mean], [place], "o", color=_COLORS["--accent"], markersize=6)
        axes.annotate(
            f"{name} ({each.count})", (0.0, place), xycoords=("axes fraction", "data"),
            xytext=(-6, 0), textcoords="offset points", ha="right", va="center", fontsize=9,
            color=_COLORS["--ink"],
        )  # fmt: skip
    axes.set_ylim(len(summaries) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_title(title, loc="left", fontsize=10, color=_COLORS["--ink"])
    _grid(axes, "x")
    return _svg(figure, f"{title} with intervals: " + ", ".join(summaries))


def waterfall(losses: Sequence[StageLoss], title: str, *, higher_is_better: bool) -> str:
    """From all stages ours to all replaced stages true, step by step.

    Args:
        losses: of one metric, in the order of the stages.
        title: of the metric.
        higher_is_better: which way is up.
    """
    figure, axes = _figure(1.1 + _BAR_IN * (len(losses) + 2))
    ends = (losses[0].before, losses[-1].after)
    places = (0, len(losses) + 1)
    axes.barh(places, ends, height=0.62, color=_COLORS["--soft"])
    names = ["all ours", *(loss.stage for loss in losses), "with truth in their place"]
    for place, value in zip(places, ends, strict=True):
        _label(axes, value, place, number(value))
    for place, loss in enumerate(losses, start=1):
        color = _COLORS["--fail" if loss.loss > 0 else "--ok"]
        axes.barh([place], [loss.after - loss.before], left=[loss.before], height=0.62, color=color)
        axes.plot([loss.after] * 2, [place - 0.31, place + 1.31], color=_COLORS["--line"], lw=1)
        _label(axes, max(loss.before, loss.after), place, f"{signed(loss.after - loss.before)}")
    axes.set_ylim(len(losses) + 1.6, -0.6)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    top = max(*ends, *(loss.after for loss in losses))
    axes.set_xlim(0.0, max(top * 1.2, 1e-9))
    way = "higher" if higher_is_better else "lower"
    axes.set_title(f"{title} ({way} is better)", loc="left", fontsize=10, color=_COLORS["--ink"])
    _grid(axes, "x")
    steps = ", ".join(f"{loss.stage} {signed(loss.loss)}" for loss in losses)
    return _svg(figure, f"Loss of each stage by {title}: {steps}")


def bars(values: Mapping[str, float], title: str, unit: str) -> str:
    """One bar per name, from the top, with its value."""
    figure, axes = _figure(0.75 + _BAR_IN * len(values))
    places = range(len(values))
    axes.barh(places, list(values.values()), height=0.62, color=_COLORS["--accent"])
    for place, value in zip(places, values.values(), strict=True):
        _label(axes, value, place, f"{value:.3g} {unit}")
    axes.set_yticks(places, list(values), fontsize=9)
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_xlim(0.0, max(*values.values(), 1e-9) * 1.25)
    axes.set_title(title, loc="left", fontsize=10, color=_COLORS["--ink"])
    _grid(axes, "x")
    return _svg(figure, f"{title}: " + ", ".join(f"{k} {number(v)}" for k, v in values.items()))


def _figure(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    return figure, figure.add_subplot()


def _label(axes: Axes, value: float, place: int, text: str) -> None:
    axes.annotate(
        text, (value, place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9,
        color=_COLORS["--ink"],
    )  # fmt: skip


def _grid(axes: Axes, axis: Any) -> None:
    """Only the lines that help to read a value."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_COLORS["--line"])
    axes.tick_params(length=0, pad=5, labelsize=9, colors=_COLORS["--soft"])
    if axis == "x":
        axes.tick_params(axis="y", colors=_COLORS["--ink"])
    axes.grid(axis=axis, color=_COLORS["--line"], linewidth=0.8)
    axes.set_axisbelow(True)


def _svg(figure: Figure, words: str) -> str:
    """The drawing as an SVG element that fills its box.

    Args:
        figure: what was drawn.
        words: what it shows, for who cannot see it.
    """
    for each in figure.findobj(Text):
        each.set_parse_math(False)  # pyright: ignore[reportAttributeAccessIssue]
    out = io.StringIO()
    style: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": words,
        "text.parse_math": False,
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        # names may be in any script; the browser has fonts for them
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = _SIZE.sub(r"\1\2", _UNWANTED.sub("", out.getvalue()), count=2)
    for name, color in _COLORS.items():
        text = text.replace(color, f"var({name})")
    label = words.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).strip()
