"""Where the measuring commands may write: nothing of another object or of the user is lost."""

from pathlib import Path

from evaluation.dataset_scoring import opened_dataset
from evaluation.reporting.tables import ROWS_FILE
from flows.drawn_objects import draw_object
from flows.evaluation_facts import RUN_FILE
from flows.evaluation_job import EvaluationJob, Generation
from flows.output_folder import check_folder, check_output, check_place, names_in, refuse_foreign
from mmpart_core.errors import ConfigError, MMPartError, StorageError
from mmpart_core.records import ObjectRequest
from mmpart_core.storage.opening import open_store


def check_outputs(job: EvaluationJob, output: Path, overwrite: bool) -> None:
    """Hold each object's folder to the rule of ``mmpart generate``, before any is made.

    A folder with the same object, made from the same picture of the same truth, is gone on with.
    Objects are drawn here only where something lies in their folder, and never twice.

    Args:
        job: its store is open; its rounds differ in back-ends, not in what is drawn.
        output: as it was given, for the message.
        overwrite: write although a folder holds another object, or other files.

    Raises:
        ConfigError: a folder cannot be a destination, or lies in the data set; says what to do.
        StorageError: the store cannot be used.
    """
    check_apart_from_data(output, Path(job.dataset), "--output")
    example = f"{output}-2"
    for object_id in job.object_ids:
        request: ObjectRequest | None = None
        for chosen in job.rounds:
            if chosen.generation is None or chosen.predictions is None:
                continue
            place = f"{chosen.predictions}/{object_id}"
            check_place(place, job.store, "--output")
            if overwrite or not _holds_something(Path(place)):
                continue
            request = request or _request(job, chosen.generation, object_id)
            if request is None:
                break
            check_output(place, job.store, request, overwrite=False, example=example)


def check_apart_from_data(folder: Path, dataset: Path, option: str) -> None:
    """Refuse to write into a data set: the next run would take what lies there for true objects.

    Args:
        folder: to be written.
        dataset: folder of the data set.
        option: the option that named the folder, for the message.

    Raises:
        ConfigError: it is or lies in the data set.
    """
    if folder.expanduser().resolve().is_relative_to(dataset.expanduser().resolve()):
        raise ConfigError(
            f"{option} '{folder}': is or lies in the data set '{dataset}', whose next evaluation "
            "would take it for true objects; choose a folder outside it"
        )


def check_report(report: Path, overwrite: bool, store_url: str | None = None) -> None:
    """Refuse a report's folder that cannot be written, or that holds something else than a report.

    Args:
        report: the folder.
        overwrite: write there although it holds other files.
        store_url: the store, which must not be mixed with reports; None where there is none.

    Raises:
        ConfigError: it cannot be used; says what to do.
    """
    if store_url is None:
        check_folder(str(report), "--report")
    else:
        check_place(str(report), store_url, "--report")
    names = names_in(str(report))
    if overwrite or ROWS_FILE in names or RUN_FILE in names:
        return
    refuse_foreign(str(report), "--report", names, f"{report}/report")


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _request(job: EvaluationJob, made: Generation, object_id: str) -> ObjectRequest | None:
    """What will be asked; None where the object cannot be made, so that nothing is written."""
    try:
        truth = opened_dataset(job.dataset, job.layout).load(object_id)
        return draw_object(truth, made, open_store(job.store))
    except (ConfigError, StorageError):
        raise
    except MMPartError:
        return None
