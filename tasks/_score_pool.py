"""Where scores are computed: this process, processes beside it, or a Dask cluster."""

import os
import signal
import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import Any, Literal, TypeVar

from threadpoolctl import threadpool_limits

from mmpart_core.errors import ConfigError, StageError

PoolKind = Literal["here", "processes", "dask"]
Result = TypeVar("Result")
_CONNECT_S = 20


class ScoringProcesses:
    """Processes that survive the death of one of them.

    An object whose scoring kills its process (memory) must not take the others along: what was
    under way is tried once more, each piece in a process of its own, one after another. All at
    once beside the new processes they would want more memory than what has just run out.

    Args:
        workers: how many side by side.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._alone = threading.Lock()
        self._closed = False
        self._pool = _processes(workers)

    def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Do a piece of work and wait for it.

        Raises:
            StageError: its process died twice.
            CancelledError: the processes were ended before it began.
        """
        pool = self._pool
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            self._replace(pool)
        with self._alone:
            return self._run_alone(work, *arguments)

    def close(self) -> None:
        """End the processes; work that has not begun is dropped."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run_alone(self, work: Callable[..., Result], *arguments: Any) -> Result:
        if self._closed:
            raise CancelledError
        with _processes(1) as alone:
            try:
                return alone.submit(work, *arguments).result()
            except BrokenProcessPool as error:
                raise StageError(
                    "scoring: the process that scored this object died twice, most likely for "
                    "want of memory; score it on a larger machine, or fewer at a time (--workers)"
                ) from error

    def _replace(self, broken: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is broken and not self._closed:
                broken.shutdown(wait=True)
                self._pool = _processes(self._workers)


class DaskScoring:
    """Workers of a Dask cluster.

    Args:
        address: of its scheduler.

    Raises:
        ConfigError: no scheduler answers there.
    """

    def __init__(self, address: str) -> None:
        from distributed import Client

        try:
            self._client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"--scheduler '{address}': no Dask scheduler answers there "
                f"({type(error).__name__}); start one with 'dask scheduler', or leave it out"
            ) from error
        self._pool: Executor = self._client.get_executor(pure=False)

    def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Do a piece of work and wait for it; Dask repeats what a dead worker had in hand.

        Raises:
            StageError: its workers died again and again.
        """
        from distributed import KilledWorker

        try:
            return self._pool.submit(work, *arguments).result()
        except KilledWorker as error:
            raise StageError(
                "scoring: the Dask workers that scored this object died; give them more memory"
            ) from error

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()


class ScoringHere:
    """This process, one piece of work after another."""

    def run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Do a piece of work."""
        return work(*arguments)

    def close(self) -> None:
        """Nothing to end."""


ScoringPool = ScoringHere | ScoringProcesses | DaskScoring


@contextmanager
def opened_pool(kind: PoolKind, workers: int, scheduler: str | None) -> Generator[ScoringPool]:
    """Within: somewhere to compute scores.

    Args:
        kind: this process, processes beside it, or Dask.
        workers: processes side by side.
        scheduler: address of the Dask scheduler.

    Raises:
        ConfigError: Dask without an address, or none answers there.
    """
    pool: ScoringPool
    if kind == "dask":
        if scheduler is None:
            raise ConfigError("pool 'dask': give the scheduler's address, tcp://host:8786")
        pool = DaskScoring(scheduler)
    else:
        pool = ScoringProcesses(workers) if kind == "processes" else ScoringHere()
    try:
        yield pool
    finally:
        pool.close()


def _processes(workers: int) -> ProcessPoolExecutor:
    # spawned, not forked: this process has threads that hold locks
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin_process)


def _begin_process() -> None:
    """Ctrl-C is the parent's to handle; a process whose parent was killed ends too.

    Unless the user says otherwise each has one thread for arrays, as there are others beside it.
    The variable is read only as a library loads, and those that the parent's main module imports
    (numpy) are loaded before this runs: they are told directly.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"
        threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
