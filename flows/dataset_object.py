"""One object of a data set: a flow run of its own, its files, its rows."""

import asyncio
import contextvars
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Any

from prefect import flow, tags
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext, TagsContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.dataset_job import OBJECTS_FOLDER, PreparedJob
from flows.dataset_known import SCENE_FILE
from flows.dataset_outcomes import OutcomeRow, row_of_item, rows_of_result
from flows.dataset_scan import Todo
from flows.embedded_server import has_pages
from flows.generate_object import run_object, run_tags
from flows.threaded_flow import TASK_THREADS
from mmpart_core.errors import ConfigError, StorageError
from mmpart_core.hosted.answer_book import edition_of_answers
from mmpart_core.output import manifest
from mmpart_core.output.bundle import own_files, read_pictures, write_bundle
from mmpart_core.output.part_facts import gather_parts
from mmpart_core.records import ObjectRequest, ObjectResult
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store
from tasks._artifacts import publish_object

# A run of a hundred thousand objects shows the pictures of so many, and of so many incomplete ones:
# pictures are kept in the server's database, where they would soon be most of it.
PICTURED_OBJECTS = 100


class Pictured:
    """Whose pictures go to the server: the first objects made, and the first incomplete ones."""

    def __init__(self) -> None:
        self._left = {True: PICTURED_OBJECTS, False: PICTURED_OBJECTS}
        self._lock = Lock()

    def take(self, complete: bool) -> bool:
        """Whether one more may be shown; called once per object, from many threads."""
        with self._lock:
            self._left[complete] -= 1
            return self._left[complete] >= 0


@dataclass(frozen=True)
class Making:
    """What all objects of a run have in common.

    Attributes:
        prepared: the job.
        refresh: stages that are done again.
        threads: where objects are made, one thread each.
        stopped: once set, no stage is begun.
        pictured: whose pictures Prefect shows.
    """

    prepared: PreparedJob
    refresh: Sequence[str]
    threads: ThreadPoolExecutor
    stopped: Event
    pictured: Pictured = field(default_factory=Pictured)


class ObjectWork:
    """Makes one object inside its flow run.

    Args:
        making: what all objects have in common.
        todo: the object.
        request: its image and components, in the store.

    Attributes:
        rows: what became of it; none where it was left because the run was stopped.
        fatal: what no other object would fare better with: the run ends.
        begun: its flow run is there, and the work was begun.
    """

    def __init__(self, making: Making, todo: Todo, request: ObjectRequest) -> None:
        self._making = making
        self._todo = todo
        self._request = request
        self._started_at = datetime.now(UTC)
        self.rows: list[OutcomeRow] = []
        self.fatal: BaseException | None = None
        self.begun = False

    @property
    def tags(self) -> list[str]:
        """What its flow run can be filtered by."""
        prepared = self._making.prepared
        return run_tags(prepared.config, prepared.job.profile)

    def run(self) -> State[None]:
        """Make it, write its files, and give the state of its flow run."""
        self.begun = True
        started = time.perf_counter()
        result = None
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
            rows = [row_of_item(self._todo.item, "failed", error)]
            sizes = (None, None)
        self.rows = self._told(rows, sizes, time.perf_counter() - started)
        if result is not None and rows[0].state != "skipped" and has_pages():
            self._publish(result)
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
            profile=prepared.job.profile,
        )

    def _written(self, result: ObjectResult) -> tuple[int | None, int | None]:
        job, config = self._making.prepared.job, self._making.prepared.config
        store = open_store(self._making.prepared.store_url)
        if job.files == "all":
            write_bundle(result, store, self._destination, config=config)
        else:
            _write_scene(result, store, self._destination, self._making.prepared)
        target = FsspecStore(self._destination)
        scene = target.file_size(SCENE_FILE) if result.assembled is not None else None
        return scene, target.file_size(manifest.MANIFEST_FILE)

    @property
    def _destination(self) -> str:
        output = self._making.prepared.job.output.rstrip("/")
        return f"{output}/{OBJECTS_FOLDER}/{self._todo.item.name}"

    def _publish(self, result: ObjectResult) -> None:
        """What the server's pages show of it; its pictures where they were drawn for its files."""
        prepared, pictured = self._making.prepared, self._making.pictured
        drawn = prepared.job.files == "all" and pictured.take(result.complete)
        publish_object(
            result,
            open_store(prepared.store_url),
            pictures=(lambda: read_pictures(self._destination)) if drawn else None,
        )

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


async def make_tagged(make: Any, work: ObjectWork, name: str, image: str, parts: list[str]) -> None:
    """Have an object made in a flow run of its own; tags come with it and cost no request.

    Args:
        make: ``make_dataset_object``, bound to a runner.
        work: the object.
        name: see ``make_dataset_object``.
        image: see there.
        parts: see there.
    """
    object_work.set(work)
    with tags(*work.tags):
        await make(name=name, image=image, parts=parts, return_state=True)


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
    return await _made_in_thread()  # this body goes to Dask's workers by value, with what it names


async def _made_in_thread() -> State[None]:
    with TagsContext(current_tags=set()):  # tasks that bring tags along wait for the server's word
        context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(work_threads.get(), context.run, object_work.get().run)
