"""Servers that can be killed and started again: Prefect's, Dask's scheduler and workers."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dask
import distributed  # noqa: F401  (its settings are there before one is changed for a while)
import httpx
from prefect.events.worker import EventsWorker
from s3fs import S3FileSystem

from deployments.cluster_settings import PRELOAD, Local
from deployments.clusters import local_cluster
from flows import dataset_files
from mmpart_core.storage.opening import open_store
from tests.faults.trial import search_path
from tests.flaky_s3 import FlakyS3
from tests.prefect_server import flows_on_server

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
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class PrefectServer:
    """``prefect server start`` on a port and a database of its own.

    Args:
        home: folder of its database.
        settings: more of its settings, such as another database.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home
        self._settings = {**SETTINGS, **(settings or {}), "PREFECT_HOME": str(home)}
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/api"
        self.start()

    @property
    def environment(self) -> dict[str, str]:
        """Of processes whose flows report to it."""
        return {**os.environ, **SETTINGS, "PREFECT_API_URL": self.url,
                "PREFECT_HOME": str(self.home)}  # fmt: skip

    def start(self) -> None:
        """Start it, or start it again, and wait until it answers."""
        command = [str(Path(sys.executable).with_name("prefect")), "server", "start"]
        self._process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(self._port)],
            env={**os.environ, **self._settings},
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

    def events(self, name: str, seconds: float = 60.0) -> list[dict[str, Any]]:
        """Events of a name, once there are any; they are written some seconds after they came."""
        asked = {"filter": {"event": {"name": [name]}}, "limit": 50}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = httpx.post(f"{self.url}/events/filter", json=asked).json()["events"]
            if found:
                return found
            time.sleep(0.2)
        return []

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Let it end."""
        self._process.terminate()
        self._process.wait(timeout=30)


@contextmanager
def reporting_to(server: PrefectServer) -> Generator[None]:
    """Within: flows of this process report to a server.

    A process has one worker for events, which stays with the server that it began with: it is ended
    before and after.
    """
    EventsWorker.drain_all(timeout=20)
    with flows_on_server(server.url, server.home):
        yield
        EventsWorker.drain_all(timeout=20)


@contextmanager
def worker_processes(workers: int, allowed_failures: int = 3) -> Generator[str]:
    """Within: Dask workers with a GPU resource, each under a nanny; gives the scheduler's address.

    PYTHONPATH must let them find the back-ends.
    """
    patience = {"distributed.scheduler.allowed-failures": allowed_failures}
    with dask.config.set(patience), local_cluster(Local(kind="local", workers=workers)) as made:
        made.wait_for_workers(workers, timeout=200)
        yield made.scheduler_address


class DaskProcesses:
    """``dask scheduler`` and one ``dask worker``, each a process of its own.

    Args:
        folder: where they run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.start_scheduler()
        self.start_worker()

    def start_scheduler(self) -> None:
        """Start the scheduler, or start it again, where it was."""
        self._start("scheduler", "--port", str(self._port), "--dashboard-address", ":0")

    def start_worker(self) -> None:
        """Start a worker; it waits for the scheduler."""
        resources = " ".join(f"{name}={count:g}" for name, count in Local(kind="local")
                             .resources().items())  # fmt: skip
        self._start("worker", self.address, "--nthreads", "2", "--resources", resources,
                    "--preload", PRELOAD, "--dashboard-address", ":0")  # fmt: skip

    def kill(self, which: str) -> None:
        """End the scheduler or the worker's nanny at once."""
        process = self._running.pop(which)
        process.kill()
        process.wait()

    def wait_until_gone(self, which: str) -> None:
        """Wait until one has ended by itself."""
        self._running.pop(which).wait(timeout=120)

    def stop(self) -> None:
        """Let all of it end."""
        for which in ("worker", "scheduler"):
            process = self._running.pop(which, None)
            if process is not None:
                process.terminate()
                process.wait(timeout=60)

    def _start(self, which: str, *options: str) -> None:
        command = [str(Path(sys.executable).with_name("dask")), which]
        path = os.pathsep.join([search_path(), str(ROOT)])
        self._running[which] = subprocess.Popen(
            [*command, *options],
            cwd=self._folder,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def forget_connections() -> None:
    """Let stores be opened anew, as the environment says now."""
    S3FileSystem.clear_instance_cache()
    open_store.cache_clear()
    dataset_files._place.cache_clear()  # pyright: ignore[reportPrivateUsage]


@contextmanager
def flaky_s3() -> Generator[FlakyS3]:
    """Within: stores in S3 are reached through a server that can be made to fail."""
    server = FlakyS3(os.environ["AWS_ENDPOINT_URL"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with patch.dict(os.environ, {"AWS_ENDPOINT_URL": server.url}):
        forget_connections()
        try:
            yield server
        finally:
            forget_connections()
            server.shutdown()
            server.server_close()


class SmallDisk:
    """A file system of 300 kB.

    Args:
        folder: where it is mounted; made.

    Raises:
        OSError: file systems cannot be mounted here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._mount("size=300k")

    def grow(self) -> None:
        """Give it room."""
        self._mount("remount,size=100m")

    def close(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def _mount(self, options: str) -> None:
        command: list[Any] = [shutil.which("mount") or "mount", "-t", "tmpfs", "-o", options,
                              "tmpfs", str(self.folder)]  # fmt: skip
        if subprocess.run(command, capture_output=True, check=False).returncode:
            raise OSError("file systems cannot be mounted here")
