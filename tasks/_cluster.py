"""A Dask cluster that the bodies of tasks run on, while the tasks stay in the flow's process.

So Prefect's states are true and its retries work, a cached task costs the cluster nothing, and
workers need neither Prefect's server nor keys of models.
"""

import threading
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from mmpart_core import backends
from mmpart_core.config import BackendChoice
from mmpart_core.errors import BackendError, ConfigError, TransientBackendError
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.records import StageName
from tasks._cluster_work import run_on_worker

Resource = Literal["GPU", "CPU"]
CONNECT_S, WAIT_FOR_WORKERS_S = 20.0, 60.0
# How long a run waits for a scheduler, or for workers, that it had and that went away.
AWAY_S = 180.0
LOOK_EVERY_S = 5.0
GPU_STAGES: frozenset[StageName] = frozenset({"multiview", "reconstruct", "mesh"})
# How often work may take its workers down, each time Dask's allowed-failures + 1 of them.
LOST_TIMES = 2


def needed_resource(stage: StageName, choice: BackendChoice) -> Resource | None:
    """What a worker must offer for a piece of work; None for a call of a hosted model.

    Hosted models are called from the flow's process: there are the keys, the budget and the
    limits, and waiting for an answer takes no worker.
    """
    settings = backends.check_settings(stage, choice.kind, choice.settings)
    if isinstance(settings, HostedSettings):
        return None
    on_cpu = str(getattr(settings, "device", "cpu")) == "cpu"
    return "GPU" if stage in GPU_STAGES or not on_cpu else "CPU"


