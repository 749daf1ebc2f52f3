"""Objects of a data set are made and scored: failures and crashes cost only what they broke."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.attribute_dataset import attribute_dataset
from flows.attribution_rungs import build_rungs, parse_stages
from flows.evaluate_dataset import evaluate_dataset, incomplete_objects
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.evaluation_progress import NobodyWatches, evaluation_listener
from flows.profiles import find_config
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import ConfigError
from mmpart_core.records import InputView
from tests.flows.conftest import object_rows

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]

VIEW = InputView(azimuth_deg=30.0, elevation_deg=20.0)


def generated(config: PipelineConfig, folder: Path, **changes: Any) -> Round:
    """A round that makes its predictions."""
    made = Generation(config=config, view=VIEW, size_px=96, **changes)
    return Round(predictions=str(folder), generation=made)


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
    found = object_rows(rows)
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
    assert object_rows(again)["lamp"] == found["lamp"]


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


@pytest.mark.long
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
