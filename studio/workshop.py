"""Runs the studio's work, one piece after another, beside the pages."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TypeVar

import httpx
from prefect.client.orchestration import get_client
from prefect.logging import get_logger
from prefect.settings import PREFECT_API_URL, PREFECT_UI_URL
from prefect.states import Cancelled

from flows.cli_prefect import server_needed
from flows.progress import listener
from mmpart_core.errors import MMPartError
from studio.library import ObjectLibrary
from studio.live import LiveRun
from studio.objects import KeptObject, State
from studio.work import Work

ResultT = TypeVar("ResultT")
STOPPED = "Stopped. What was finished is kept: start again, and it goes on from there."


class Workshop:
    """A queue of work with one thread; runs make their parts side by side themselves.

    Flows run with the settings (the Prefect server among them) of the thread that made this.

    Args:
        library: objects, which are told how their work ended.
    """

    def __init__(self, library: ObjectLibrary) -> None:
        self._library = library
        self._context = contextvars.copy_context()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="studio")
        self._lock = threading.Lock()
        self._live: dict[str, LiveRun] = {}

    def live(self, object_id: str) -> LiveRun | None:
        """What is being done for an object, or waits for its turn; None for nothing."""
        with self._lock:
            return self._live.get(object_id)

    def start(self, object_id: str, live: LiveRun, work: Work) -> bool:
        """Queue work for an object.

        Args:
            object_id: which.
            live: hears of it.
            work: what is done.

        Returns:
            False where something is being done for this object already; then nothing is queued.
        """
        with self._lock:
            if object_id in self._live:
                return False
            self._live[object_id] = live
        context = self._context.copy()
        future = self._pool.submit(context.run, _heard, live, work)
        future.add_done_callback(lambda done: self._ended(object_id, live, done))
        return True

    def call(self, function: Callable[[], ResultT]) -> ResultT:
        """Do something short at once, with the settings of this workshop; the queue does not wait.

        Args:
            function: runs a flow, for instance.

        Raises:
            ConfigError: Prefect's server went away.
        """
        return self._context.copy().run(_on_server, function)

    def close(self) -> None:
        """Stop everything, and wait until the work at hand is done."""
        with self._lock:
            running = list(self._live.values())
        for live in running:
            live.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _ended(self, object_id: str, live: LiveRun, done: Future[None]) -> None:
        error = CancelledError() if done.cancelled() else done.exception()
        trouble = self._trouble(error, live)
        self._context.copy().run(
            self._library.change, object_id, _ended_with(trouble, live.flow_run)
        )
        with self._lock:
            self._live.pop(object_id, None)

    def _trouble(self, error: BaseException | None, live: LiveRun) -> str:
        """What to tell of an error; what nobody raised on purpose goes to the log as well."""
        if error is None:
            return ""
        if isinstance(error, CancelledError):
            self._context.copy().run(_tell_server, live.flow_run)
            return STOPPED
        if isinstance(error, MMPartError):
            return str(error)
        get_logger("mmpart.studio").error("work ended with an error", exc_info=error)
        return (
            f"It ended with an unexpected {type(error).__name__}: {error}. This is a fault of the "
            "program or of the machine; the studio's log has its traceback."
        )


def _heard(live: LiveRun, work: Work) -> None:
    live.begin()
    live.raise_if_stopped()
    listener.set(live)
    _on_server(lambda: work(live))


def _on_server(function: Callable[[], ResultT]) -> ResultT:
    with server_needed():
        return function()


def _ended_with(trouble: str, flow_run: str) -> Callable[[KeptObject], KeptObject]:
    def change(kept: KeptObject) -> KeptObject:
        flow_runs = (*kept.flow_runs, flow_run) if flow_run else kept.flow_runs
        return kept.model_copy(
            update={
                "trouble": trouble,
                "flow_runs": flow_runs[-50:],
                "state": _state_after(kept, trouble),
            }
        )

    return change


def _state_after(kept: KeptObject, trouble: str) -> State:
    if not trouble:
        return kept.state
    if kept.result is not None:
        return "done"
    if kept.state == "planning":
        return "draft"
    return "stopped" if trouble == STOPPED else "broken"


def _tell_server(flow_run: str) -> None:
    """The run ended because somebody stopped it, not because of an error."""
    if not flow_run:
        return
    try:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run, Cancelled(message="Stopped by hand."), force=True)  # pyright: ignore[reportArgumentType]
    except (httpx.HTTPError, RuntimeError) as error:
        get_logger("mmpart.studio").warning("the server was not told of the stop: %s", error)


def run_page(flow_run: str) -> str:
    """Address of a flow run's page in the Prefect UI; empty where no server is configured.

    Args:
        flow_run: its id.
    """
    api = PREFECT_API_URL.value()
    if not flow_run or not api:
        return ""
    base = PREFECT_UI_URL.value() or api.removesuffix("/").removesuffix("/api")
    return f"{base.rstrip('/')}/runs/flow-run/{flow_run}"
