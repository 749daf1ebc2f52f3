"""All that can go wrong, each with what it needs beside the data set: for the table of faults."""

import os
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strict_openai import ModelServer

from mmpart_core.errors import ConfigError
from tests.faults import disturbances, store_disturbances
from tests.faults.hosted_planner import STORM, Planner
from tests.faults.servers import (
    DaskProcesses,
    PrefectServer,
    SmallDisk,
    flaky_s3,
    forget_connections,
    worker_processes,
)
from tests.faults.trial import JOURNAL, OBJECTS, PARTS, Trial, journal_in
from tests.real_s3 import real_s3


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: for the table.
        kind: where it runs: ``threads``, ``command``, ``dask``, ``scheduler``, ``s3``, ``disk`` or
            ``hosted``.
        disturb: makes the data set, fault and second run included; gives the work that had to be
            begun again although it was finished, if any.
    """

    name: str
    kind: str
    disturb: Callable[[Trial, Any], Any]


def nothing(trial: Trial, beside: Any) -> None:
    """Nothing goes wrong."""
    if isinstance(beside, SmallDisk):
        beside.grow()
    trial.finish() if beside == "command" else trial.run()


def worker_disk_full(trial: Trial, beside: Any) -> None:
    """The disk of the worker that has one piece of work is full."""
    trial.fault("reconstruct b3-", "once full")
    trial.interrupt(["reconstruct b3-"])
    trial.run()


def part_fails(trial: Trial, beside: Any) -> None:
    """A part fails, each time."""
    trial.fault("reconstruct b2-", "fail")
    trial.run()


def work_kills_workers(trial: Trial, beside: Any) -> None:
    """A piece of work kills each worker that takes it; what was beside it is begun again."""
    trial.fault("isolate b2-", "kill")
    trial.run()
    killed = trial.calls()["isolate b2-"]
    twice = {work for work, count in trial.calls().items() if count > 1}
    if len(twice) <= 1 + killed:  # a worker has two threads
        trial.interrupt(twice)


def spoilt(how: str, stage: str) -> Callable[[Trial, Any], set[str]]:
    """Part of the store is lost after a run: one piece of work of that stage is to be redone."""

    def disturb(trial: Trial, beside: Any) -> set[str]:
        trial.run()
        store_disturbances.spoil(trial, how)
        trial.run()
        twice = {work for work, count in trial.calls().items() if count > 1}
        return {work for work in twice if work.startswith(stage)} if len(twice) == 1 else set()

    return disturb


def newer_version(trial: Trial, beside: Any) -> set[str]:
    """Half is made; the rest by a new version of meshing, which the first half then gets, too."""
    trial.run(limit=len(OBJECTS) // 2)
    with disturbances.newer_meshes():
        trial.run()
    first = OBJECTS[: len(OBJECTS) // 2]
    return {f"mesh {name}{part[:2]}" for name in first for part in PARTS}


def wrong_key(trial: Trial, flaky: Any) -> None:
    """The store's key is wrong; it is put right, run again."""
    right = os.environ["AWS_SECRET_ACCESS_KEY"]
    os.environ["AWS_SECRET_ACCESS_KEY"] = "not-the-key"  # pragma: allowlist secret
    forget_connections()
    try:
        trial.run()
    except ConfigError:
        pass
    else:
        raise AssertionError("the run went on with a wrong key")
    finally:
        os.environ["AWS_SECRET_ACCESS_KEY"] = right
        forget_connections()
    trial.run()


def s3_storm(trial: Trial, flaky: Any) -> None:
    """S3 fails in many ways and comes round."""
    store_disturbances.storm(flaky)
    trial.run()


def model_storm(trial: Trial, planner: Any) -> None:
    """The hosted planner throttles, fails and hangs up."""
    planner.server.fail("/responses", *STORM)
    trial.run()


