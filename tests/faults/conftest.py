"""A Prefect server that can be killed, and data sets to be disturbed."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import httpx
import pytest
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOGGING_LEVEL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from deployments.cluster_settings import Local
from deployments.clusters import local_cluster
from tasks import _cluster
from tests.faults.trial import PACKAGES, Trial, search_path

STARTUP_S = 240  # below the limit of a test
RECORDER = "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER"
SETTINGS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "DO_NOT_TRACK": "1",
    f"{RECORDER}_READ_BATCH_SIZE": "200",
    f"{RECORDER}_BATCH_SIZE": "200",
    f"{RECORDER}_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
}


class PrefectServer:
    """``prefect server start`` on a port and a database of its own.

    Args:
        home: folder of its database.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/api"
        self.start()

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        command = [str(Path(sys.executable).with_name("prefect")), "server", "start"]
        self._process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self._port)],
            env={**os.environ, **SETTINGS, "PREFECT_HOME": str(self.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTUP_S
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
        self.kill()
        raise TimeoutError(f"the Prefect server did not start in {STARTUP_S} s")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it end."""
        self._process.terminate()
        self._process.wait(timeout=30)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server for all tests that leave it alone, or start it again."""
    started = PrefectServer(tmp_path_factory.mktemp("prefect"))
    yield started
    EventsWorker.drain_all(timeout=20)
    started.stop()


@pytest.fixture
def prefect(server: PrefectServer) -> Iterator[PrefectServer]:
    """Flows of this process report to the server."""
    with temporary_settings(
        {
            PREFECT_API_URL: server.url,
            PREFECT_HOME: server.home,
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
            PREFECT_LOGGING_LEVEL: "CRITICAL",
            PREFECT_LOGGING_TO_API_ENABLED: False,
        }
    ):
        yield server


@pytest.fixture
def trial_of(
    prefect: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Trial]]:
    """Makes a data set; see ``Trial``."""
    monkeypatch.syspath_prepend(PACKAGES)
    environment = {
        **os.environ,
        **SETTINGS,
        "PREFECT_API_URL": prefect.url,
        "PREFECT_HOME": str(prefect.home),
    }

    made: list[Trial] = []

    def make(name: str = "trial", **given: Any) -> Trial:
        trial = Trial(tmp_path / name, {**environment, **given.pop("environment", {})}, **given)
        made.append(trial)
        monkeypatch.setenv("MMPART_NOOP_JOURNAL", trial.environment["MMPART_NOOP_JOURNAL"])
        return trial

    yield make
    for trial in made:
        trial.close()


@pytest.fixture(scope="session")
def kept_outputs() -> dict[str, bytes | None]:
    """What the first undisturbed run wrote."""
    return {}


@pytest.fixture
def undisturbed(
    trial_of: Callable[..., Trial], kept_outputs: dict[str, bytes | None]
) -> dict[str, bytes | None]:
    """The file of each object, as a run without faults writes it; made once."""
    if not kept_outputs:
        trial = trial_of("undisturbed")
        assert trial.run().complete
        kept_outputs.update(trial.outputs())
        trial.assert_sound(kept_outputs)
    return kept_outputs


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts worker processes with a GPU resource, each under a nanny that starts it again."""
    monkeypatch.setenv("PYTHONPATH", search_path())  # of workers, which this process starts

    @contextmanager
    def start(workers: int, allowed_failures: int = 3) -> Iterator[Any]:
        patience = {"distributed.scheduler.allowed-failures": allowed_failures}
        with dask.config.set(patience), local_cluster(Local(kind="local", workers=workers)) as made:
            made.wait_for_workers(workers, timeout=200)
            yield made

    yield start
    _cluster._connected.cache_clear()


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks are tried again soon."""
    from flows.stage_runner import TASKS

    for task in TASKS.values():
        monkeypatch.setattr(task, "retry_delay_seconds", [0.1])
