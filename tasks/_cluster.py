"""A Dask cluster that the bodies of tasks run on, while the tasks stay in the flow's process.

So Prefect's states are true and its retries work, a cached task costs the cluster nothing, and
workers need neither Prefect's server nor keys of models.
"""

import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
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
    """The workers behind a scheduler.

    Args:
        address: of the scheduler, ``tcp://host:8786``.

    Raises:
        ConfigError: no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        from distributed import Client

        try:
            self._client: Any = Client(
                address, timeout=CONNECT_S, set_as_default=False, name="mmpart"
            )
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"scheduler '{address}': no Dask scheduler answers there "
                f"({type(error).__name__}); start one with 'dask scheduler', or choose "
                "runner 'threads'"
            ) from error
        self._address = address
        self._offered: set[Resource] = set()
        self._lost: dict[str, int] = {}
        self._lock = threading.Lock()
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
            ConfigError: no worker offers the resource, or it runs another version.
            TransientBackendError: its workers died, or the scheduler went away.
            BackendError: its workers died again when it was tried once more.
            MMPartError: whatever the stage raises.
        """
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError

        self._check_offered(resource)
        with self._alone(key):
            future = self._client.submit(
                run_on_worker, stage, dict(inputs), choice, whole_address(store), seed, key, name,
                key=f"{stage}-{uuid.uuid4().hex}", resources={resource: 1}, pure=False,
            )  # fmt: skip
            try:
                return future.result()
            except KilledWorker as error:
                raise self._lost_workers(stage, key) from error
            except (FutureCancelledError, CommClosedError) as error:
                raise TransientBackendError(
                    f"{stage}: the Dask scheduler at {self._address} went away while the work was "
                    "under way; it is tried again"
                ) from error
            finally:
                if not future.done():
                    future.cancel()
                future.release()

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()

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

    def _check_offered(self, resource: Resource) -> None:
        """Refuse what no worker offers: Dask would wait for it for ever, and say nothing."""
        if resource in self._offered:
            return
        deadline = time.monotonic() + WAIT_FOR_WORKERS_S
        while True:
            workers: dict[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
            if any(each["resources"].get(resource, 0) >= 1 for each in workers.values()):
                self._offered.add(resource)
                return
            if workers or time.monotonic() > deadline:
                raise ConfigError(
                    f"scheduler '{self._address}': none of its {len(workers)} workers offers the "
                    f"resource {resource}; start them with "
                    "'dask worker ... --resources \"GPU=1 CPU=4\"'"
                )
            time.sleep(0.5)


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
