"""Two runs, or two methods of one, part by part: mean differences with bootstrap intervals."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reconstruction.parts import KnownPart
from benchmarks.reconstruction.rows import Row, read_condition, read_rows
from benchmarks.reconstruction.tables import SHOWN, Shown
from evaluation.reporting.bootstrap import Interval, mean_intervals
from mmpart_core.errors import InputError

Pairs = list[tuple[Row, Row]]


@dataclass(frozen=True)
class Side:
    """One method of one run.

    Attributes:
        label: run and method.
        condition: how its views were made, in words.
        rows: by part and seed.
    """

    label: str
    condition: str
    rows: Mapping[tuple[KnownPart, int], Row]


def read_side(text: str) -> Side:
    """``RUN:METHOD``, or ``RUN`` where it has one method only.

    Raises:
        InputError: no run, or no such method.
    """
    folder, colon, method = text.rpartition(":")
    path = Path(folder if colon else text)
    rows = read_rows(path)
    methods = list(dict.fromkeys(row.method for row in rows))
    if not colon and len(methods) == 1:
        method = methods[0]
    elif not colon or method not in methods:
        raise InputError(
            f"{text}: expected RUN:METHOD; methods of that run are {', '.join(methods)}"
        )
    own = {(row.part, row.seed): row for row in rows if row.method == method}
    return Side(f"{path.name}:{method}", read_condition(path).model_dump_json(), own)


def compare(first: Side, second: Side) -> str:
    """The comparison as Markdown: means of the pairs, second minus first, and what it shows.

    Raises:
        InputError: no part with the same seed is in both.
    """
    keys = sorted(set(first.rows) & set(second.rows))
    if not keys:
        raise InputError(f"{first.label}, {second.label}: no part with the same seed is in both")
    pairs = [(first.rows[key], second.rows[key]) for key in keys]
    objects = {part.object_id for part, _ in keys}
    lines = [
        f"# {second.label} against {first.label}",
        "",
        f"{len(pairs)} pairs (part and seed) of {len(objects)} objects; only in the first "
        f"{len(first.rows) - len(pairs)}, only in the second {len(second.rows) - len(pairs)}. "
        "Interval: 95 %, objects drawn with replacement.",
        "",
    ]
    if first.condition != second.condition:
        lines += [f"The views differ: {first.condition} and {second.condition}.", ""]
    lines += ["| figure | pairs | first | second | difference | interval | second is |",
              "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    lines += _figure_lines(pairs)
    failed = [sum(bool(row.failed) for row in side) for side in zip(*pairs, strict=True)]
    lines += ["", f"Failed: {failed[0]} in the first, {failed[1]} in the second."]
    return "\n".join([*lines, "", *_extremes(pairs)]) + "\n"


def differences(pairs: Pairs, figure: str) -> dict[str, list[float]]:
    """Second minus first by object, of the pairs that both have the figure."""
    found: dict[str, list[float]] = {}
    for one, two in pairs:
        if figure in one.figures and figure in two.figures:
            given = found.setdefault(one.part.object_id, [])
            given.append(two.figures[figure] - one.figures[figure])
    return found


def _figure_lines(pairs: Pairs) -> list[str]:
    by_figure = {shown.figure: differences(pairs, shown.figure) for shown in SHOWN}
    intervals = mean_intervals(by_figure)
    lines: list[str] = []
    for shown in SHOWN:
        both = [
            (one.figures[shown.figure], two.figures[shown.figure])
            for one, two in pairs
            if shown.figure in one.figures and shown.figure in two.figures
        ]
        if both:
            lines.append(_figure_line(shown, both, intervals[shown.figure]))
    return lines


def _figure_line(
    shown: Shown, both: Sequence[tuple[float, float]], interval: Interval | None
) -> str:
    first = statistics.fmean(one for one, _ in both)
    second = statistics.fmean(two for _, two in both)
    digits = shown.digits + 1
    between = (
        "-" if interval is None else f"{interval.low:+.{digits}f} to {interval.high:+.{digits}f}"
    )
    cells = [shown.title, str(len(both)), f"{first:.{digits}f}", f"{second:.{digits}f}",
             f"{second - first:+.{digits}f}", between, verdict(interval, shown)]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def verdict(interval: Interval | None, shown: Shown) -> str:
    """What the interval of a difference shows."""
    if interval is None:
        return "one object only"
    if interval.low <= 0.0 <= interval.high:
        return "no clear difference"
    return "better" if (interval.low > 0.0) == shown.higher_is_better else "worse"


def _extremes(pairs: Pairs) -> list[str]:
    """The parts whose F(0.02) changed most."""
    changes = sorted(
        (two.figures["f_02"] - one.figures["f_02"], str(one.part)) for one, two in pairs
    )
    shown = [*changes[:5], *changes[-5:]] if len(changes) > 10 else changes
    return ["F(0.02) changed most:", "", *(f"- {change:+.3f} {part}" for change, part in shown)]
