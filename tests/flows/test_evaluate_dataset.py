"""Data sets are scored object by object: failures are rows, finished work is not repeated."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from distributed import LocalCluster

from evaluation.protocol import MMPART
from evaluation.reporting.tables import read_rows
from evaluation.rows import ScoreRow
from flows.attribute_dataset import attribute_dataset
from flows.attribution_rungs import build_rungs, parse_stages
from flows.evaluate_dataset import evaluate_dataset, incomplete_objects
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.evaluation_progress import NobodyWatches, evaluation_listener
from flows.profiles import find_config
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import ConfigError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import InputView
from mmpart_core.storage.glb import GlbNode, encode_glb
from tasks import _score_pool, score
from tasks._score_pool import opened_pool

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]

SMALL = MMPART.model_copy(
    update={
        "points": 400,
        "whole_points": 800,
        "voxels": 16,
        "metrics": ("chamfer", "f_score", "bbox_iou", "placement"),
    }
)
VIEW = InputView(azimuth_deg=30.0, elevation_deg=20.0)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> TriangleMesh:
    """A closed, coloured box between two corners."""
    corners = np.array(low), np.array(high)
    mesh = trimesh.creation.box(extents=corners[1] - corners[0])
    colour = np.tile(np.array([200, 90, 40, 255], dtype=np.uint8), (len(mesh.vertices), 1))
    vertices = np.array(mesh.vertices) + (corners[0] + corners[1]) / 2.0
    return TriangleMesh(vertices, np.array(mesh.faces, dtype=np.int64), colors=colour)


OBJECTS = {
    "lamp": {"base": box((0, 0, 0), (4, 4, 1)), "shade": box((1, 1, 1), (3, 3, 5))},
    "post": {"pole": box((0, 0, 0), (1, 1, 4)), "top": box((-1, -1, 4), (2, 2, 5))},
}


def write(path: Path, parts: dict[str, TriangleMesh]) -> None:
    """Meshes as a GLB with a node per name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_glb([GlbNode(name, mesh) for name, mesh in parts.items()]))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two tiny objects of two parts each."""
    for name, parts in OBJECTS.items():
        write(tmp_path / "data" / f"{name}.glb", parts)
    return tmp_path / "data"


@pytest.fixture
def job_of(dataset: Path, store_url: str, tmp_path: Path) -> Callable[..., EvaluationJob]:
    """Makes jobs on this test's data set."""

    def make(*rounds: Round, **changes: Any) -> EvaluationJob:
        given: dict[str, Any] = {
            "dataset": str(dataset), "layout": "named-nodes", "dataset_name": "data",
            "object_ids": tuple(OBJECTS), "rounds": rounds, "protocols": (SMALL,), "look": None,
            "store": store_url, "report": str(tmp_path / "report"), "pictures": False,
        }  # fmt: skip
        return EvaluationJob.model_validate({**given, **changes})

    return make


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that are really scored in this process, in order."""
    calls: list[str] = []
    real = score.score_files

    def counted(inputs: Any, *rest: Any) -> Any:
        calls.append(inputs.object_id)
        return real(inputs, *rest)

    monkeypatch.setattr(score, "score_files", counted)
    return calls


def generated(config: PipelineConfig, folder: Path, **changes: Any) -> Round:
    """A round that makes its predictions."""
    made = Generation(config=config, view=VIEW, size_px=96, **changes)
    return Round(predictions=str(folder), generation=made)


def whole(rows: list[ScoreRow]) -> dict[str, ScoreRow]:
    """The objects' rows by name."""
    return {row.object_id: row for row in rows if row.level == "object"}