class StageCluster:
    """The workers behind a scheduler, which may go away and come back.

    Args:
        address: of the scheduler, ``tcp://host:8786``.

    Raises:
        ConfigError: no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client: Any = self._connect(CONNECT_S, "start one with 'dask scheduler', or choose "
                                                     "runner 'threads'")  # fmt: skip
        self._seen: dict[Resource, float] = {}
        self._missing_since: dict[Resource | None, float] = {}
        self._lost: dict[str, int] = {}
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._suspect = threading.Lock()

    def run(
        self,
        stage: StageName,
        inputs: Mapping[str, Any],
        choice: BackendChoice,
        store: str,
        seed: int,
        key: str,
        resource: Resource,
        name: str = "",
    ) -> Any:
        """Do a piece of work on a worker that has the resource free, and wait for it.

        Dask repeats what a dying worker had in hand; the result is thrown away here whatever
        happens, so that a worker's later death makes no finished work be done again.

        Raises:
            ConfigError: no worker offers the resource, or it runs another version; the scheduler
                or all workers went away and did not come back.
            TransientBackendError: its workers died, or the scheduler went away.
            BackendError: its workers died again when it was tried once more.
            MMPartError: whatever the stage raises.
        """
        from distributed import KilledWorker
        from distributed.client import ClosedClientError, FutureCancelledError
        from distributed.comm.core import CommClosedError

        with self._alone(key):
            while not self._is_offered(resource):
                time.sleep(0.5)
            try:
                future = self._client.submit(
                    run_on_worker, stage, dict(inputs), choice, whole_address(store), seed, key,
                    name, key=f"{stage}-{uuid.uuid4().hex}", resources={resource: 1}, pure=False,
                )  # fmt: skip
                with _let_go(future):
                    return self._result(future, resource)
            except KilledWorker as error:
                raise self._lost_workers(stage, key) from error
            except (ClosedClientError, FutureCancelledError, CommClosedError) as error:
                with self._looking:
                    self._seen = dict.fromkeys(self._seen, 0.0)
                raise TransientBackendError(
                    f"{stage}: the Dask scheduler at {self._address} went away while the work was "
                    "under way; it is tried again once it is back"
                ) from error

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()

    def _result(self, future: Any, resource: Resource) -> Any:
        """What the work gives, as long as there is a worker that can do it."""
        while True:
            try:
                return future.result(timeout=LOOK_EVERY_S)
            except TimeoutError:
                if future.done():  # just now, or the error is the work's own
                    return future.result()
                self._is_offered(resource)

    def _connect(self, timeout_s: float, advice: str) -> Any:
        from distributed import Client

        try:
            return Client(self._address, timeout=timeout_s, set_as_default=False, name="mmpart")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"scheduler '{self._address}': no Dask scheduler answers there "
                f"({type(error).__name__}); {advice}"
            ) from error

    def _alone(self, key: str) -> AbstractContextManager[Any]:
        """Work that took its workers down is tried again one at a time.

        One of it may have had nothing to do with it but to be beside it, on each of those workers.
        """
        return self._suspect if key in self._lost else nullcontext()

    def _lost_workers(self, stage: StageName, key: str) -> BackendError:
        with self._lock:
            times = self._lost[key] = self._lost.get(key, 0) + 1
        said = f"{stage}: every Dask worker that took this work died"
        if times < LOST_TIMES:
            return TransientBackendError(f"{said}; it is tried once more")
        return BackendError(
            f"{said}, {times} times over; most likely it wants more memory than they have. Give "
            "them more, or smaller settings"
        )

    def _is_offered(self, resource: Resource) -> bool:
        """Whether a worker offers a resource; asked every few seconds.

        Dask would wait for one that no worker offers for ever, and say nothing.

        Raises:
            ConfigError: none does, or no scheduler answers, for longer than a run waits.
        """
        with self._looking:
            if time.monotonic() - self._seen.get(resource, 0.0) < LOOK_EVERY_S:
                return True
            if not self._is_connected():
                return False
            workers: dict[str, Any] = self._client.scheduler_info(n_workers=-1).get("workers", {})
            if any(each["resources"].get(resource, 0) >= 1 for each in workers.values()):
                self._seen[resource] = time.monotonic()
                self._missing_since.pop(resource, None)
                return True
            waits_s = AWAY_S if resource in self._seen else 0.0 if workers else WAIT_FOR_WORKERS_S
            if self._left_of(waits_s, resource) <= 0.0:
                raise ConfigError(
                    f"scheduler '{self._address}': none of its {len(workers)} workers offers the "
                    f"resource {resource}; start them with "
                    "'dask worker ... --resources \"GPU=1 CPU=4\"'"
                )
        return False

    def _is_connected(self) -> bool:
        """Whether the scheduler is there; a client that gave it up is made anew.

        Raises:
            ConfigError: no scheduler answers for longer than a run waits.
        """
        if self._client.status == "running":
            self._missing_since.pop(None, None)
            return True
        left_s = self._left_of(AWAY_S, None)
        if self._client.status in ("closing", "closed"):
            self._client = self._connect(
                max(left_s, 1.0),
                f"it went away while work was under way, {AWAY_S:.0f} s ago or more. What is "
                "finished is kept: start it and its workers, and run again",
            )
        return False

    def _left_of(self, waits_s: float, what: Resource | None) -> float:
        """How much longer is waited for a resource, or for the scheduler (None), in seconds."""
        since = self._missing_since.setdefault(what, time.monotonic())
        return since + waits_s - time.monotonic()


@contextmanager
def _let_go(future: Any) -> Generator[None]:
    """Within: a result is waited for; afterwards the cluster keeps nothing of it."""
    try:
        yield
    finally:
        if not future.done():
            future.cancel()
        future.release()


@lru_cache(maxsize=8)
def _connected(address: str) -> StageCluster:
    return StageCluster(address)


_connecting = threading.Lock()


def connected_cluster(address: str) -> StageCluster:
    """The cluster behind a scheduler, connected to once per process.

    Raises:
        ConfigError: no scheduler answers there.
    """
    with _connecting:
        return _connected(address)


def whole_address(store: str) -> str:
    """A store's address as another process understands it: folders with their whole path."""
    return store if "://" in store else str(Path(store).expanduser().absolute())
