"""What goes wrong while a data set is made, and what a user does about it, if anything.

Each is called with a trial that has not begun, and returns when its last run has ended. Nothing
here depends on how fast the machine is: work is held up until the fault has happened.
"""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from flows.dataset_attempts import MAX_DEATHS
from flows.dataset_progress import DatasetTally
from mmpart_core.errors import QuotaExhaustedError
from tests.faults.servers import DaskProcesses, PrefectServer
from tests.faults.trial import Trial

STAGE, BEFORE = "reconstruct", 10  # so many pieces of work of that stage go through undisturbed
NEWER_MESHES = "import mmpart_noop.mesh; mmpart_noop.mesh.NoopExtractor.VERSION = '2'"
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
    trial.environment["PREFECT_CLIENT_MAX_RETRIES"] = "1"  # it gives up soon
    with held(trial):
        process = trial.start()
        trial.wait_for(STAGE, BEFORE + 1)
        server.kill()
    status, said = trial.ended(process)
    server.start()
    if status not in (0, 1):
        raise AssertionError(f"the batch ended with {status}: {said}")
    del trial.environment["PREFECT_CLIENT_MAX_RETRIES"]
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


def redeploy(trial: Trial) -> set[str]:
    """SIGTERM at work, as a redeployment sends; then a newer version makes the rest.

    Gives the work of the older version that the newer one does again.
    """
    with held(trial):
        process = trial.start()
        trial.wait_for(STAGE, BEFORE + 1)
        process.terminate()
    status, said = trial.ended(process)
    if status not in (128 + signal.SIGTERM, -signal.SIGTERM):
        raise AssertionError(f"the batch ended with {status}: {said}")
    older = {work for work, _ in trial.begun("mesh")}
    status, said = trial.ended(trial.start(bootstrap=NEWER_MESHES))
    if status:
        raise AssertionError(f"the newer version ended with {status}: {said}")
    return older


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
