"""How the measuring commands run their flows, and what they end with."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from evaluation.reporting.attribution import Attribution
from evaluation.reporting.notices import hints_of, lost_in_words, shell_words
from evaluation.reporting.summary import FAILURE_RATE, LevelSummary, summarize
from evaluation.reporting.wording import (
    arrow,
    headline_metrics,
    mean_text,
    metric_title,
    number,
    percent,
    signed,
)
from evaluation.rows import ScoreRow
from flows.cli_prefect import import_prefect
from flows.cli_run import INCOMPLETE, running
from flows.evaluation_facts import published_command
from flows.evaluation_job import EvaluationJob, describe_job
from mmpart_core.hosted.spending import Account, spending
from mmpart_core.output.wording import spent

SHOWN_LOSSES = (FAILURE_RATE, "f_0.05", "chamfer", "volume_iou", "centroid_error_pct")
HINTS_TOLD = 6


def run_evaluation(job: EvaluationJob, console: Console, quiet: bool, verbose: bool) -> None:
    """Run the flow, print the table; objects that failed are named even when quiet.

    Raises:
        typer.Exit: 3 where some object failed or could not be scored.
    """
    import_prefect(verbose)
    from flows.evaluate_dataset import evaluate_dataset, incomplete_objects
    from flows.evaluation_progress import evaluation_shown

    with (
        published_command(sys.argv[1:], job),
        running(console, quiet, verbose, Path(job.report)),
        evaluation_shown(console, quiet),
        spending() as paid,
    ):
        rows = evaluate_dataset(job=job)
    if not quiet:
        for note in describe_job(job):
            console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        print_notices(console, rows)
        out = Console(highlight=False)
        print_summaries(out, summarize(rows))
        print_spent(out, paid, job.max_cost_usd)
        out.print(str(Path(job.report) / "index.html"), markup=False, soft_wrap=True)
    end_incomplete(incomplete_objects(job, rows), console)


def run_attribution(job: EvaluationJob, console: Console, quiet: bool, verbose: bool) -> None:
    """Run the flow, print the tables; objects that failed are named even when quiet.

    Raises:
        typer.Exit: 3 where some object failed or could not be scored, on whatever rung.
    """
    import_prefect(verbose)
    from flows.attribute_dataset import attribute_dataset
    from flows.evaluate_dataset import incomplete_objects
    from flows.evaluation_progress import evaluation_shown

    with (
        published_command(sys.argv[1:], job),
        running(console, quiet, verbose, Path(job.report)),
        evaluation_shown(console, quiet),
        spending() as paid,
    ):
        by_rung, tables = attribute_dataset(job=job)
    if not quiet:
        for note in describe_job(job):
            console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        out = Console(highlight=False)
        for table in tables:
            print_attribution(out, table)
        print_spent(out, paid, job.max_cost_usd)
        out.print(str(Path(job.report) / "index.html"), markup=False, soft_wrap=True)
    end_incomplete(incomplete_objects(job, [r for rows in by_rung for r in rows]), console)


def print_attribution(console: Console, attribution: Attribution) -> None:
    """The mean of each rung, and below it what the stage that was replaced loses."""
    metrics = [name for name in SHOWN_LOSSES if name in attribution.means]
    title = f"Protocol {attribution.protocol.name}, {attribution.items} {attribution.level}s"
    table = Table(title=title, title_justify="left")
    table.add_column("truth through")
    for metric in metrics:
        heading = f"{metric_title(metric)} {arrow(metric, attribution.protocol)}"
        table.add_column(heading.strip(), justify="right")
    for index, label in enumerate(attribution.labels):
        table.add_row(label, *(number(attribution.means[name][index]) for name in metrics))
        losses = [loss for loss in attribution.losses if loss.stage == label]
        if index and losses:
            found = {loss.metric: loss for loss in losses}
            gains = (signed(found[m].loss) if m in found else "" for m in metrics)
            table.add_row("  it loses", *gains, end_section=True)
    console.print(table)


def print_spent(console: Console, paid: Account, max_cost_usd: float | None) -> None:
    """What hosted models cost in this run, of what they were allowed; nothing without a call."""
    line = spent(paid.cost_usd, paid.usage)
    if line:
        allowed = "" if max_cost_usd is None else f", of ${max_cost_usd:,.2f} allowed"
        console.print(f"{line}{allowed}", markup=False, highlight=False, soft_wrap=True)


def end_incomplete(lines: Sequence[str], console: Console) -> None:
    """Name what is incomplete.

    Raises:
        typer.Exit: 3 where anything is.
    """
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if lines:
        raise typer.Exit(INCOMPLETE)


def print_summaries(console: Console, summaries: Sequence[LevelSummary]) -> None:
    """A table per protocol, of 80 columns at most: a metric's mean, below it its interval."""
    whole = [summary for summary in summaries if summary.category is None]
    for protocol in dict.fromkeys(summary.protocol for summary in whole):
        levels = [summary for summary in whole if summary.protocol == protocol]
        table = Table(title=f"Protocol {protocol.name}", title_justify="left")
        table.add_column("")
        for level in levels:
            table.add_column(level.level, justify="right")
        table.add_row("rows", *(str(level.rows) for level in levels))
        table.add_row("objects", *(str(level.objects) for level in levels))
        table.add_row("failed", *(percent(level.failure_rate) for level in levels))
        for metric in headline_metrics(levels):
            table.add_row(metric_title(metric), *(_cell(level, metric) for level in levels))
        console.print(table)
        if any(level.failed for level in levels) and protocol.failure_policy == "worst":
            console.print(
                "Failures count at each metric's worst value; 'made' is the mean of those made.",
                soft_wrap=True,
            )
        for level in levels:
            for line in shell_words(level):
                console.print(f"{level.level}s, {line}.", markup=False, soft_wrap=True)


def _cell(level: LevelSummary, metric: str) -> str:
    """A mean, below it its interval and, where something failed, the mean of what was made."""
    found = level.metric(metric)
    text = mean_text(found).replace(" [", "\n[")
    if found is None or found.success_mean is None or found.successes == found.count:
        return text
    return f"{text}\nmade {number(found.success_mean)}"


def print_notices(console: Console, rows: Sequence[ScoreRow]) -> None:
    """Suspicions and lost parts, a line each, so many at most that they are read."""
    lines = [f"hint: {each.line}" for each in hints_of(rows)]
    if len(lines) > HINTS_TOLD:
        lines = [*lines[:HINTS_TOLD], f"hint: {len(lines) - HINTS_TOLD} more on the page"]
    if lines:
        lines.append("hint: these are signs only; scores are of the predictions as they are")
    lost = lost_in_words(rows)
    for line in [*lines, *([f"note: {lost}"] if lost else [])]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
