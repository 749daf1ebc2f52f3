"""Runs a piece of work as a Prefect task, from the flow."""

import contextvars
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Event
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.exceptions import TerminationSignal
from prefect.utilities.annotations import opaque

from flows.progress import listener
from flows.refresh import Refresh
from flows.runner_binding import annotated
from mmpart_core import backends, stages
from mmpart_core.config import PipelineConfig
from mmpart_core.direct_runner import cost_of, failure_of
from mmpart_core.errors import ConfigError, MMPartError, StageFailedError, StorageError
from mmpart_core.hosted.spending import spending
from mmpart_core.pipeline import Branch
from mmpart_core.records import PartFailure, StageName, StageRun, component_label
from tasks._caching import VerifiedRecords
from tasks._runners import Work
from tasks.assemble import assemble_object
from tasks.isolate import isolate_part
from tasks.mesh import mesh_part
from tasks.multiview import generate_views
from tasks.plan import plan_parts
from tasks.reconstruct import reconstruct_part

TASKS: Mapping[StageName, Task[..., Any]] = {
    "plan": plan_parts,
    "isolate": isolate_part,
    "multiview": generate_views,
    "reconstruct": reconstruct_part,
    "mesh": mesh_part,
    "assemble": assemble_object,
}
CACHED = "Cached"


class PrefectRunner:
    """The pipeline's ``StageRunner`` for a flow: submits a task, waits, says what it took.

    Args:
        config: back-ends and settings.
        records: result storage of this flow run.
        seed: every random choice follows from it.
        refreshes: work that is done again although its record is there.
        part_seeds: seeds of parts that are not made with ``seed``, by component.
        stopped: see below; one that several runners share stops all of them.
        object_name: of the request, for the names of task runs.
        tags: of all task runs, beside those for their stage and back-end.

    Attributes:
        stopped: once set, no further work is begun.
    """

    def __init__(
        self,
        config: PipelineConfig,
        records: VerifiedRecords,
        seed: int,
        refreshes: Sequence[Refresh] = (),
        part_seeds: Mapping[str, int] | None = None,
        stopped: Event | None = None,
        object_name: str = "",
        tags: Sequence[str] = (),
    ) -> None:
        self._config = config
        self._records = records
        self._seed = seed
        self._refreshes = tuple(refreshes)
        self._part_seeds = dict(part_seeds or {})
        self.stopped = stopped or Event()
        self._object_name = object_name
        self._tags = tuple(tags)

    def __call__(
        self, stage: StageName, component: str | None, inputs: Mapping[str, Any]
    ) -> tuple[Any, StageRun]:
        """See ``direct_runner.StageRunner``.

        An error that nobody raised on purpose (memory, a fault in a package) is this part's
        failure too: the others go on, and the log has its traceback.

        Raises:
            StageFailedError: the work failed; it says what the work took until then.
            ConfigError: a back-end cannot be used at all; this stops the run: the other lines
                begin nothing more.
            CancelledError: the run was stopped.
        """
        if self.stopped.is_set():
            raise CancelledError
        news = listener.get()
        work = self._work(stage, component, inputs)
        started = time.perf_counter()
        news.started(stage, component)
        with spending() as account:
            state = self._finished_state(stage, component, {**inputs, "work": work})
            record = self._outcome(state, work)
        if isinstance(record, ConfigError):
            self.stopped.set()
            raise record
        cached = state.name == CACHED
        run = StageRun(
            component=component,
            stage=stage,
            key=work.key,
            cached=cached,
            failed=isinstance(record, Exception),
            seconds=time.perf_counter() - started,
            cost_usd=0.0 if cached else cost_of(record, account),
            usage=account.usage,
            backend=backends.backend_version(stage, work.choice.kind),
            seed=work.seed,
        )
        if isinstance(record, Exception):
            failure = _failure(component, stage, record)
            news.failed(failure)
            raise StageFailedError(failure, run) from record
        if stage == "plan":
            news.planned(record)
        news.finished(run)
        return record, run

    def _work(self, stage: StageName, component: str | None, inputs: Mapping[str, Any]) -> Work:
        choice = self._config.choice(stage)
        seed = self._seed if component is None else self._part_seeds.get(component, self._seed)
        return Work(
            component=component,
            key=stages.work_key(stage, inputs, choice, seed),
            choice=choice,
            seed=seed,
            store=self._records.url,
            scheduler=self._config.scheduler if self._config.runner == "dask" else None,
            object_name=self._object_name,
            tags=(*self._tags, f"stage:{stage}", f"backend:{choice.kind}"),
        )

    def _finished_state(
        self, stage: StageName, component: str | None, parameters: Mapping[str, Any]
    ) -> State[Any]:
        task = TASKS[stage]
        if any(refresh.covers(stage, component) for refresh in self._refreshes):
            task = task.with_options(refresh_cache=True)
        if self._config.runner != "dask-tasks":  # there Dask makes plain tuples of Prefect's marks
            parameters = {name: _unopened(value) for name, value in parameters.items()}
        with annotated(self._config, stage, self._config.choice(stage)):
            future = task.submit(**parameters)
        future.wait()
        return future.state

    def _outcome(self, state: State[Any], work: Work) -> Any:
        """What the task returned, or the error it ended with.

        A record that was made but could not be stored is a failure: the next run would silently
        pay for it again. Prefect says so nowhere but in the record itself.
        """
        # _sync: this may be a thread of an async flow run
        outcome: Any = state.result(raise_on_failure=False, _sync=True)  # pyright: ignore[reportCallIssue]
        stored = state.name == CACHED or getattr(state.data, "is_persisted", False)
        if state.is_completed() and not stored:
            reason = self._records.write_fault(work.key) or "the result storage gave no reason"
            lost = StorageError(f"{work.key[:20]} was made but its record was not stored: {reason}")
            lost.cost_usd = getattr(outcome, "cost_usd", 0.0)
            return lost
        return outcome


def _unopened(value: Any) -> Any:
    """A task's parameter that Prefect does not look into: there are no futures in our records.

    It would walk through all their fields, twice for each task, a tenth of what one found in the
    store takes. That a record came from another task it still sees.
    """
    return tuple(map(opaque, value)) if isinstance(value, tuple) else opaque(value)


def _failure(component: str | None, stage: StageName, error: Exception) -> PartFailure:
    failure = failure_of(component, stage, error)
    if isinstance(error, MMPartError):
        return failure
    message = (
        f"{stage} of {component_label(component)} ended with an unexpected {failure.error}: "
        f"{error}; this is a fault of the program or of the machine, the log has its traceback"
    )
    return failure.model_copy(update={"message": message})


def side_by_side(
    workers: int, stopped: Event
) -> Callable[[Sequence[Callable[[], Branch]]], list[Branch]]:
    """Runs independent lines of work in threads, so that parts do not wait for each other.

    Args:
        workers: how many at a time; each has one task running at most, so this also bounds how
            many stages run side by side.
        stopped: set on Ctrl-C and SIGTERM, so that no line goes on.
    """

    def run_branches(branches: Sequence[Callable[[], Branch]]) -> list[Branch]:
        with ThreadPoolExecutor(workers, thread_name_prefix="part") as pool:
            futures = [pool.submit(contextvars.copy_context().run, branch) for branch in branches]
            try:
                return [future.result() for future in futures]
            except (KeyboardInterrupt, TerminationSignal):
                stopped.set()
                raise
            except CancelledError:
                # One line stopped the others; what stopped it is what matters.
                reasons = [future.exception() for future in futures]
                for reason in reasons:
                    if reason is not None and not isinstance(reason, CancelledError):
                        raise reason from None
                raise

    return run_branches
