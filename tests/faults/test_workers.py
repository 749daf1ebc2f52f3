"""Dask workers that die, whose disk is full or that are of another version."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flows.dataset_job import DatasetJob
from flows.generate_dataset import generate_dataset
from mmpart_core.errors import ConfigError, StorageError
from tasks import _cluster
from tests.faults.conftest import PrefectServer
from tests.faults.trial import OBJECTS, Trial

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.long,
    pytest.mark.timeout(1800),
]
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "hat-on-head"
# Coarse, so that training takes seconds; nothing is left out.
COARSE = {
    "input.max_side_px": 256,
    "multiview.outline_px": 64,
    "multiview.size_px": 96,
    "multiview.supersample": 1,
    "reconstruct.steps": 20,
    "reconstruct.rays": 256,
    "reconstruct.coarse_resolution": 24,
    "reconstruct.resolution": 32,
    "mesh.max_faces": 800,
    "mesh.texture_size_px": 64,
}
Outputs = dict[str, bytes | None]


def test_one_and_then_all_workers_die_at_work(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any
) -> None:
    trial = trial_of()
    with cluster(2) as started:
        trial.run_on(runner="dask", scheduler=started.scheduler_address)
        trial.fault("reconstruct", "sleep:1")

        def kill() -> None:
            first = trial.wait_for("reconstruct")[0]
            os.kill(first, signal.SIGKILL)
            later = trial.wait_for("reconstruct", 4)[1:]
            for process in set(later) - {first}:
                os.kill(process, signal.SIGKILL)
            trial.fault("reconstruct", "")

        with ThreadPoolExecutor(1) as thread:
            killing = thread.submit(kill)
            tally = trial.run()
            killing.result()
    assert tally.complete, tally
    twice = {work: count for work, count in trial.calls().items() if count > 1}
    # What a worker had in hand: one piece of GPU work, two of others.
    assert len(twice) <= 3 * 3, twice
    trial.assert_sound(undisturbed, again=twice)


def test_work_that_kills_its_workers_fails_alone(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any, short_pauses: None
) -> None:
    trial = trial_of(objects=OBJECTS[:4])
    with cluster(2, allowed_failures=1) as started:
        trial.run_on(runner="dask", scheduler=started.scheduler_address)
        trial.fault("isolate b2-", "kill")
        tally = trial.run()
    assert tally.states == {"made": 3, "incomplete": 1}
    killed = trial.calls()["isolate b2-"]
    assert killed == 2 * _cluster.LOST_TIMES
    twice = {work for work, count in trial.calls().items() if count > 1}
    trial.assert_sound(undisturbed, again=twice, states={"b": "incomplete"})


def test_a_full_disk_on_one_worker_is_no_failure(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any, short_pauses: None
) -> None:
    trial = trial_of(objects=OBJECTS[:3])
    with cluster(1) as started:
        trial.run_on(runner="dask", scheduler=started.scheduler_address)
        trial.fault("reconstruct b3-", "once full")
        assert trial.run().complete
    trial.assert_sound(undisturbed, again={"reconstruct b3-"})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_store_whose_disk_is_full_ends_the_run_and_loses_nothing(
    trial_of: Callable[..., Trial], undisturbed: Outputs, small_disk: Path
) -> None:
    trial = trial_of(store=str(small_disk / "store"))
    with pytest.raises(StorageError, match="No space left"):
        trial.run()
    begun = trial.calls()
    assert begun
    larger = ["mount", "-o", "remount,size=100m", str(small_disk)]
    subprocess.run(larger, check=True)
    assert trial.run().complete
    twice = {work for work, count in trial.calls().items() if count > 1}
    assert len(twice) <= 2 * trial.job.concurrency  # what could not be stored
    trial.assert_sound(undisturbed, again=twice)
    assert not [path for path in small_disk.rglob(".*") if path.is_file()]


def test_a_worker_of_another_version_ends_the_run(
    trial_of: Callable[..., Trial], cluster: Any, monkeypatch: pytest.MonkeyPatch,
    undisturbed: Outputs,
) -> None:  # fmt: skip
    trial = trial_of(objects=OBJECTS[:3])
    with cluster(1) as started:
        trial.run_on(runner="dask", scheduler=started.scheduler_address)
        assert trial.run(limit=1).complete
        import mmpart_noop.mesh as noop  # pyright: ignore[reportMissingImports]

        with monkeypatch.context() as newer:
            newer.setattr(noop.NoopExtractor, "VERSION", "2")
            with pytest.raises(ConfigError, match="restart the workers with the flow's version"):
                trial.run()
        assert trial.run().complete
    again = {f"assemble {name}" for name in OBJECTS[:3]}
    trial.assert_sound(undisturbed, again=again)


@pytest.mark.parametrize("runner", ["dask", "dask-tasks"])
def test_runners_make_the_same_as_threads(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any, runner: str,
    prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PREFECT_API_URL", prefect.url)  # workers report, too, with dask-tasks
    trial = trial_of(objects=OBJECTS[:4])
    with cluster(2) as started:
        trial.run_on(runner=runner, scheduler=started.scheduler_address)
        trial.fault("mesh d4-", "fail")
        tally = trial.run()
        assert tally.states == {"made": 3, "incomplete": 1}
        trial.assert_sound(undisturbed, states={"d": "incomplete"})
        trial.fault("mesh d4-", "")
        assert trial.run(retry_failed=True).complete
        trial.assert_sound(undisturbed, again={"mesh d4-", "assemble d"})
        done_by = {process for work in ("mesh", "isolate") for process in trial.wait_for(work)}
        assert os.getpid() not in done_by


@pytest.mark.usefixtures("prefect")
def test_a_real_object_is_the_same_on_workers(tmp_path: Path, cluster: Any) -> None:
    listed = str(EXAMPLE / "components.yaml")
    row = {"id": "hat", "image": str(EXAMPLE / "image.png"), "components": listed}
    (tmp_path / "data.jsonl").write_text(json.dumps(row))

    def made(where: str, *settings: str) -> bytes | None:
        coarse = [f"{name}={value}" for name, value in COARSE.items()]
        job = DatasetJob(
            source=str(tmp_path / "data.jsonl"), output=str(tmp_path / where), files="glb",
            store=str(tmp_path / f"{where}-store"), settings=(*coarse, *settings),
        )  # fmt: skip
        tally = generate_dataset(job=job)
        assert tally.complete, tally
        return job.place.read_file("objects/hat/object.glb")

    with cluster(1) as started:
        on_workers = made("dask", "runner=dask", f"scheduler={started.scheduler_address}")
    here = made("threads")
    assert here is not None
    assert on_workers == here