def test_found_predictions_are_scored_once_and_bad_ones_are_rows(
    job_of: Callable[..., EvaluationJob], tmp_path: Path, scored: list[str]
) -> None:
    made = tmp_path / "made"
    write(made / "lamp.glb", OBJECTS["lamp"])
    (made / "post.glb").write_bytes(b"not a GLB")
    job = job_of(Round(predictions=str(made)))
    rows = evaluate_dataset(job=job)
    found = whole(rows)
    assert found["lamp"].values["f_0.05"] == 1.0
    assert found["post"].state == "failed"
    assert "post.glb" in found["post"].reason
    failed = [row for row in rows if row.object_id == "post" and row.level == "part"]
    assert [row.values["f_0.05"] for row in failed] == [0.0, 0.0]
    assert incomplete_objects(job, rows) == [f"post: failed: {found['post'].reason}"]
    assert sorted(scored) == ["lamp", "post"]

    report = tmp_path / "report"
    assert read_rows(report) == rows
    assert {row.protocol for row in read_rows(report)} == {SMALL}
    for name in ("index.html", "summary.csv", "summary.json", "summary.md", "run.json"):
        assert (report / name).stat().st_size > 0
    assert json.loads((report / "run.json").read_text())["job"]["dataset_name"] == "data"

    scored.clear()
    assert evaluate_dataset(job=job) == rows
    assert scored == []
    write(made / "post.glb", OBJECTS["post"])
    mended = evaluate_dataset(job=job)
    assert scored == ["post"]
    assert incomplete_objects(job, mended) == []


