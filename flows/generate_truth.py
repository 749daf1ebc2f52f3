"""Makes predictions of true objects, for an evaluation."""

import json
from typing import Any

from prefect.logging import get_run_logger

from evaluation.dataset_scoring import opened_dataset
from flows.drawn_objects import draw_object
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.evaluation_progress import evaluation_listener
from flows.generate_object import generate_object
from mmpart_core.errors import ConfigError, InputError, StorageError
from mmpart_core.output import manifest
from mmpart_core.output.bundle import own_files, write_bundle
from mmpart_core.output.part_facts import gather_parts
from mmpart_core.records import ObjectResult
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store

_SCENE_FILE = "object.glb"


def generate_prediction(job: EvaluationJob, chosen: Round, object_id: str) -> str | None:
    """Make one object and write it where its round's predictions lie.

    Returns:
        Why there is nothing to score; None where there is, or where the truth itself cannot be
        read, which scoring finds out by itself.

    Raises:
        ConfigError: a back-end cannot be used at all, for no object.
        StorageError: the store, or the folder of the predictions, cannot be used.
    """
    made, folder = chosen.generation, chosen.predictions
    if made is None or folder is None:
        return None
    news = evaluation_listener.get()
    what = label_of_step(chosen, object_id)
    news.generating(what)
    result, fault = _generate(job, made, object_id)
    if result is not None:
        write_prediction(result, job.store, f"{folder}/{object_id}", made)
    news.generated(what, result, fault)
    return fault


def label_of_step(chosen: Round, object_id: str) -> str:
    """What to call one object of one round."""
    return f"{object_id} ({chosen.name})" if chosen.name else object_id


def _generate(
    job: EvaluationJob, made: Generation, object_id: str
) -> tuple[ObjectResult | None, str | None]:
    try:
        truth = opened_dataset(job.dataset, job.layout).load(object_id)
    except InputError:
        return None, None
    try:
        request = draw_object(truth, made, open_store(job.store))
        result = generate_object(
            request=request, config=made.config, store=job.store, seed=made.seed
        )
    except (ConfigError, StorageError):
        raise
    except Exception as error:  # noqa: BLE001 - one object's failure never stops the others
        get_run_logger().exception("object %s was not made", object_id)
        return None, f"not made: {type(error).__name__}: {error}"
    return result, None


def write_prediction(
    result: ObjectResult, store_url: str, destination: str, made: Generation
) -> None:
    """Write an object where it is scored; one that lies there already stays.

    What lies there says what making it took, which a run that found it stored cannot say.

    Raises:
        StorageError: the folder cannot be written.
    """
    target = FsspecStore(destination)
    wanted = "index.html" if made.whole_bundle else _SCENE_FILE
    if all(run.cached for run in result.runs) and _is_there(target, result, wanted):
        return
    store = open_store(store_url)
    if made.whole_bundle:
        write_bundle(result, store, destination, config=made.config)
        return
    made_scene = result.assembled
    files = {_SCENE_FILE: store.get(made_scene.glb)} if made_scene is not None else {}
    facts = manifest.build_manifest(result, gather_parts(result), made.config)
    # The manifest first: a run that breaks off here leaves a folder that says whose it is, and
    # lists what is missing. The files of what lay there go, also those that will be there again.
    for name in own_files(target.read_file(manifest.MANIFEST_FILE)):
        target.delete_file(name)
    target.write_file(manifest.MANIFEST_FILE, manifest.to_json(manifest.with_files(facts, files)))
    for name, data in files.items():
        target.write_file(name, data)


def _is_there(target: FsspecStore, result: ObjectResult, wanted: str) -> bool:
    """Whether the same work's files are in a folder, all of them."""
    content = target.read_file(manifest.MANIFEST_FILE)
    try:
        found: Any = json.loads(content) if content else None
        keys = [run["key"] for run in _runs(found)] if found else None
        failed = [fault["message"] for fault in found["failures"]] if found else None
        listed = {file["path"]: file["size"] for file in found["files"]} if found else {}
    except (ValueError, KeyError, TypeError):
        return False
    same = keys is not None and sorted(keys) == sorted(run.key for run in result.runs)
    if not same or failed != [] or result.failures:
        return False
    return wanted in listed and all(target.file_size(n) == size for n, size in listed.items())


def _runs(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [*found["stages"], *(run for part in found["parts"] for run in part["stages"])]