def every_fault(server: PrefectServer) -> list[Fault]:
    """All of them, after one undisturbed run of each kind."""
    kinds = ("threads", "command", "dask", "scheduler", "s3", "disk", "hosted")
    d, store = disturbances, store_disturbances
    return [
        *(Fault(f"none ({kind})", kind, nothing) for kind in kinds),
        Fault("a Dask worker is killed", "dask",
              lambda trial, _: d.kill_workers(trial, 2, all_of_them=False)),
        Fault("it and then every worker", "dask",
              lambda trial, _: d.kill_workers(trial, 2, all_of_them=True)),
        Fault("the Dask scheduler is killed, started again", "scheduler", d.kill_scheduler),
        Fault("work that kills its workers", "dask", work_kills_workers),
        Fault("a worker's disk is full", "dask", worker_disk_full),
        Fault("the flow's process is killed", "command", lambda trial, _: d.kill_flow(trial)),
        Fault("an image that kills its process", "command",
              lambda trial, _: d.kill_by_image(trial, "isolate c1-")),
        Fault("Prefect's server is killed, comes back", "command",
              lambda trial, _: d.kill_server(trial, server)),
        Fault("Prefect's server stays away", "command",
              lambda trial, _: d.kill_server_for_good(trial, server)),
        Fault("S3 refuses, dawdles, breaks off", "s3", s3_storm),
        Fault("S3 goes away", "s3", store.lose_store),
        Fault("S3 takes the key no longer", "s3",
              lambda trial, flaky: store.lose_store(trial, flaky, "403")),
        Fault("wrong key of S3", "s3", wrong_key),
        Fault("the store's disk is full", "disk", store.fill_disk),
        Fault("a blob is deleted", "threads", spoilt("gone", "reconstruct")),
        Fault("a blob is altered", "threads", spoilt("altered", "mesh")),
        Fault("a blob is deleted at work", "threads",
              lambda trial, _: store.lose_mesh_at_work(trial)),
        Fault("a record is truncated", "threads", spoilt("truncated", "multiview")),
        Fault("429s, 500s, dropped calls", "hosted", model_storm),
        Fault("no money for hosted models", "hosted",
              lambda trial, planner: d.run_out_of_money(trial, planner, 5)),
        Fault("a part that always fails", "threads", part_fails),
        Fault("a clock an hour ahead, killed", "command",
              lambda trial, _: d.kill_ahead(trial, 3600)),
        Fault("a clock an hour behind", "command",
              lambda trial, _: d.two_at_once(trial, ahead_s=-3600)),
        Fault("two identical batches", "command", lambda trial, _: d.two_at_once(trial)),
        Fault("a new version for the second half", "threads", newer_version),
        Fault("redeployed in the middle, newer", "command", lambda trial, _: d.redeploy(trial)),
    ]  # fmt: skip


@contextmanager
def prepared(fault: Fault, folder: Path, server: PrefectServer) -> Generator[tuple[Trial, Any]]:
    """Within: a data set, and what its fault is done with.

    Args:
        fault: what will go wrong.
        folder: an empty folder; made.
        server: Prefect's.
    """
    folder.mkdir()
    # workers take the environment they are started in
    os.environ[JOURNAL] = str(journal_in(folder / "trial"))
    given: dict[str, Any] = {}
    with ExitStack() as stack:
        beside: Any = fault.kind
        runner: dict[str, str] = {}
        if fault.kind == "dask":
            failures = 1 if fault.disturb is work_kills_workers else 3
            address = stack.enter_context(worker_processes(2, failures))
            runner = {"runner": "dask", "scheduler": address}
        elif fault.kind == "scheduler":
            beside = DaskProcesses(folder)
            stack.callback(beside.stop)
            runner = {"runner": "dask", "scheduler": beside.address}
        elif fault.kind == "s3":
            bucket = stack.enter_context(real_s3(folder / "s3"))
            beside = stack.enter_context(flaky_s3())
            given |= {"store": f"{bucket}/store", "output": f"{bucket}/out"}
        elif fault.kind == "disk":
            beside = SmallDisk(folder / "disk")
            stack.callback(beside.close)
            given |= {"store": str(beside.folder / "store")}
        elif fault.kind == "hosted":
            beside = Planner(stack.enter_context(ModelServer()))
            given |= {"stages": {"plan": beside.choice()}}
        trial = Trial(folder / "trial", server.environment, **given)
        stack.callback(trial.close)
        trial.run_on(**runner)
        yield trial, beside
