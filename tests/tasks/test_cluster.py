"""Work on a Dask cluster: a real scheduler and worker, in this process."""

import pickle
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import LocalCluster

from flows.stage_runner import TASKS
from mmpart_core import pipeline, stages
from mmpart_core.config import BackendChoice, validate_config
from mmpart_core.errors import BackendError, ConfigError, TransientBackendError
from mmpart_core.intake.components import parse_part
from mmpart_core.intake.request import build_request
from mmpart_core.records import StageRun
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.fsspec_store import FsspecStore
from tasks import _cluster
from tasks._cluster import StageCluster, needed_resource, whole_address
from tasks._runners import Work

CHOICE = BackendChoice(kind="counting")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A scheduler with one worker that offers CPU, and no GPU."""
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1",
        dashboard_address=":0", resources={"CPU": 2},
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


@pytest.fixture
def cluster(scheduler: str) -> Iterator[StageCluster]:
    connected = StageCluster(scheduler)
    yield connected
    connected.close()


@pytest.fixture
def plan_work(journal: Any, tmp_path: Path) -> tuple[dict[str, Any], str, str]:
    """A request to plan, its store and its key."""
    store = FsspecStore(str(tmp_path / "store"))
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[16:48, 16:48] = 255
    inputs = {
        "request": build_request(encode_png(pixels), [parse_part("hat")], store=store, name="x")
    }
    return inputs, store.url, stages.work_key("plan", inputs, CHOICE, 3)


def nothing_held(cluster: StageCluster) -> bool:
    """Whether the client has let go of all results; it does so in a thread of its own."""
    deadline = time.monotonic() + 20
    while cluster._client.futures and time.monotonic() < deadline:
        time.sleep(0.02)
    return not cluster._client.futures


def test_a_worker_gives_what_this_process_gives(
    cluster: StageCluster, plan_work: Any, journal: Any
) -> None:
    inputs, store, key = plan_work
    made = cluster.run("plan", inputs, CHOICE, store, 3, key, "CPU")
    assert made == stages.run_stage("plan", inputs, CHOICE, FsspecStore(store), 3)
    assert journal.taken() == [("plan", "x"), ("plan", "x")]
    assert nothing_held(cluster)  # so nothing finished is done again when its worker dies


def test_each_task_asks_workers_for_the_work_of_its_key(journal: Any, tmp_path: Path) -> None:
    """A worker computes the key of the inputs that it is sent; both must be the same work."""
    store = FsspecStore(str(tmp_path / "store"))
    pixels = np.zeros((64, 64, 4), dtype=np.uint8)
    pixels[16:48, 16:48] = 255
    parts = [parse_part("hat"), parse_part("man")]
    request = build_request(encode_png(pixels), parts, store=store, name="x")
    config = validate_config({stage: CHOICE for stage in stages.IDENTITIES}, "test")
    with LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tcp", host="127.0.0.1",
        dashboard_address=":0", resources={"CPU": 1, "GPU": 1},
    ) as cluster:  # fmt: skip

        def on_worker(stage: Any, component: Any, inputs: Any) -> Any:
            key = stages.work_key(stage, inputs, CHOICE, 3)
            work = Work(
                component=component, key=key, choice=CHOICE, seed=3, store=store.url,
                scheduler=cluster.scheduler_address,
            )  # fmt: skip
            record = TASKS[stage].fn(**inputs, work=work)
            run = StageRun(
                component=component, stage=stage, key=key, seconds=0.0, backend="counting/1",
                cached=False, seed=3,
            )  # fmt: skip
            return record, run

        made = pipeline.run_stages(request, config, on_worker, pipeline.one_after_another)
        _cluster.connected_cluster(cluster.scheduler_address).close()
    here = pipeline.generate_object(request, config, store, seed=3)
    assert made.assembled == here.assembled
    assert made.parts == here.parts
    _cluster._connected.cache_clear()


@pytest.mark.parametrize("kind", [BackendError, TransientBackendError, ZeroDivisionError])
def test_errors_keep_their_class(
    cluster: StageCluster, plan_work: Any, journal: Any, kind: type[Exception]
) -> None:
    inputs, store, key = plan_work
    journal.break_down("plan", "x", kind)
    with pytest.raises(kind, match="out of order") as caught:
        cluster.run("plan", inputs, CHOICE, store, 3, key, "CPU")
    assert type(caught.value) is kind
    del caught
    assert nothing_held(cluster)


def test_a_resource_that_no_worker_offers_is_refused_at_once(
    cluster: StageCluster, plan_work: Any
) -> None:
    inputs, store, key = plan_work
    with pytest.raises(ConfigError, match=r"none of its 1 workers offers the resource GPU"):
        cluster.run("plan", inputs, CHOICE, store, 3, key, "GPU")


@pytest.fixture
def leaving(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCluster]:
    """A cluster of one worker that offers CPU, which may go away for less than half a second."""
    monkeypatch.setattr(_cluster, "AWAY_S", 0.4)
    monkeypatch.setattr(_cluster, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(_cluster, "CONNECT_S", 0.3)
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1",
        dashboard_address=":0", resources={"CPU": 1},
    ) as cluster:  # fmt: skip
        yield cluster


def test_workers_that_go_away_for_good_end_the_run(
    leaving: LocalCluster, plan_work: Any, journal: Any
) -> None:
    inputs, store, key = plan_work
    connected = StageCluster(leaving.scheduler_address)
    connected.run("plan", inputs, CHOICE, store, 3, key, "CPU")
    leaving.scale(0)
    with pytest.raises(ConfigError, match=r"none of its 0 workers offers the resource CPU"):
        connected.run("plan", inputs, CHOICE, store, 4, "plan-" + 64 * "0", "CPU")
    connected.close()


def test_a_scheduler_that_goes_away_for_good_ends_the_run(
    leaving: LocalCluster, plan_work: Any, journal: Any
) -> None:
    inputs, store, key = plan_work
    connected = StageCluster(leaving.scheduler_address)
    connected.run("plan", inputs, CHOICE, store, 3, key, "CPU")
    leaving.close()

    def tried_again_and_again() -> None:  # as the flow does
        while True:
            with suppress(TransientBackendError):
                connected.run("plan", inputs, CHOICE, store, 3, key, "CPU")

    with pytest.raises(ConfigError, match=r"it went away while .* What is finished is kept"):
        tried_again_and_again()


def test_a_worker_of_another_version_is_refused(
    cluster: StageCluster, plan_work: Any, journal: Any
) -> None:
    inputs, store, _ = plan_work
    with pytest.raises(ConfigError, match="another version"):
        cluster.run("plan", inputs, CHOICE, store, 3, "plan-" + 64 * "0", "CPU")
    assert journal.taken() == []


def test_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cluster, "CONNECT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=rf"tcp://127.0.0.1:{port}.*no Dask scheduler answers"):
        StageCluster(f"tcp://127.0.0.1:{port}")


def test_what_is_sent_holds_no_secret(
    plan_work: Any, monkeypatch: pytest.MonkeyPatch, cluster: StageCluster
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted-s3-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "planted-model-key")
    sent: list[bytes] = []
    real = cluster._client.submit

    def submit(*arguments: Any, **options: Any) -> Any:
        sent.append(pickle.dumps((arguments, options)))
        return real(*arguments, **options)

    monkeypatch.setattr(cluster._client, "submit", submit)
    inputs, store, key = plan_work
    cluster.run("plan", inputs, CHOICE, store, 3, key, "CPU")
    (content,) = sent
    assert key.encode() in content
    assert b"planted" not in content


def test_resources_that_stages_need() -> None:
    def choice(kind: str, **settings: Any) -> BackendChoice:
        return BackendChoice(kind=kind, settings=settings)

    assert needed_resource("reconstruct", choice("nerfstudio")) == "GPU"
    assert needed_resource("mesh", choice("flexicubes")) == "GPU"
    assert needed_resource("multiview", choice("lift")) == "GPU"
    assert needed_resource("isolate", choice("regions")) == "CPU"
    assert needed_resource("assemble", choice("layout")) == "CPU"
    assert needed_resource("plan", choice("openai")) is None


def test_stores_in_folders_are_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert whole_address(".mmpart") == str(tmp_path / ".mmpart")
    assert whole_address("s3://bucket/x") == "s3://bucket/x"


def test_a_runner_on_dask_needs_an_address(journal: Any) -> None:
    data: dict[str, Any] = {stage: {"kind": "counting"} for stage in stages.IDENTITIES}
    with pytest.raises(ConfigError, match="needs the address of a Dask scheduler"):
        validate_config({**data, "runner": "dask"}, "test")
    address = "tcp://me:pw@host:1"  # pragma: allowlist secret
    with pytest.raises(ConfigError, match="scheduler"):
        validate_config({**data, "runner": "dask", "scheduler": address}, "test")
    given = {**data, "runner": "dask", "scheduler": "tcp://host:8786"}
    assert validate_config(given, "test").runner == "dask"
