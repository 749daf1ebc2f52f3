"""Predictions are scored object by object: failures are rows, finished work is not repeated."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from evaluation.reporting.tables import read_rows
from flows.evaluate_dataset import evaluate_dataset, incomplete_objects
from flows.evaluation_job import EvaluationJob, Round
from mmpart_core.errors import ConfigError
from tasks import _score_pool, score
from tasks._score_pool import opened_pool
from tests.flows.conftest import OBJECTS, SMALL, object_rows, write_glb

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]


def test_found_predictions_are_scored_once_and_bad_ones_are_rows(
    job_of: Callable[..., EvaluationJob], tmp_path: Path, scored: list[str]
) -> None:
    made = tmp_path / "made"
    write_glb(made / "lamp.glb", OBJECTS["lamp"])
    (made / "post.glb").write_bytes(b"not a GLB")
    job = job_of(Round(predictions=str(made)))
    rows = evaluate_dataset(job=job)
    found = object_rows(rows)
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
    write_glb(made / "post.glb", OBJECTS["post"])
    mended = evaluate_dataset(job=job)
    assert scored == ["post"]
    assert incomplete_objects(job, mended) == []


def test_absent_prediction_and_unreadable_truth_are_rows(
    job_of: Callable[..., EvaluationJob], dataset: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    write_glb(made / "post.glb", OBJECTS["post"])
    (dataset / "post.glb").write_bytes(b"not a GLB")
    job = job_of(Round(predictions=str(made)))
    found = object_rows(evaluate_dataset(job=job))
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
        write_glb(tmp_path / "made" / f"{name}.glb", parts)
    working = score.score_files

    def breaks(inputs: Any, *rest: Any) -> Any:
        if inputs.object_id == "lamp":
            raise MemoryError("no more")
        return working(inputs, *rest)

    job = job_of(Round(predictions=str(tmp_path / "made")))
    with monkeypatch.context() as patch:
        patch.setattr(score, "score_files", breaks)
        found = object_rows(evaluate_dataset(job=job))
    assert found["lamp"].reason == "scoring failed: MemoryError: no more"
    assert found["post"].state == "scored"
    scored.clear()
    assert object_rows(evaluate_dataset(job=job))["lamp"].state == "scored"
    assert scored == ["lamp"]


def test_scores_come_from_dask(
    job_of: Callable[..., EvaluationJob], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_glb(tmp_path / "made" / "lamp.glb", OBJECTS["lamp"])
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
        assert object_rows(evaluate_dataset(job=job))["lamp"].values["f_0.05"] == 1.0
    monkeypatch.setattr(_score_pool, "_CONNECT_S", 1)
    with (
        pytest.raises(ConfigError, match="no Dask scheduler answers"),
        opened_pool("dask", 1, "tcp://127.0.0.1:9"),
    ):
        pass
