"""How the command line uses Prefect: quietly, without telemetry, with or without a server."""

import atexit
import logging
import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.embedded_server import START_TIMEOUT_S, EmbeddedServer, no_iri_grammar
from flows.log_file import open_log
from mmpart_core.errors import ConfigError
from mmpart_core.quoting import first_line

# Read by Prefect when it is imported; what the user has set stays.
_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The recorder's batches hold one event by default, which keeps up with 20 tasks a second.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
}
_QUIET = {"PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL"}
# For the server of one run: nobody opens its pages, its user's automations, schedules and workers
# belong to theirs, and events that it keeps are nine tenths of what its database grows by.
_EMBEDDED = {
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
}
DRAIN_TIMEOUT_S = 10.0


def _set_environment(verbose: bool) -> None:
    """Set what Prefect reads when it is imported."""
    for name, value in {**_DEFAULTS, **({} if verbose else _QUIET)}.items():
        os.environ.setdefault(name, value)


def import_prefect(verbose: bool) -> None:
    """Import Prefect, and meanwhile let a server start where none is configured.

    The server loads as long as Prefect does, in a process of its own; ``prefect_session`` takes
    it over. Call before anything else imports Prefect.

    Args:
        verbose: the server's log goes to stderr.
    """
    _set_environment(verbose)
    if not os.environ.get("PREFECT_API_URL") and "prefect" not in sys.modules:
        _early.start(verbose)
    with no_iri_grammar():
        import prefect.context  # noqa: F401  # pyright: ignore[reportUnusedImport]


class _EarlyServer:
    """At most one server that was started before it was known whether it is needed."""

    def __init__(self) -> None:
        self._server: EmbeddedServer | None = None

    def start(self, verbose: bool) -> None:
        if self._server is None:
            self._server = EmbeddedServer({**os.environ, **_EMBEDDED}, verbose)
            atexit.register(self.drop)

    def take(self) -> EmbeddedServer | None:
        server, self._server = self._server, None
        return server

    def drop(self) -> None:
        server = self.take()
        if server is not None:
            server.stop(0.0)


_early = _EarlyServer()


@contextmanager
def prefect_session(verbose: bool, log_folder: Path | None) -> Generator[None]:
    """A reachable Prefect server, and its log in a file instead of on the terminal.

    Heartbeats are off: they tell a server that a worker far away is alive, and cost a second at
    the end of every run.

    Args:
        verbose: leave Prefect's log on the terminal.
        log_folder: where ``mmpart.log`` goes; None for nowhere.

    Raises:
        ConfigError: the server that is configured cannot be reached, or none can be started.
    """
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    if not verbose:
        _take_log_off_terminal()
    with (
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
        reachable_server(verbose),
        _log_in(None if verbose else log_folder),
    ):
        yield


def check_server() -> str:
    """Where the Prefect server is; starts one, and ends it, where none is configured.

    Raises:
        ConfigError: it cannot be reached or started.
    """
    with reachable_server(verbose=False) as (address, embedded):
        return f"{address} (started for this run)" if embedded else address


@contextmanager
def reachable_server(verbose: bool) -> Generator[tuple[str, bool]]:
    """Within: a Prefect server answers; gives its address, and whether it was started for this.

    Raises:
        ConfigError: it cannot be reached or started.
    """
    from prefect.settings import PREFECT_API_URL

    configured = PREFECT_API_URL.value()
    if configured:
        _early.drop()
        _check_configured(configured)
        yield configured, False
        return
    with _embedded_server(verbose) as address:
        yield address, True


@contextmanager
def server_needed() -> Generator[None]:
    """Within: a flow that ends because Prefect's server went away says so.

    Raises:
        ConfigError: it gave no usable answer; names it, and says what to do.
    """
    import httpx
    from prefect.settings import PREFECT_API_URL

    try:
        yield
    except (RuntimeError, httpx.HTTPError) as error:
        reason = error if isinstance(error, httpx.HTTPError) else error.__cause__
        if not isinstance(reason, httpx.HTTPError):
            raise
        raise ConfigError(
            f"Prefect server {PREFECT_API_URL.value()}: gave no answer to go on with "
            f"({first_line(reason) or type(reason).__name__}); what was finished is kept: see to "
            "the server, then start again"
        ) from error


def report_crash() -> None:
    """Tell the server that this thread's flow run ends here; silent where it does not listen."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.context import FlowRunContext
    from prefect.states import Crashed

    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    state = Crashed(message="Stopped by a signal while work was going on.")
    with suppress(RuntimeError, httpx.HTTPError), get_client(sync_client=True) as client:
        client.set_flow_run_state(context.flow_run.id, state, force=True)


def _check_configured(address: str) -> None:
    import httpx
    from prefect.client.orchestration import get_client

    try:
        with get_client(sync_client=True) as client:
            error = client.api_healthcheck()
    except (RuntimeError, httpx.HTTPError) as raised:
        error = raised
    if error is not None:
        raise ConfigError(
            f"Prefect server {address}: cannot be reached ({type(error).__name__}); start it "
            "with 'prefect server start', or unset PREFECT_API_URL to run without one"
        ) from error


@contextmanager
def _embedded_server(verbose: bool) -> Generator[str]:
    from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    server = _early.take() or EmbeddedServer({**os.environ, **settings, **_EMBEDDED}, verbose)
    try:
        _wait_until_ready(server)
        with temporary_settings({PREFECT_API_URL: server.url}):
            try:
                yield server.url
            finally:
                _send_what_is_left()
    finally:
        server.stop()


def _wait_until_ready(server: EmbeddedServer) -> None:
    import httpx

    try:
        with httpx.Client(trust_env=False, timeout=START_TIMEOUT_S) as client:
            client.get(f"{server.url}/health").raise_for_status()
    except httpx.HTTPError as error:
        server.kill()
        reason = server.last_words() or type(error).__name__
        raise ConfigError(
            f"Prefect: no server could be started for this run ({reason}); run 'mmpart doctor', "
            "or start one with 'prefect server start' and set PREFECT_API_URL"
        ) from error


def _send_what_is_left() -> None:
    """Events and log lines still in this process go to the server before it ends."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (EventsWorker, APILogWorker):
        worker.drain_all(timeout=DRAIN_TIMEOUT_S)


def _take_log_off_terminal() -> None:
    from prefect.logging.configuration import setup_logging

    setup_logging()
    for handler in (*logging.getLogger("prefect").handlers, *logging.getLogger().handlers):
        handler.addFilter(_is_not_prefects)


@contextmanager
def _log_in(folder: Path | None) -> Generator[None]:
    if folder is None:
        yield
        return
    to_file = open_log(folder, "%(asctime)s %(levelname)s %(name)s %(message)s")
    logger = logging.getLogger("prefect")
    logger.addHandler(to_file)
    try:
        yield
    finally:
        logger.removeHandler(to_file)
        to_file.close()


def _is_not_prefects(record: logging.LogRecord) -> bool:
    return not record.name.startswith(("prefect", "EventsWorker", "APILogWorker"))
