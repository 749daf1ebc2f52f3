"""The commands that measure: ``mmpart evaluate``, ``mmpart attribute``, ``mmpart compare``.

Exit status as for ``mmpart generate``: 3 where some object failed or could not be scored.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli_evaluate_options import (
    GenerationOptions,
    PredictionOptions,
    ScoringOptions,
    with_options,
)
from flows.cli_group import UNUSABLE
from flows.cli_run import errors_end_with


def add_commands(app: typer.Typer) -> None:
    """Add the commands to ``mmpart``."""
    for command in (evaluate, attribute, compare):
        app.command()(command)


@with_options(ScoringOptions, PredictionOptions, GenerationOptions)
def evaluate(
    scoring: ScoringOptions,
    predictions: PredictionOptions,
    generation: GenerationOptions,
    generate: Annotated[
        bool, typer.Option("--generate", help="Make the predictions first, from renders.")
    ] = False,
) -> None:
    """Score predictions of a data set, or make them first: rows, tables and a report page."""
    from flows.cli_evaluate_run import run_evaluation
    from flows.evaluation_inputs import prepare_evaluation

    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        job = prepare_evaluation(scoring, predictions, generation, generate)
    run_evaluation(job, console, scoring.quiet, scoring.verbose)


@with_options(ScoringOptions, GenerationOptions)
def attribute(
    scoring: ScoringOptions,
    generation: GenerationOptions,
    stage: Annotated[
        list[str] | None,
        typer.Option(help="Replace this stage by its truth. Repeatable. Default: all that can be."),
    ] = None,
) -> None:
    """Which stage loses how much: each run has the truth up to a stage, ours from there on."""
    from flows.cli_evaluate_run import run_attribution
    from flows.evaluation_inputs import prepare_attribution

    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        job = prepare_attribution(scoring, generation, stage or ())
    run_attribution(job, console, scoring.quiet, scoring.verbose)


def compare(
    first: Annotated[Path, typer.Argument(help="A report's folder, or its rows.parquet.")],
    second: Annotated[Path, typer.Argument(help="Another of the same objects and protocols.")],
    report: Annotated[
        Path | None, typer.Option("--report", "-r", help="Write tables and a page to this folder.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write to --report although it holds other files.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No table.")] = False,
) -> None:
    """Paired differences of two runs, with confidence intervals."""
    from flows.cli_compare import compare_runs

    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        out = None if quiet else Console(highlight=False)
        compare_runs(first, second, report, out, overwrite=overwrite)
