"""The commands that measure: ``mmpart evaluate``, ``mmpart attribute``, ``mmpart compare``.

Exit status as for ``mmpart generate``: 3 where some object failed or could not be scored.
"""

from typing import Annotated

import typer
from rich.console import Console

from flows.cli_evaluate_options import (
    GenerationOptions,
    PredictionOptions,
    ScoringOptions,
    with_options,
)
from flows.cli_run import UNUSABLE, errors_end_with


def add_commands(app: typer.Typer) -> None:
    """Add the commands to ``mmpart``."""
    for command in (evaluate,):
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
        job = prepare_evaluation(scoring, predictions, generation if generate else None)
    run_evaluation(job, console, scoring.quiet, scoring.verbose)
