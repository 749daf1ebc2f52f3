"""A run as Markdown: mean, median and worst tenth of every method, and the worst parts."""

from collections.abc import Callable, Sequence

import pandas as pd

from benchmarks.reconstruction.condition import Condition

# Column, title, digits, and whether more is better.
SHOWN: tuple[tuple[str, str, int, bool], ...] = (
    ("f_02", "F(0.02)", 3, True),
    ("f_01", "F(0.01)", 3, True),
    ("chamfer", "Chamfer", 4, False),
    ("normals", "normals", 3, True),
    ("recall_seen_02", "recall seen", 3, True),
    ("f_seen_02", "F seen", 3, True),
    ("iou", "IoU", 3, True),
    ("psnr_db", "PSNR", 1, True),
    ("color_psnr_db", "PSNR in", 1, True),
    ("watertight", "closed", 2, True),
    ("faces", "faces", 0, False),
    ("train_cpu_s", "train s", 1, False),
    ("total_cpu_s", "total s", 1, False),
    ("peak_mb", "MB", 0, False),
)
WORST = 12
_LEGEND = """\
Longest side of the truth 1. F, Chamfer (sum of both ways) and normals against the outer surface;
'recall seen' at 0.02 on what a training view sees, 'F seen' with the precision against the outer
surface. IoU and PSNR over eight held-out views; PSNR over what either side covers, 'PSNR in' over
what both do. Seconds of the processor, of training and until the coloured mesh; MB is the largest
resident memory with all libraries. A failure counts 0 in F, recall, normals, IoU and closed, and
is left out of the rest."""


def report(table: pd.DataFrame, condition: Condition, left_out: Sequence[str]) -> str:
    """The whole report.

    Args:
        table: rows of ``rows.read_rows``.
        condition: how the views were made.
        left_out: parts that were too small.
    """
    parts = table[["object", "part"]].drop_duplicates()
    said = ", ".join(f"{key} {value}" for key, value in condition.model_dump().items())
    worse = {title: 0.1 if better else 0.9 for _, title, _, better in SHOWN}
    blocks = [
        "# Reconstruct and mesh on known parts",
        f"{len(parts)} parts of {parts['object'].nunique()} objects, seeds "
        f"{sorted(table['seed'].unique().tolist())}; {said}.",
        _LEGEND,
        "## Mean", _block(table, lambda values, _: values.mean()),
        "## Median", _block(table, lambda values, _: values.median()),
        "## Worst tenth (a tenth of the parts is worse)",
        _block(table, lambda values, title: values.quantile(worse[title])),
        "## Lowest F(0.02)", _worst(table),
    ]  # fmt: skip
    failures = table[table["failed"] != ""]
    if len(failures):
        lines = [f"- {r.method}: {r.object}/{r.part} (seed {r.seed}): {r.failed}"
                 for r in failures.itertuples()]  # fmt: skip
        blocks += ["## Failures", "\n".join(lines)]
    if left_out:
        blocks += ["## Left out", "\n".join(f"- {line}" for line in left_out)]
    return "\n\n".join(blocks) + "\n"


def method_order(table: pd.DataFrame) -> list[str]:
    """Methods in the order in which they came."""
    return list(dict.fromkeys(table["method"]))


def _block(table: pd.DataFrame, figure: Callable[[pd.Series, str], float]) -> str:
    titles = ["method", "rows", "failed", *(title for _, title, _, _ in SHOWN)]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for method in method_order(table):
        rows = table[table["method"] == method]
        failed = float((rows["failed"] != "").mean())
        cells = [method, str(len(rows)), f"{failed:.1%}"]
        for column, title, digits, _ in SHOWN:
            values = rows[column].dropna().astype(float)
            cells.append(f"{figure(values, title):.{digits}f}" if len(values) else "-")
        lines.append(_line(cells))
    return "\n".join(lines)


def _worst(table: pd.DataFrame) -> str:
    """The parts on which the best method is worst, with all methods' F(0.02)."""
    methods = method_order(table)
    wide = table.pivot_table(index=["object", "part"], columns="method", values="f_02")
    wide = wide.reindex(columns=methods).assign(best=wide.max(axis=1)).sort_values("best")
    lines = [_line(["part", *methods]), _line(["---"] * (len(methods) + 1))]
    for (name, part), values in wide.head(WORST).iterrows():
        cells = ["-" if pd.isna(values[each]) else f"{values[each]:.3f}" for each in methods]
        lines.append(_line([f"{name}/{part}", *cells]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
