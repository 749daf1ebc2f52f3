"""One object of a data set: a flow run of its own, its files, its rows."""

import asyncio
import contextvars
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.dataset_job import OBJECTS_FOLDER, PreparedJob
from flows.dataset_known import SCENE_FILE
from flows.dataset_outcomes import OutcomeRow, row_of_error, rows_of_result
from flows.dataset_scan import Todo
from flows.generate_object import run_object
from flows.threaded_flow import TASK_THREADS
from mmpart_core.errors import ConfigError, StorageError
from mmpart_core.hosted.answer_book import edition_of_answers
from mmpart_core.output import manifest
from mmpart_core.output.bundle import own_files, write_bundle
from mmpart_core.output.part_facts import gather_parts
from mmpart_core.records import ObjectRequest, ObjectResult
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store


@dataclass(frozen=True)
class Making:
    """What all objects of a run have in common.

    Attributes:
        prepared: the job.
        refresh: stages that are done again.
        threads: where objects are made, one thread each.
        stopped: once set, no stage is begun.
    """

    prepared: PreparedJob
    refresh: Sequence[str]
    threads: ThreadPoolExecutor
    stopped: Event


class ObjectWork:
    """Makes one object inside its flow run.

    Args:
        making: what all objects have in common.
        todo: the object.
        request: its image and components, in the store.

    Attributes:
        rows: what became of it; none where it was left because the run was stopped.
        fatal: what no other object would fare better with: the run ends.
    """

    def __init__(self, making: Making, todo: Todo, request: ObjectRequest) -> None:
        self._making = making
        self._todo = todo
        self._request = request
        self._started_at = datetime.now(UTC)
        self.rows: list[OutcomeRow] = []
        self.fatal: BaseException | None = None

    def run(self) -> State[None]:
        """Make it, write its files, and give the state of its flow run."""
        started = time.perf_counter()
        try:
            with edition_of_answers(self._todo.edition):
                result = self._made()
            rows = rows_of_result(self._todo.item, result)
            sizes = self._written(result) if rows[0].state != "skipped" else (None, None)
            if rows[0].error == StorageError.__name__:  # the next object would fare no better
                self.fatal = StorageError(rows[0].message)
        except CancelledError:
            return Cancelled(message="The data set was stopped; a resumed run goes on from here.")
        except (ConfigError, StorageError) as error:
            self.fatal = error
            return Failed(message=str(error))
        except Exception as error:  # noqa: BLE001 - one object's failure never stops the others
            get_run_logger().exception("object %s was not made", self._todo.item.name)
            item = self._todo.item
            rows = [row_of_error(item.number, item.name, "failed", error, item.shown)]
            sizes = (None, None)
        self.rows = self._told(rows, sizes, time.perf_counter() - started)
        return state_of_row(self.rows[0])

    def _made(self) -> ObjectResult:
        prepared = self._making.prepared
        return run_object(
            self._request,
            prepared.config,
            prepared.store_url,
            self._todo.item.seed,
            refresh=self._making.refresh,
            probe=False,
            stopped=self._making.stopped,
        )

    def _written(self, result: ObjectResult) -> tuple[int | None, int | None]:
        job, config = self._making.prepared.job, self._making.prepared.config
        store = open_store(self._making.prepared.store_url)
        destination = f"{job.output.rstrip('/')}/{OBJECTS_FOLDER}/{self._todo.item.name}"
        if job.files == "all":
            write_bundle(result, store, destination, config=config)
        else:
            _write_scene(result, store, destination, self._making.prepared)
        target = FsspecStore(destination)
        scene = target.file_size(SCENE_FILE) if result.assembled is not None else None
        return scene, target.file_size(manifest.MANIFEST_FILE)

    def _told(
        self, rows: list[OutcomeRow], sizes: tuple[int | None, int | None], seconds: float
    ) -> list[OutcomeRow]:
        """The rows, with what only the whole run of the object knows."""
        context = FlowRunContext.get()
        run = context.flow_run if context else None
        todo = self._todo
        whole = rows[0].model_copy(
            update={
                "seconds": seconds,
                "spent_usd": todo.spent_usd + rows[0].cost_usd,
                "key": todo.key,
                "image_sha256": todo.image_sha256,
                "image_mark": todo.image_mark,
                "glb_bytes": sizes[0],
                "manifest_bytes": sizes[1],
                "deaths": todo.deaths,
                "started_at": self._started_at.isoformat(timespec="milliseconds"),
                "ended_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "flow_run": str(run.id) if run else None,
            }
        )
        return [whole, *rows[1:]]


def _write_scene(
    result: ObjectResult, store: FsspecStore, destination: str, prepared: PreparedJob
) -> None:
    """Write ``object.glb`` and the manifest only; the manifest is there first and last."""
    files = {SCENE_FILE: store.get(result.assembled.glb)} if result.assembled else {}
    facts = manifest.build_manifest(result, gather_parts(result), prepared.config)
    content = manifest.to_json(manifest.with_files(facts, files))
    target = FsspecStore(destination)
    earlier = target.read_file(manifest.MANIFEST_FILE)
    target.write_file(manifest.MANIFEST_FILE, content)
    for name in sorted(own_files(earlier) - set(files)):
        target.delete_file(name)
    for name, data in files.items():
        target.write_file(name, data)


def state_of_row(row: OutcomeRow) -> State[None]:
    """The state of an object's flow run: what the monitor shows is what the table says."""
    if row.state == "made":
        return Completed(message=f"{row.parts_made} parts")
    message = f"{row.error}: {row.message}"
    if row.state == "incomplete":
        made = f"{row.parts_made} of {row.parts} parts"
        return Completed(name="Incomplete", message=f"{made}; {message}")
    if row.state == "skipped":
        return Cancelled(name="Skipped", message=message)
    return Failed(message=message)


object_work: ContextVar[ObjectWork] = ContextVar("mmpart_object_work")
work_threads: ContextVar[ThreadPoolExecutor] = ContextVar("mmpart_work_threads")


# The values stay out of the parameters: a server would keep them for each of many thousands.
@flow(  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
    name="dataset-object",
    flow_run_name="{name}",
    task_runner=ThreadPoolTaskRunner(max_workers=TASK_THREADS),  # pyright: ignore[reportArgumentType]
    persist_result=False,
)
async def make_dataset_object(name: str, image: str, parts: list[str]) -> Any:
    """Make one object of a data set; called by ``generate_dataset``.

    An async flow, as a sync one costs a second at its end; the work itself goes on in a thread.

    Args:
        name: of the object.
        image: as the manifest names it.
        parts: the components.

    Returns:
        The state of this run.
    """
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(work_threads.get(), context.run, object_work.get().run)
