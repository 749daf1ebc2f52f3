"""What a deployment runs after a data set was made: ``mmpart evaluate --predictions`` as a flow."""

from pathlib import Path
from typing import Literal

from prefect import flow

from flows.cli_evaluate_options import GenerationOptions, PredictionOptions, ScoringOptions
from flows.evaluate_dataset import evaluate_dataset
from flows.evaluation_inputs import prepare_evaluation


@flow(  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
    name="score-predictions", flow_run_name="{dataset}", persist_result=False
)
def score_predictions(
    dataset: str,
    predictions: str,
    report: str,
    protocol: list[str] | None = None,
    store: str | None = None,
    limit: int | None = None,
    pool: Literal["auto", "here", "processes", "dask"] = "auto",
    scheduler: str | None = None,
    overwrite: bool = True,
) -> int:
    """Score predictions of a data set and write the report; gives the number of rows.

    Args:
        dataset: folder of the true objects, as the worker sees it.
        predictions: folder with a folder per object, as ``generate-dataset`` leaves it.
        report: folder for rows, tables and page.
        protocol: how to score; ``mmpart`` where not given.
        store: where scores are kept; as for the command where not given.
        limit: only the first so many objects.
        pool: where scores are computed.
        scheduler: of Dask, for that pool.
        overwrite: replace the report of an earlier run.

    Raises:
        InputError, ConfigError, StorageError: something given cannot be used.
    """
    scoring = ScoringOptions(
        dataset=Path(dataset), report=Path(report), protocol=protocol, limit=limit, pool=pool,
        scheduler=scheduler, store=store, overwrite=overwrite, quiet=True,
    )  # fmt: skip
    options = PredictionOptions(predictions=Path(predictions))
    job = prepare_evaluation(scoring, options, GenerationOptions(), generate=False)
    return len(evaluate_dataset(job))
