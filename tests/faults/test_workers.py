"""Dask workers that die, whose disk is full or that are of another version; their scheduler."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.dataset_job import DatasetJob
from flows.generate_dataset import generate_dataset
from mmpart_core.errors import ConfigError
from tasks import _cluster
from tests.faults import disturbances, store_disturbances
from tests.faults.servers import DaskProcesses, PrefectServer, SmallDisk
from tests.faults.trial import OBJECTS, PARTS, Trial
from tests.faults.verdict import assert_sound

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
Outputs = dict[str, bytes]


def test_one_and_then_all_workers_die_at_work(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any
) -> None:
    trial = trial_of()
    with cluster(2) as scheduler:
        trial.run_on(runner="dask", scheduler=scheduler)
        assert disturbances.kill_workers(trial, 2, all_of_them=True).complete
    assert assert_sound(trial, undisturbed).repeated != []


def test_the_scheduler_dies_and_comes_back(
    trial_of: Callable[..., Trial], undisturbed: Outputs, tmp_path: Path, short_pauses: None
) -> None:
    trial = trial_of()
    dask = DaskProcesses(tmp_path)
    try:
        trial.run_on(runner="dask", scheduler=dask.address)
        assert disturbances.kill_scheduler(trial, dask).complete
    finally:
        dask.stop()
        _cluster._connected.cache_clear()
    assert assert_sound(trial, undisturbed).repeated != []


def test_work_that_kills_its_workers_fails_alone(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any, short_pauses: None
) -> None:
    trial = trial_of(objects=OBJECTS[:4])
    with cluster(2, allowed_failures=1) as scheduler:
        trial.run_on(runner="dask", scheduler=scheduler)
        trial.fault("isolate b2-", "kill")
        tally = trial.run()
    assert tally.states == {"made": 3, "incomplete": 1}
    killed = trial.calls()["isolate b2-"]
    assert killed == 2 * _cluster.LOST_TIMES
    twice = {work for work, count in trial.calls().items() if count > 1}
    # Each time one other piece of work, at most, was on that worker: it has two threads.
    assert len(twice - {"isolate b2-"}) <= killed
    assert_sound(trial, undisturbed, again=twice, states={"b": "incomplete"})


def test_a_full_disk_on_one_worker_is_no_failure(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any, short_pauses: None
) -> None:
    trial = trial_of(objects=OBJECTS[:3])
    with cluster(1) as scheduler:
        trial.run_on(runner="dask", scheduler=scheduler)
        trial.fault("reconstruct b3-", "once full")
        assert trial.run().complete
    assert_sound(trial, undisturbed, again={"reconstruct b3-"})


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        disk = SmallDisk(tmp_path / "disk")
    except OSError as error:
        pytest.skip(str(error))
    yield disk
    disk.close()


def test_a_store_whose_disk_is_full_ends_the_run_and_loses_nothing(
    trial_of: Callable[..., Trial], undisturbed: Outputs, small_disk: SmallDisk
) -> None:
    trial = trial_of(store=str(small_disk.folder / "store"))
    mark = store_disturbances.fill_disk(trial, small_disk)
    assert mark.finished
    # What could not be stored: a stage of each of two parts of the objects under way.
    assert len(mark.in_hand) <= 2 * trial.job.concurrency
    assert_sound(trial, undisturbed)
    assert not [path for path in small_disk.folder.rglob(".*") if path.is_file()]


def test_a_worker_of_another_version_ends_the_run(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any
) -> None:
    trial = trial_of(objects=OBJECTS[:3])
    with cluster(1) as scheduler:
        trial.run_on(runner="dask", scheduler=scheduler)
        assert trial.run(limit=1).complete
        restart = "restart the workers with the flow's version"
        with disturbances.newer_meshes(), pytest.raises(ConfigError, match=restart):
            trial.run()
        assert trial.run().complete
    assert assert_sound(trial, undisturbed).repeated == []


@pytest.mark.parametrize("runner", ["dask", "dask-tasks"])
def test_runners_make_the_same_as_threads(
    trial_of: Callable[..., Trial], undisturbed: Outputs, cluster: Any, runner: str,
    prefect: PrefectServer, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PREFECT_API_URL", prefect.url)  # workers report, too, with dask-tasks
    trial = trial_of(objects=OBJECTS[:4])
    with cluster(2) as scheduler:
        trial.run_on(runner=runner, scheduler=scheduler)
        trial.fault("mesh d4-", "fail")
        tally = trial.run()
        assert tally.states == {"made": 3, "incomplete": 1}
        assert_sound(trial, undisturbed, states={"d": "incomplete"})
        trial.fault("mesh d4-", "")
        assert trial.run(retry_failed=True).complete
    assert_sound(trial, undisturbed, again={"mesh d4-", "assemble d"})
    done_by = {process for work in ("mesh", "isolate") for _, process in trial.begun(work)}
    assert os.getpid() not in done_by
    assert len(trial.begun("isolate")) == len(PARTS) * 4


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

    with cluster(1) as scheduler:
        on_workers = made("dask", "runner=dask", f"scheduler={scheduler}")
    here = made("threads")
    assert here is not None
    assert on_workers == here
