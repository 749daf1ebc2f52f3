"""Which stage loses how much: the same objects, each time with one stage more from the truth."""

from pathlib import Path

from evaluation.protocol import Level
from evaluation.reporting.attribution import Attribution, AttributionRun, attribute_losses
from evaluation.reporting.report import ReportOptions, write_report
from evaluation.reporting.tables import write_rows
from evaluation.rows import ScoreRow
from flows.evaluate_dataset import pair_loader, score_rounds
from flows.evaluation_facts import report_command, write_run_file
from flows.evaluation_job import EvaluationJob, describe_job
from flows.threaded_flow import threaded_flow
from mmpart_core.errors import InputError

LEVELS: tuple[Level, ...] = ("part", "object")
RUNGS_FOLDER = "rungs"


@threaded_flow("attribute-dataset", "{job.dataset_name}")
def attribute_dataset(job: EvaluationJob) -> tuple[list[list[ScoreRow]], list[Attribution]]:
    """Score all objects on every rung, and write the report with the table stage x metric.

    Stages that two rungs have in common are made once. Rows of each rung are written to
    ``rungs/<rung>.parquet``, which ``mmpart compare`` reads.

    Args:
        job: with a round per rung, each replacing all that the one before it replaces.

    Returns:
        Rows of each rung, and the tables; none where no object came through all rungs.

    Raises:
        StorageError: the store or a folder cannot be used.
        ConfigError: a back-end cannot be used at all, or no Dask scheduler answers.
    """
    scored = score_rounds(job)
    by_rung = [each.rows for each in scored]
    folder = Path(job.report)
    for rung, rows in zip(job.rounds, by_rung, strict=True):
        write_rows(folder / RUNGS_FOLDER / f"{rung.name}.parquet", rows)
    write_run_file(job)
    found, notes = _tables(job, by_rung)
    options = ReportOptions(
        title=f"Stage attribution on {job.dataset_name}",
        command=report_command.get(),
        notes=(*describe_job(job), *notes),
        load_pair=pair_loader(job, job.rounds[0], scored[0].faults) if job.pictures else None,
        attributions=found,
    )
    write_report(folder, by_rung[0], options)
    return by_rung, found


def _tables(
    job: EvaluationJob, by_rung: list[list[ScoreRow]]
) -> tuple[list[Attribution], list[str]]:
    runs = [
        AttributionRun(frozenset(rung.replaced), rows)
        for rung, rows in zip(job.rounds, by_rung, strict=True)
    ]
    found: list[Attribution] = []
    notes: list[str] = []
    for level in LEVELS:
        try:
            found += attribute_losses(runs, level=level)
        except InputError as error:
            notes.append(f"No attribution of {level}s: {error}.")
    return found, notes
