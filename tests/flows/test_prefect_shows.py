"""What a Prefect server is told of an object's run: names, tags, artifacts, progress, logs."""

import base64
import io
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterName,
    FlowRunFilterParentFlowRunId,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.sorting import FlowRunSort

from flows import dataset_object
from flows.dataset_job import DatasetJob
from flows.dataset_lease import read_lease
from flows.generate_dataset import generate_dataset
from flows.generate_object import generate_object, profile_tags
from mmpart_core.backends import STAGES as ALL_STAGES
from mmpart_core.progress import progress_heard, report_progress
from mmpart_core.records import PartFailure
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.work_name import named_handler, work_name, work_named
from tasks import _artifacts, _progress

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]
STAGES = {"isolate", "multiview", "reconstruct", "mesh"}


def latest_run() -> Any:
    """The last run of ``generate_object``."""
    with get_client(sync_client=True) as client:
        wanted = FlowRunFilter(name=FlowRunFilterName(any_=["pair"]))
        return client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1
        )[0]


def task_runs(flow_run: Any, count: int) -> dict[str, Any]:
    """Its task runs by name, once the server has recorded that all ended."""
    wanted = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[flow_run.id]))
    deadline = time.monotonic() + 60
    while True:
        with get_client(sync_client=True) as client:
            found = client.read_task_runs(task_run_filter=wanted)
        ended = {run.name: run for run in found if run.state and run.state.is_final()}
        if len(ended) >= count:
            return ended
        assert time.monotonic() < deadline, f"{len(ended)} of {count} task runs ended"
        time.sleep(0.2)


def artifacts(flow_run: Any) -> dict[str, Any]:
    """Its artifacts by key."""
    wanted = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run.id]))
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(artifact_filter=wanted)
    return {artifact.key: artifact for artifact in found}


@pytest.fixture
def finished(counting_config: Any, request_of: Any, store_url: str, journal: Any) -> Any:
    """A run whose second part fails, with a user's own name for its profile."""
    journal.break_down("isolate", "m*a|n")
    request = request_of("hat", "m*a|n = bald")
    result = generate_object(request, counting_config, store_url, profile="runs/mine.yaml")
    return result, latest_run()


def test_runs_are_named_by_object_part_and_stage(finished: Any) -> None:
    made = {f"pair/hat/{stage}" for stage in STAGES}
    assert set(task_runs(finished[1], 7)) == {
        "pair/plan", *made, "pair/m*a|n/isolate", "pair/assemble",
    }  # fmt: skip


def test_a_task_follows_those_whose_records_it_takes(finished: Any) -> None:
    runs = task_runs(finished[1], 7)
    names = {run.id: name for name, run in runs.items()}
    followed = {
        name: {names[each.id] for given in run.task_inputs.values() for each in given}
        for name, run in runs.items()
    }
    assert followed["pair/hat/multiview"] == {"pair/hat/isolate"}
    assert followed["pair/hat/mesh"] == {"pair/hat/reconstruct"}
    assert followed["pair/assemble"] == {"pair/plan", "pair/hat/isolate", "pair/hat/mesh"}


def test_a_run_that_lacks_a_part_says_so_at_a_glance(finished: Any) -> None:
    result, run = finished
    assert [part.component for part in result.parts] == ["hat"]
    assert run.state_name == "Incomplete"
    assert run.state.message == "1 of 2 parts made; failed: m*a|n"


def test_runs_are_tagged_by_profile_stage_and_back_end(finished: Any) -> None:
    assert "profile:mine" in finished[1].tags
    assert "mesh:counting" in finished[1].tags
    runs = task_runs(finished[1], 7)
    assert set(runs["pair/hat/mesh"].tags) == {
        "profile:mine", "stage:mesh", "backend:counting",
    }  # fmt: skip


def test_cached_runs_are_tagged_as_well(
    finished: Any, counting_config: Any, request_of: Any, store_url: str
) -> None:
    generate_object(request_of("hat"), counting_config, store_url)
    generate_object(request_of("hat"), counting_config, store_url)
    runs = task_runs(latest_run(), 6)
    assert runs["pair/hat/mesh"].state_name == "Cached"
    assert "stage:mesh" in runs["pair/hat/mesh"].tags


def test_the_table_has_states_seconds_cost_and_cached(finished: Any) -> None:
    found = artifacts(finished[1])
    hat, man, whole = json.loads(found["object-parts"].data)
    assert (hat["part"], hat["state"], hat["cached"]) == ("hat", "made", "0 of 4")
    assert hat["cost_usd"] > 0
    assert hat["seconds"] >= 0
    assert man["state"] == "failed at isolate"
    assert "out of order" in man["failure"]
    assert (whole["part"], whole["state"]) == ("whole object", "incomplete")


def test_advice_stands_as_it_was_written(finished: Any) -> None:
    told = artifacts(finished[1])["object-failures"].data
    assert told.startswith("### m\\*a\\|n: isolate")
    assert "out of order" in told


def test_pictures_and_places_of_files_are_there(finished: Any, store_url: str) -> None:
    result, run = finished
    found = artifacts(run)
    for key in ("object-preview", "object-sheet"):
        assert found[key].type == "image"
        data = base64.b64decode(found[key].data.removeprefix("data:image/webp;base64,"))
        assert min(Image.open(io.BytesIO(data)).size) > 50
    digest = result.assembled.glb.sha256
    assert f"{store_url}/blobs/{digest[:2]}/{digest}" in found["object-files"].data


