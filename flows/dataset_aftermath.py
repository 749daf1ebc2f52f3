"""What a run that died left in Prefect: runs that seem to go on; they are told to be over."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType, TaskRun
from prefect.exceptions import PrefectException
from prefect.states import Crashed

Run = TypeVar("Run", FlowRun, TaskRun)
_GOING_ON = [StateType.RUNNING, StateType.PENDING, StateType.SCHEDULED, StateType.CANCELLING]
_UNENDED = FlowRunFilterState(type=FlowRunFilterStateType(any_=_GOING_ON))
_UNENDED_TASKS = TaskRunFilter(
    state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_GOING_ON))
)


def report_dead(flow_run: str, message: str = "Its process died.") -> None:
    """Set a data set's flow run, its objects' and their tasks' to Crashed where they have no end.

    A run may also have ended without Prefect's hearing of it, as its server was away.
    Silent where Prefect has no such run or does not answer: it is a monitor, not the record.

    Args:
        flow_run: id of the data set's flow run; empty does nothing.
        message: what the state says.
    """
    if not flow_run:
        return
    away = (RuntimeError, httpx.HTTPError, PrefectException)
    with suppress(*away), get_client(sync_client=True) as client:
        children = FlowRunFilterParentFlowRunId(any_=[UUID(flow_run)])
        itself = FlowRunFilterId(any_=[UUID(flow_run)])
        _crash_tasks(client, FlowRunFilter(parent_flow_run_id=children), message)
        _crash(client, FlowRunFilter(parent_flow_run_id=children, state=_UNENDED), message)
        # Its own tasks stand for its objects' runs, also for one that was about to begin.
        _crash_tasks(client, FlowRunFilter(id=itself), message)
        _crash(client, FlowRunFilter(id=itself, state=_UNENDED), message)


def _crash_tasks(client: SyncPrefectClient, flows: FlowRunFilter, message: str) -> None:
    for run in _pages(
        lambda: client.read_task_runs(flow_run_filter=flows, task_run_filter=_UNENDED_TASKS)
    ):
        client.set_task_run_state(run.id, Crashed(message=message), force=True)


def _crash(client: SyncPrefectClient, chosen: FlowRunFilter, message: str) -> None:
    for run in _pages(lambda: client.read_flow_runs(flow_run_filter=chosen)):
        client.set_flow_run_state(run.id, Crashed(message=message), force=True)


def _pages(read: Callable[[], list[Run]]) -> Iterator[Run]:
    """Each run once: a server tells of two hundred at a time, and may keep one as it is."""
    told: set[UUID] = set()
    while runs := [run for run in read() if run.id not in told]:
        told.update(run.id for run in runs)
        yield from runs


def report_leaving() -> None:
    """As ``report_dead``, of the flow run of this thread: called where the process ends at once."""
    from prefect.context import FlowRunContext

    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        report_dead(str(context.flow_run.id), "Stopped by a signal while work was going on.")