def test_absent_prediction_and_unreadable_truth_are_rows(
    job_of: Callable[..., EvaluationJob], dataset: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    write(made / "post.glb", OBJECTS["post"])
    (dataset / "post.glb").write_bytes(b"not a GLB")
    job = job_of(Round(predictions=str(made)))
    found = whole(evaluate_dataset(job=job))
    assert (found["lamp"].state, found["lamp"].reason) == (
        "failed", "there is no prediction of this object",
    )  # fmt: skip
    assert found["post"].state == "unscored"
    assert "post.glb" in found["post"].reason


def test_scoring_that_breaks_is_a_row_and_is_not_stored(
    job_of: Callable[..., EvaluationJob],
    tmp_path: Path,
    scored: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, parts in OBJECTS.items():
        write(tmp_path / "made" / f"{name}.glb", parts)
    working = score.score_files

    def breaks(inputs: Any, *rest: Any) -> Any:
        if inputs.object_id == "lamp":
            raise MemoryError("no more")
        return working(inputs, *rest)

    job = job_of(Round(predictions=str(tmp_path / "made")))
    with monkeypatch.context() as patch:
        patch.setattr(score, "score_files", breaks)
        found = whole(evaluate_dataset(job=job))
    assert found["lamp"].reason == "scoring failed: MemoryError: no more"
    assert found["post"].state == "scored"
    scored.clear()
    assert whole(evaluate_dataset(job=job))["lamp"].state == "scored"
    assert scored == ["lamp"]


def test_generation_goes_on_after_a_failure_and_a_rerun_makes_only_what_is_missing(
    job_of: Callable[..., EvaluationJob],
    counting_config: PipelineConfig,
    tmp_path: Path,
    journal: Any,
    scored: list[str],
) -> None:
    job = job_of(generated(counting_config, tmp_path / "out"))
    journal.break_down("isolate", "pole")
    journal.break_down("isolate", "top")
    rows = evaluate_dataset(job=job)
    found = whole(rows)
    assert found["lamp"].state == "scored"
    assert found["post"].state == "failed"
    assert "out of order" in next(row.reason for row in rows if row.name == "pole")
    assert found["lamp"].values["cost_usd"] == pytest.approx(0.09)
    assert found["lamp"].values["mesh_s"] > 0
    assert "tokens" not in found["lamp"].values
    assert incomplete_objects(job, rows)[0].startswith("post: failed")
    journal.reset()
    scored.clear()
    manifest = (tmp_path / "out" / "lamp" / "manifest.json").read_bytes()
    again = evaluate_dataset(job=job)
    calls = journal.taken()
    assert len(calls) == 9  # four stages of two parts, and the assembly; the plan was stored
    assert ("assemble", "pole+top") in calls
    assert not {what for _, what in calls} & {"lamp", "post", "base", "shade", "base+shade"}
    assert scored == ["post"]
    assert incomplete_objects(job, again) == []
    # what making it took is still known, because the finished object was left as it is
    assert (tmp_path / "out" / "lamp" / "manifest.json").read_bytes() == manifest
    assert whole(again)["lamp"] == found["lamp"]


class Crash(BaseException):
    """Nobody catches it: as if the process had ended."""


class CrashesBefore(NobodyWatches):
    """Ends the run when an object's turn has come."""

    def __init__(self, object_id: str) -> None:
        self._object_id = object_id

    def generating(self, what: str) -> None:
        if what == self._object_id:
            raise Crash


def test_a_run_that_crashed_goes_on_where_it_stopped(
    job_of: Callable[..., EvaluationJob],
    counting_config: PipelineConfig,
    tmp_path: Path,
    journal: Any,
    scored: list[str],
) -> None:
    job = job_of(generated(counting_config, tmp_path / "out", whole_bundle=False))
    token = evaluation_listener.set(CrashesBefore("post"))
    with pytest.raises(Crash):
        evaluate_dataset(job=job)
    evaluation_listener.reset(token)
    before = journal.taken()
    assert len(before) == 10
    assert ("assemble", "base+shade") in before
    assert not (tmp_path / "report").exists()
    rows = evaluate_dataset(job=job)
    after = journal.taken()
    assert len(after) == 10
    assert ("assemble", "pole+top") in after
    assert not {what for _, what in after} & {"lamp", "base", "shade", "base+shade"}
    assert sorted(scored) == ["lamp", "post"]
    assert {row.state for row in rows} == {"scored"}


def test_a_backend_that_cannot_be_used_stops_the_run(
    job_of: Callable[..., EvaluationJob], counting_config: PipelineConfig, tmp_path: Path,
    journal: Any,
) -> None:  # fmt: skip
    journal.break_down("isolate", "base", ConfigError)
    with pytest.raises(ConfigError):
        evaluate_dataset(job=job_of(generated(counting_config, tmp_path / "out")))


def test_real_objects_through_all_rungs_of_an_attribution(
    job_of: Callable[..., EvaluationJob], tmp_path: Path
) -> None:
    settings = ["reconstruct.steps=0", "reconstruct.resolution=32", "multiview.size_px=96"]
    config = find_config("groundtruth", settings)
    base = Generation(config=config, view=VIEW, size_px=160, keep_truth=True, whole_bundle=False)
    rungs = build_rungs(base, parse_stages(()), tmp_path / "out")
    assert [rung.replaced for rung in rungs] == [
        ("isolate", "multiview", "assemble"),
        ("isolate", "multiview", "assemble", "reconstruct", "mesh"),
    ]
    job = job_of(*rungs)
    by_rung, tables = attribute_dataset(job=job)
    assert all(row.state == "scored" for rows in by_rung for row in rows)
    boxes = [row.values["bbox_iou"] for row in by_rung[0] if row.level == "part"]
    assert min(boxes) > 0.7  # parts stand where the truth has them
    assert all(row.values["f_0.05"] == 1.0 for row in by_rung[1])
    (part, _) = tables
    assert part.labels == ("isolate + multiview + assemble", "reconstruct + mesh")
    loss = part.of_metric("f_0.05")[0]
    assert loss.loss == pytest.approx(1.0 - loss.before)
    report = tmp_path / "report"
    assert len(list((report / "rungs").glob("*.parquet"))) == 2
    assert "reconstruct + mesh" in (report / "attribution-mmpart-part.md").read_text()
    assert "Stage attribution" in (report / "index.html").read_text()


def test_scores_come_from_dask(
    job_of: Callable[..., EvaluationJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "made" / "lamp.glb", OBJECTS["lamp"])
    with LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        protocol="tcp://",
        host="127.0.0.1",
    ) as cluster:
        job = job_of(
            Round(predictions=str(tmp_path / "made")),
            object_ids=("lamp",),
            scheduler=cluster.scheduler_address,
        )
        assert job.pool_kind() == "dask"
        assert whole(evaluate_dataset(job=job))["lamp"].values["f_0.05"] == 1.0
    monkeypatch.setattr(_score_pool, "_CONNECT_S", 1)
    with (
        pytest.raises(ConfigError, match="no Dask scheduler answers"),
        opened_pool("dask", 1, "tcp://127.0.0.1:9"),
    ):
        pass
