"""What goes wrong while a data set is made, and what a user does about it, if anything.

Each is called with a trial that has not begun, and returns when its last run has ended. Nothing
here depends on how fast the machine is: work is held up until the fault has happened.
"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.dataset_attempts import MAX_DEATHS
from flows.dataset_progress import DatasetTally
from mmpart_core.errors import QuotaExhaustedError, StorageError
from tests.faults.servers import DaskProcesses, PrefectServer, SmallDisk
from tests.faults.trial import Mark, Trial

STAGE, BEFORE = "reconstruct", 10  # so many pieces of work of that stage go through undisturbed
OTHER_MACHINE = """
import socket, time
real = time.time
time.time = lambda: real() + {ahead_s}
socket.gethostname = lambda: "elsewhere"
"""


@contextmanager
def held(trial: Trial) -> Generator[None]:
    """Within: work is held up in the middle of the run; see ``Trial.hold``."""
    trial.hold(STAGE, BEFORE)
    try:
        yield
    finally:
        trial.fault(STAGE, "")


def kill_flow(trial: Trial) -> list[str]:
    """SIGKILL of the flow's process at work; run again. Gives the objects that it had in hand."""
    with held(trial):
        process = trial.start()
        trial.wait_for(STAGE, BEFORE + 1)
        process.kill()
        trial.ended(process)
    trial.mark()
    notes = [file.name.removesuffix(".json") for file in trial.job.place.files_in("state/attempts")]
    trial.finish()
    return notes


def kill_by_image(trial: Trial, work: str) -> str:
    """A piece of work that kills its process, each time; run again until a run ends by itself.

    Gives what the last run said.
    """
    trial.fault(work, "kill")
    for _ in range(MAX_DEATHS + 1):
        status, said = trial.ended(trial.start())
        if status != -signal.SIGKILL:
            if status != 3:
                raise AssertionError(f"the batch ended with {status}: {said}")
            return said
        trial.mark()
    raise AssertionError(f"{work} killed more than {MAX_DEATHS} processes")


def kill_server(trial: Trial, server: PrefectServer) -> None:
    """SIGKILL of Prefect's server at work; it comes back while the run goes on."""
    with held(trial):
        process = trial.start()
        trial.wait_for(STAGE, BEFORE + 1)
        server.kill()
    server.start()
    status, said = trial.ended(process)
    if status:  # it may go on or break off, with one line that says so
        if "Prefect's server cannot be reached any more" not in said:
            raise AssertionError(f"the batch ended with {status}: {said}")
        trial.finish()


def kill_server_for_good(trial: Trial, server: PrefectServer) -> None:
    """SIGKILL of Prefect's server at work; it comes back when the run has ended. Run again."""
    with held(trial):
        process = trial.start()
        trial.wait_for(STAGE, BEFORE + 1)
        server.kill()
    status, said = trial.ended(process)
    server.start()
    if status not in (0, 1):
        raise AssertionError(f"the batch ended with {status}: {said}")
    trial.finish()


def two_at_once(trial: Trial, *, ahead_s: float | None = None) -> str:
    """The same batch started twice; gives what the second said.

    Args:
        trial: the batch.
        ahead_s: the first runs on another machine, whose clock is ahead by so much.
    """
    bootstrap = "" if ahead_s is None else OTHER_MACHINE.format(ahead_s=ahead_s)
    with held(trial):
        first = trial.start(bootstrap=bootstrap)
        trial.wait_for(STAGE, BEFORE + 1)
        status, refused = trial.ended(trial.start())
        if status not in (1, 2):
            raise AssertionError(f"the second batch ended with {status}: {refused}")
    status, said = trial.ended(first)
    if status:
        raise AssertionError(f"the first batch ended with {status}: {said}")
    return refused


def kill_ahead(trial: Trial, ahead_s: float) -> str:
    """A batch on another machine, whose clock is ahead, holds the output and dies; run again.

    Gives what a second one said while it lived.
    """
    with held(trial):
        ahead = trial.start(bootstrap=OTHER_MACHINE.format(ahead_s=ahead_s))
        trial.wait_for(STAGE, BEFORE + 1)
        status, refused = trial.ended(trial.start())
        if status not in (1, 2):
            raise AssertionError(f"the second batch ended with {status}: {refused}")
        ahead.kill()
        trial.ended(ahead)
    trial.mark()
    trial.finish()
    return refused


