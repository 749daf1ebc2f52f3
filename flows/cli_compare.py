"""``mmpart compare``: two reports side by side."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from evaluation.reporting.compare import LevelComparison, compare_rows
from evaluation.reporting.report import ReportOptions, RunComparison, write_report
from evaluation.reporting.tables import read_rows
from evaluation.reporting.wording import arrow, interval_text, metric_title, number, signed
from flows.evaluation_output import check_report
from mmpart_core.errors import InputError


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
    if report is not None:
        _write(report, first, second, levels)
    if console is not None:
        print_comparison(console, levels, str(first), str(second))
        if report is not None:
            console.print(str(report / "index.html"), markup=False, soft_wrap=True)


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
        table = Table(title=title, title_justify="left")
        for heading in ("metric", first, second, "difference", f"{second} is"):
            table.add_column(heading, justify="left" if heading == "metric" else "right")
        for metric in each.metrics:
            interval = interval_text(metric.interval)
            table.add_row(
                f"{metric_title(metric.metric)} {arrow(metric.metric, each.protocol)}".strip(),
                number(metric.first_mean),
                number(metric.second_mean),
                f"{signed(metric.difference)} {interval}".strip(),
                metric.verdict,
            )
        console.print(table)


def _check_report(report: Path, first: Path, second: Path, overwrite: bool) -> None:
    check_report(report, overwrite)
    if report.resolve() in (first.resolve(), second.resolve()):
        raise InputError(
            f"--report '{report}': it is one of the two runs, whose page would be replaced; give "
            "another folder"
        )


def _write(report: Path, first: Path, second: Path, levels: Sequence[LevelComparison]) -> None:
    options = ReportOptions(
        title=f"{second} against {first}",
        comparison=RunComparison(str(first), str(second), levels),
    )
    write_report(report, read_rows(second), options)
