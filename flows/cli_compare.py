"""``mmpart compare``: two reports side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluation.reporting.compare import LevelComparison, Verdict, compare_rows
from evaluation.reporting.compare_text import verdict_words
from evaluation.reporting.report import ReportOptions, RunComparison, write_report
from evaluation.reporting.tables import ROWS_FILE, read_rows
from evaluation.reporting.wording import arrow, interval_text, metric_title, number, signed
from evaluation.rows import ScoreRow
from flows.evaluation_output import check_report
from mmpart_core.errors import InputError

_VERDICT_WIDTH = max(map(len, get_args(Verdict)))


def compare_runs(
    first: Path,
    second: Path,
    report: Path | None,
    console: Console | None,
    *,
    overwrite: bool = False,
) -> None:
    """Compare two runs, print the tables, write them where a folder is given.

    Args:
        first: a report's folder, or a Parquet file of rows.
        second: another.
        report: where tables and page go; the page shows the second run.
        console: where tables are printed; None for nowhere.
        overwrite: write there although it holds other files than a report's.

    Raises:
        InputError: no rows to read, other protocols, nothing in common.
        ConfigError: a folder that is none, cannot be written, or holds something else.
    """
    if report is not None:
        _check_report(report, first, second, overwrite)
    sides = [read_rows(path) for path in (first, second)]
    levels = compare_rows(*sides)
    names = run_names(first, second)
    if report is not None:
        _write(report, sides[1], RunComparison(*names, levels))
    if console is not None:
        print_comparison(console, levels, *names)
        if report is not None:
            console.print(str(report / "index.html"), markup=False, soft_wrap=True)


def run_names(first: Path, second: Path) -> tuple[str, str]:
    """What to call two runs: the ends of their paths, as short as tells them apart.

    Example:
        >>> run_names(Path("/x/a"), Path("b/rows.parquet"))
        ('a', 'b')
        >>> run_names(Path("x/report"), Path("y/report"))
        ('x/report', 'y/report')
    """
    sides = [_named_parts(path.resolve()) for path in (first, second)]
    for count in range(1, max(map(len, sides)) + 1):
        names = ["/".join(side[-count:]) for side in sides]
        if names[0] != names[1]:
            return names[0], names[1]
    return "first", "second"


def _named_parts(path: Path) -> list[str]:
    parts = [part for part in path.parts if part != path.anchor]
    return parts[:-1] if parts and parts[-1] == ROWS_FILE else parts


def print_comparison(
    console: Console, levels: Sequence[LevelComparison], first: str, second: str
) -> None:
    """A table per protocol and level.

    Args:
        console: where to.
        levels: from ``compare_rows``.
        first: what to call the first run.
        second: what to call the second run.
    """
    for each in levels:
        title = (
            f"Protocol {each.protocol.name}, {each.level}s: {each.pairs} paired, "
            f"{each.only_first} only in {first}, {each.only_second} only in {second}"
        )
        table = Table(
            title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1),
            pad_edge=False,
        )  # fmt: skip
        table.add_column("metric", overflow="fold")
        for heading in (first, second):
            table.add_column(Text(heading), justify="right", overflow="fold")
        table.add_column("change", justify="right", no_wrap=True)
        table.add_column("objects", justify="right", no_wrap=True)
        table.add_column(Text(f"{second} is"), justify="right", min_width=_VERDICT_WIDTH)
        for metric in each.metrics:
            table.add_row(
                f"{metric_title(metric.metric)} {arrow(metric.metric, each.protocol)}".strip(),
                number(metric.first_mean),
                number(metric.second_mean),
                signed(metric.difference),
                str(metric.objects),
                f"{metric.verdict}\n{interval_text(metric.interval)}".strip(),
            )
        console.print(table)
        for line in verdict_words(each):
            console.print(line, markup=False, soft_wrap=True)


def _check_report(report: Path, first: Path, second: Path, overwrite: bool) -> None:
    check_report(report, overwrite)
    if report.resolve() in (first.resolve(), second.resolve()):
        raise InputError(
            f"--report '{report}': it is one of the two runs, whose page would be replaced; give "
            "another folder"
        )


def _write(report: Path, second: Sequence[ScoreRow], found: RunComparison) -> None:
    options = ReportOptions(title=f"{found.second} against {found.first}", comparison=found)
    write_report(report, second, options)