def kill_workers(trial: Trial, workers: int, *, all_of_them: bool) -> DatasetTally:
    """SIGKILL of one Dask worker at work, or of it and then of all, itself started again.

    Args:
        trial: runs on a cluster.
        workers: how many there are, each with one GPU.
        all_of_them: whether all are killed after the first.
    """

    def kill() -> None:
        with held(trial):
            at_work = trial.wait_for(STAGE, BEFORE + workers)[-workers:]
            trial.mark()
            os.kill(at_work[0][1], signal.SIGKILL)
            if all_of_them:
                again = trial.wait_for(STAGE, BEFORE + workers + 1)[-1]
                trial.mark()
                for _, process in [*at_work[1:], again]:
                    os.kill(process, signal.SIGKILL)

    return trial.beside(kill, trial.run)


def kill_scheduler(trial: Trial, dask: DaskProcesses) -> DatasetTally:
    """SIGKILL of the Dask scheduler at work; it and its worker are started again."""

    def kill() -> None:
        with held(trial):
            trial.wait_for(STAGE, BEFORE + 1)
            trial.mark()
            dask.kill("scheduler")
        dask.wait_until_gone("worker")
        dask.start_scheduler()
        dask.start_worker()

    return trial.beside(kill, trial.run)


def fill_disk(trial: Trial, disk: SmallDisk) -> Mark:
    """The store's disk is full; it gets room, run again. Gives how far the first run came."""
    broken_off(trial, "No space left")
    mark = trial.mark()
    disk.grow()
    trial.run()
    return mark


def broken_off(trial: Trial, words: str, **changes: Any) -> None:
    """Run; the store must fail."""
    try:
        trial.run(**changes)
    except StorageError as error:
        if words not in str(error):
            raise
    else:
        raise AssertionError("the run went on without its store")


def lose_store(trial: Trial, flaky: Any) -> None:
    """The store in S3 goes away at work and comes back when the run has ended. Run again.

    Args:
        trial: its store is behind ``flaky``.
        flaky: a ``FlakyS3``.
    """

    def leave() -> None:
        with held(trial):
            trial.wait_for(STAGE, BEFORE + 1)
            flaky.down = True

    trial.beside(leave, lambda: broken_off(trial, "cannot"))
    flaky.down = False
    trial.mark()
    trial.run()


def storm(flaky: Any) -> None:
    """S3 refuses, dawdles and breaks off, half way through what is sent, in every third answer."""
    faults = ["503", "", "", "drop", "", "", "500", "", "", "", "", "slow", "", "", ""] * 4
    cut = [fault.replace("drop", "cut") for fault in faults]
    flaky.faults = {"GET": cut, "HEAD": [*faults], "PUT": [*faults]}


def run_out_of_money(trial: Trial, planner: Any, plans: int) -> list[str]:
    """The hosted planner's account has money for so many plans; it is filled up, run again.

    Gives the objects whose plan was paid in the first run.
    """
    planner.money = plans
    try:
        trial.run()
    except QuotaExhaustedError:
        paid = list(planner.paid)
    else:
        raise AssertionError("the run went on without money")
    trial.mark()
    planner.money = 1000
    trial.run()
    return paid


def spoil(trial: Trial, how: str) -> None:
    """Spoil the store of a finished run: a blob ``gone`` or ``altered``, a record ``truncated``.

    The objects' files go, too, so that every object is looked at again. One piece of work is lost:
    a reconstruction, a mesh, or views.
    """
    store = Path(str(trial.job.store))
    blobs = sorted(store.glob("blobs/*/*"))
    if how == "gone":
        next(path for path in blobs if path.read_bytes()[8:].startswith(b"{")).unlink()
    elif how == "altered":
        told = "".join(path.read_text() for path in store.glob("records/mesh/*.json"))
        glb = next(path for path in blobs if path.name in told and _is_glb(path))
        content = bytearray(glb.read_bytes())
        content[-1] ^= 1
        glb.write_bytes(content)
    else:
        record = min(store.glob("records/multiview/*.json"))
        record.write_bytes(record.read_bytes()[:-20])
    for path in Path(trial.job.output).glob("objects/*/object.glb"):
        path.unlink()


def _is_glb(path: Path) -> bool:
    return path.read_bytes().startswith(b"glTF")


@contextmanager
def newer_meshes() -> Generator[None]:
    """Within: the back-end that extracts meshes is a newer version."""
    import mmpart_noop.mesh as noop  # pyright: ignore[reportMissingImports]

    extractor: Any = noop.NoopExtractor
    extractor.VERSION = "2"
    try:
        yield
    finally:
        extractor.VERSION = "1"
