"""How the command line uses Prefect: quietly, without telemetry, with or without a server."""

import logging
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from mmpart_core.errors import ConfigError

# Read by Prefect when it is imported; what the user has set stays.
_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # Without a server Prefect starts one for this run; its first start migrates a database.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # The recorder's batches hold one event by default, which keeps up with 20 tasks a second.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
}
_QUIET = {"PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL"}
LOG_FILE = "mmpart.log"


class Telling(Protocol):
    """Writes one line for the user."""

    def __call__(self, line: str) -> None:
        """Write it."""
        ...


def set_environment(verbose: bool) -> None:
    """Set what Prefect reads at import; call before anything imports Prefect."""
    for name, value in {**_DEFAULTS, **({} if verbose else _QUIET)}.items():
        os.environ.setdefault(name, value)


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
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        check_server()
        with _log_in(None if verbose else log_folder):
            yield


def check_server() -> str:
    """Where the Prefect server is; starts one for this process where none is configured.

    Raises:
        ConfigError: it cannot be reached or started.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL

    configured = PREFECT_API_URL.value()
    try:
        with get_client(sync_client=True) as client:
            error = client.api_healthcheck()
            address = str(client.api_url)
    except (RuntimeError, httpx.HTTPError) as raised:
        error, address = raised, str(configured)
    if error is None:
        return address if configured else f"{address} (started for this run)"
    if configured:
        raise ConfigError(
            f"Prefect server {configured}: cannot be reached ({type(error).__name__}); start it "
            "with 'prefect server start', or unset PREFECT_API_URL to run without one"
        ) from error
    raise ConfigError(
        f"Prefect: no server could be started for this run ({error}); run 'mmpart doctor', or "
        "start one with 'prefect server start' and set PREFECT_API_URL"
    ) from error


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
        to_file = logging.FileHandler(folder / LOG_FILE, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"--output '{folder}': cannot be written ({error.strerror}); choose another folder"
        ) from error
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("prefect")
    logger.addHandler(to_file)
    try:
        yield
    finally:
        logger.removeHandler(to_file)
        to_file.close()


def _is_not_prefects(record: logging.LogRecord) -> bool:
    return not record.name.startswith(("prefect", "EventsWorker", "APILogWorker"))


@contextmanager
def interruptible(tell: Telling) -> Generator[None]:
    """Ctrl-C ends the run when the work at hand is done; a second one ends it at once.

    A thread that trains a field cannot be interrupted; all that is finished is in the store.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, leave)
        tell("Stopping when the work at hand is done; press Ctrl-C again to stop at once.")
        raise KeyboardInterrupt

    def leave(_signal: int, _frame: FrameType | None) -> None:
        from prefect.server.api.server import SubprocessASGIServer

        SubprocessASGIServer().stop()
        os._exit(130)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
