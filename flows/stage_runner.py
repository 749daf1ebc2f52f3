"""Runs a piece of work as a Prefect task, from the flow."""

import contextvars
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State

from flows.progress import listener
from flows.refresh import Refresh
from mmpart_core import backends, stages
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import MMPartError, StorageError
from mmpart_core.pipeline import Branch, StageFailedError, failure_of
from mmpart_core.records import StageName, StageRun
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
    """

    def __init__(
        self,
        config: PipelineConfig,
        records: VerifiedRecords,
        seed: int,
        refreshes: Sequence[Refresh] = (),
    ) -> None:
        self._config = config
        self._records = records
        self._seed = seed
        self._refreshes = tuple(refreshes)

    def __call__(
        self, stage: StageName, component: str | None, inputs: Mapping[str, Any]
    ) -> tuple[Any, StageRun]:
        """See ``pipeline.StageRunner``."""
        news = listener.get()
        work = self._work(stage, component, inputs)
        started = time.perf_counter()
        news.started(stage, component)
        state = self._finished_state(stage, component, {**inputs, "work": work})
        try:
            record = self._record(state, work)
        except MMPartError as error:
            failure = failure_of(component, stage, error)
            news.failed(failure)
            raise StageFailedError(failure) from error
        if stage == "plan":
            news.planned(record)
        cached = state.name == CACHED
        run = StageRun(
            component=component,
            stage=stage,
            key=work.key,
            cached=cached,
            seconds=time.perf_counter() - started,
            cost_usd=0.0 if cached else getattr(record, "cost_usd", 0.0),
            backend=backends.backend_version(stage, work.choice.kind),
            seed=self._seed,
        )
        news.finished(run)
        return record, run

    def _work(self, stage: StageName, component: str | None, inputs: Mapping[str, Any]) -> Work:
        choice = self._config.choice(stage)
        return Work(
            component=component,
            key=stages.work_key(stage, inputs, choice, self._seed),
            choice=choice,
            seed=self._seed,
            store=self._records.url,
        )

    def _finished_state(
        self, stage: StageName, component: str | None, parameters: Mapping[str, Any]
    ) -> State[Any]:
        task = TASKS[stage]
        if any(refresh.covers(stage, component) for refresh in self._refreshes):
            task = task.with_options(refresh_cache=True)
        future = task.submit(**parameters)
        future.wait()
        return future.state

    def _record(self, state: State[Any], work: Work) -> Any:
        """What the task returned; raises what it raised.

        A record that was made but could not be stored is a failure: the next run would silently
        pay for it again. Prefect says so nowhere but in the record itself.
        """
        record = state.result(raise_on_failure=True)
        if state.name != CACHED and not getattr(state.data, "is_persisted", False):
            reason = self._records.write_fault(work.key) or "the result storage gave no reason"
            raise StorageError(f"{work.key[:20]} was made but its record was not stored: {reason}")
        return record


def side_by_side(workers: int) -> Callable[[Sequence[Callable[[], Branch]]], list[Branch]]:
    """Runs independent lines of work in threads, so that parts do not wait for each other.

    Args:
        workers: how many at a time; each has one task running at most, so this also bounds how
            many stages run side by side.
    """

    def run_branches(branches: Sequence[Callable[[], Branch]]) -> list[Branch]:
        stopped = Event()

        def run(branch: Callable[[], Branch]) -> Branch | None:
            return None if stopped.is_set() else branch()

        with ThreadPoolExecutor(workers, thread_name_prefix="part") as pool:
            futures = [
                pool.submit(contextvars.copy_context().run, run, branch) for branch in branches
            ]
            try:
                results = [future.result() for future in futures]
            except KeyboardInterrupt:
                stopped.set()
                raise
        return [branch for branch in results if branch is not None]

    return run_branches
