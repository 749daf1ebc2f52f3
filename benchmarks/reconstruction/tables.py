"""A run as Markdown: mean, median and worst tenth of every method, and the worst parts."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.parts import KnownPart
from benchmarks.reconstruction.rows import Row


@dataclass(frozen=True)
class Shown:
    """A column of the tables.

    Attributes:
        figure: its name in the rows.
        title: its name in tables and plots.
        digits: after the point.
        higher_is_better: which way is better.
    """

    figure: str
    title: str
    digits: int
    higher_is_better: bool


SHOWN = (
    Shown("f_02", "F(0.02)", 3, True),
    Shown("f_01", "F(0.01)", 3, True),
    Shown("chamfer", "Chamfer", 4, False),
    Shown("normals", "normals", 3, True),
    Shown("recall_seen_02", "recall seen", 3, True),
    Shown("f_seen_02", "F seen", 3, True),
    Shown("iou", "IoU", 3, True),
    Shown("psnr_db", "PSNR", 1, True),
    Shown("color_psnr_db", "PSNR in", 1, True),
    Shown("watertight", "closed", 2, True),
    Shown("faces", "faces", 0, False),
    Shown("train_cpu_s", "train s", 1, False),
    Shown("total_cpu_s", "total s", 1, False),
    Shown("peak_mb", "MB", 0, False),
)
WORST_PARTS = 12
_LEGEND = """\
Longest side of the truth 1. F, Chamfer (sum of both ways) and normals against the outer surface;
'recall seen' at 0.02 of what a training view sees, 'F seen' with the precision against the outer
surface. IoU and PSNR over eight held-out views; PSNR over what either side covers, 'PSNR in' over
what both do. Seconds of the processor, of training and until the coloured mesh; MB is the largest
resident memory with all libraries. A failure counts 0 in F, recall, normals, IoU and closed, and
is left out of the rest."""


def report(rows: Sequence[Row], condition: Condition, left_out: Sequence[str]) -> str:
    """The whole report.

    Args:
        rows: of ``rows.read_rows``, at least one.
        condition: how the views were made.
        left_out: parts that were too small.
    """
    parts = {row.part for row in rows}
    objects = {part.object_id for part in parts}
    said = ", ".join(f"{key} {value}" for key, value in condition.model_dump().items())
    seeds = ", ".join(str(seed) for seed in sorted({row.seed for row in rows}))
    blocks = [
        "# Reconstruct and mesh on known parts",
        f"{len(parts)} parts of {len(objects)} objects; seeds {seeds}; {said}.",
        _LEGEND,
        "## Mean",
        _block(rows, lambda values, _: statistics.fmean(values)),
        "## Median",
        _block(rows, lambda values, _: statistics.median(values)),
        "## Worst tenth (a tenth of the rows is worse)",
        _block(rows, worst_tenth),
        "## Lowest F(0.02)",
        _lowest(rows),
        "## Methods",
        "\n".join(f"- {name}: `{text}`" for name, text in definitions(rows).items()),
    ]
    shared = common_rows(rows)
    if 0 < len(shared) < len(rows):
        blocks[3:3] = [
            f"## Mean of the {len({(row.part, row.seed) for row in shared})} that all methods have",
            _block(shared, lambda values, _: statistics.fmean(values)),
        ]
    failures = [f"{row.method}: {row.part} (seed {row.seed}): {row.failed}"
                for row in rows if row.failed]  # fmt: skip
    for title, lines in (("## Failures", failures), ("## Left out", left_out)):
        blocks += [title, "\n".join(f"- {line}" for line in lines)] if lines else []
    return "\n\n".join(blocks) + "\n"


def definitions(rows: Sequence[Row]) -> dict[str, str]:
    """Methods in the order in which they came, and what each is."""
    return {row.method: row.definition for row in rows}


def common_rows(rows: Sequence[Row]) -> list[Row]:
    """Rows of the parts and seeds that every method has a row for: what can be compared."""
    methods: dict[tuple[KnownPart, int], set[str]] = {}
    for row in rows:
        methods.setdefault((row.part, row.seed), set()).add(row.method)
    everywhere = set(definitions(rows))
    return [row for row in rows if methods[row.part, row.seed] == everywhere]


def values_of(rows: Sequence[Row], method: str, figure: str) -> list[float]:
    """A figure of all rows of a method that have it."""
    return [row.figures[figure] for row in rows if row.method == method and figure in row.figures]


def worst_tenth(values: Sequence[float], shown: Shown) -> float:
    """What a tenth of the values is worse than."""
    return float(np.quantile(values, 0.1 if shown.higher_is_better else 0.9))


def _block(rows: Sequence[Row], reduce: Callable[[list[float], Shown], float]) -> str:
    titles = ["method", "rows", "failed", *(shown.title for shown in SHOWN)]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for method in definitions(rows):
        own = [row for row in rows if row.method == method]
        failed = sum(bool(row.failed) for row in own) / len(own)
        cells = [method, str(len(own)), f"{failed:.1%}"]
        for shown in SHOWN:
            values = values_of(own, method, shown.figure)
            cells.append(f"{reduce(values, shown):.{shown.digits}f}" if values else "-")
        lines.append(_line(cells))
    return "\n".join(lines)


def _lowest(rows: Sequence[Row]) -> str:
    """The parts on which the best method is worst, with all methods' F(0.02)."""
    methods = list(definitions(rows))
    scores: dict[KnownPart, dict[str, list[float]]] = {}
    for row in rows:
        scores.setdefault(row.part, {}).setdefault(row.method, []).append(row.figures["f_02"])
    means = {
        part: {method: statistics.fmean(values) for method, values in of_part.items()}
        for part, of_part in scores.items()
    }
    lines = [_line(["part", *methods]), _line(["---"] * (len(methods) + 1))]
    for part in sorted(means, key=lambda part: max(means[part].values()))[:WORST_PARTS]:
        cells = [f"{means[part][m]:.3f}" if m in means[part] else "-" for m in methods]
        lines.append(_line([str(part), *cells]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