@pytest.fixture
def dataset(
    journal: Any, picture: bytes, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, dict[str, Any]]:
    """A data set of three, the first without its second part: its run, and its objects' by name."""
    journal.break_down("isolate", "man")
    monkeypatch.setattr(dataset_object, "PICTURED_OBJECTS", 1)
    (tmp_path / "image.png").write_bytes(picture)
    rows = [{"id": name, "image": "image.png", "components": parts}
            for name, parts in (("a", "hat, man"), ("b", "hat"), ("c", "hat"))]  # fmt: skip
    (tmp_path / "all.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    profile = tmp_path / "mine.yaml"
    profile.write_text(yaml.safe_dump({stage: {"kind": "counting"} for stage in ALL_STAGES}))
    job = DatasetJob(source=str(tmp_path / "all.jsonl"), output=str(tmp_path / "out"),
                     profile=str(profile), store=store_url, concurrency=1)  # fmt: skip
    generate_dataset(job=job)
    lease = read_lease(job.place)
    assert lease is not None
    parent = FlowRunFilterParentFlowRunId.model_validate({"any_": [lease.flow_run]})
    with get_client(sync_client=True) as client:
        objects = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
        return client.read_flow_run(lease.flow_run), {run.name: run for run in objects}


def test_each_object_of_a_data_set_is_told_of(dataset: tuple[Any, dict[str, Any]]) -> None:
    whole, objects = dataset
    assert {"profile:mine", "mesh:counting"} <= set(whole.tags)
    table = json.loads(artifacts(whole)["dataset-outcomes"].data)
    counts = {row["what"]: row["count"] for row in table}
    assert artifacts(whole)["dataset"].data == 100.0
    assert (counts["objects"], counts["made"], counts["incomplete"]) == (3, 2, 1)
    assert (counts["parts of this run's objects"], counts["of these made"]) == (4, 3)
    assert counts["of these cached"] < counts["stages of this run"]
    assert counts["seconds"] > 0
    found = {name: artifacts(run) for name, run in objects.items()}
    told = {"object-parts", "object-files"}
    pictures = {"object-preview", "object-sheet"}
    assert set(found["a"]) == {*told, *pictures, "object-failures"}
    assert set(found["b"]) == {*told, *pictures}
    assert set(found["c"]) == told  # so that pictures never fill the database
    assert "out of order" in found["a"]["object-failures"].data
    hat, man, _ = json.loads(found["a"]["object-parts"].data)
    assert (hat["state"], man["state"]) == ("made", "failed at isolate")
    for run in objects.values():
        assert {"profile:mine", "mesh:counting"} <= set(run.tags)
    made = task_runs(objects["b"], 6)["b/hat/mesh"]
    assert set(made.tags) == {"profile:mine", "stage:mesh", "backend:counting"}


def test_links_to_an_object_store_are_signed(s3_url: str) -> None:
    link = FsspecStore(s3_url).address_of("blobs/ab/abc", 60.0)
    assert link.startswith("http")
    assert "blobs/ab/abc?" in link
    assert _artifacts._place(link).startswith("[download](http")
    assert FsspecStore("memory://x").address_of("a", 60.0) == "memory://x/a"


def test_profiles_have_short_tags() -> None:
    assert profile_tags("") == []
    assert profile_tags("local") == ["profile:local"]


def test_advice_holds_no_markup_of_users() -> None:
    failure = PartFailure(component="<b>", stage="mesh", error="StageError", message="a_b | c")
    told = _artifacts.failures_text([failure])
    assert told.startswith("### \\<b\\>: mesh\n\na\\_b \\| c")


def test_a_bar_appears_when_work_takes_long_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, float]] = []
    monkeypatch.setattr(_progress, "create_progress_artifact",
                        lambda share, **_: sent.append(("new", share)) or "id")  # fmt: skip
    monkeypatch.setattr(_progress, "update_progress_artifact",
                        lambda _bar, progress: sent.append(("more", progress)))  # fmt: skip
    now = [0.0]
    bar = _progress.ProgressBar("pair/hat/reconstruct", clock=lambda: now[0])
    with progress_heard(bar.show):
        for second in range(14):
            now[0] = float(second)
            report_progress(second / 13)
    bar.end()
    assert [what for what, _ in sent] == ["new", "more", "more"]
    assert [share for _, share in sent] == pytest.approx([100 * 5 / 13, 100 * 10 / 13, 100.0])
    short = _progress.ProgressBar("x", clock=lambda: 0.0)
    short.show(0.5)
    short.end()
    assert len(sent) == 3
    report_progress(0.5)  # nobody hears it
    assert len(sent) == 3


def test_lines_of_a_worker_carry_object_part_and_stage() -> None:
    handler = named_handler()
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(told := io.StringIO())
    logger = logging.Logger("mmpart_core.somewhere")
    logger.addHandler(handler)
    with work_named(work_name("robot", "hat", "mesh")):
        logger.warning("thin")
    logger.warning("between")
    first, second = told.getvalue().splitlines()
    assert "WARNING robot/hat/mesh mmpart_core.somewhere: thin" in first
    assert "WARNING - mmpart_core.somewhere: between" in second
