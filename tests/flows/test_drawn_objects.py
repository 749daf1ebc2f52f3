"""True objects are drawn once, and again when anything they are drawn from has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.objects import GroundTruthObject
from flows import drawn_objects
from flows.drawn_objects import DRAW_VERSION, draw_key, draw_object
from flows.evaluate_dataset import evaluate_dataset
from flows.evaluation_job import EvaluationJob, Generation, Round
from flows.evaluation_output import check_outputs
from mmpart_core.config import PipelineConfig
from mmpart_core.records import InputView
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.opening import open_store
from mmpart_core.storage.verifying import verify_store
from tests.flows.conftest import OBJECTS

LAMP = GroundTruthObject("lamp", OBJECTS["lamp"])
# Where these change, DRAW_VERSION must rise: stored requests would stay old otherwise.
PINNED = {
    "version": 1,
    "covered_px": 1538,
    "mean_color": [200.0, 90.0, 40.0, 244.2],
    "boxes": [(0.140625, 0.609375, 0.828125, 0.984375), (0.296875, 0.140625, 0.6875, 0.765625)],
}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that are really drawn, in order."""
    calls: list[str] = []
    real = drawn_objects.request_of_object

    def counted(truth: GroundTruthObject, *rest: Any, **more: Any) -> Any:
        calls.append(truth.object_id)
        return real(truth, *rest, **more)

    monkeypatch.setattr(drawn_objects, "request_of_object", counted)
    return calls


def test_an_equal_object_is_drawn_once_and_a_changed_one_again(
    counting_config: PipelineConfig, store_url: str, drawn: list[str]
) -> None:
    store = open_store(store_url)
    made = Generation(config=counting_config, size_px=64)
    first = draw_object(LAMP, made, store)
    again = GroundTruthObject("lamp", dict(OBJECTS["lamp"]))
    assert draw_object(again, made.model_copy(update={"seed": 5}), store) == first
    assert drawn == ["lamp"]
    for change in (
        {"size_px": 72}, {"regions": "none"}, {"keep_truth": True},
        {"view": InputView(azimuth_deg=31.0, elevation_deg=20.0)},
    ):  # fmt: skip
        other = draw_object(LAMP, made.model_copy(update=change), store)
        assert other != first
    other = GroundTruthObject("lamp", {**OBJECTS["lamp"], "shade": OBJECTS["post"]["top"]})
    assert draw_object(other, made, store) != first
    assert len(drawn) == 6


def test_a_request_whose_files_are_gone_or_that_cannot_be_read_is_made_again(
    counting_config: PipelineConfig, store_url: str, drawn: list[str]
) -> None:
    store = open_store(store_url)
    made = Generation(config=counting_config, size_px=64)
    first = draw_object(LAMP, made, store)
    (Path(store_url) / blob_path(first.image.sha256)).unlink()
    assert draw_object(LAMP, made, store) == first
    assert store.has(first.image)
    store.write_file(f"records/draw/{draw_key(LAMP, made)}.json", b'{"old": 1}')
    assert draw_object(LAMP, made, store) == first
    assert drawn == ["lamp"] * 3
    assert verify_store(store).faults == ()


@pytest.mark.xdist_group("prefect")
@pytest.mark.usefixtures("prefect", "journal")
def test_a_second_run_draws_nothing(
    job_of: Callable[..., EvaluationJob],
    counting_config: PipelineConfig,
    tmp_path: Path,
    drawn: list[str],
) -> None:
    made = Generation(config=counting_config, size_px=96)
    output = tmp_path / "out"
    job = job_of(Round(predictions=str(output), generation=made))
    rows = evaluate_dataset(job=job)
    assert drawn == ["lamp", "post"]
    drawn.clear()
    check_outputs(job, output, overwrite=False)
    assert evaluate_dataset(job=job) == rows
    assert drawn == []


def test_a_drawing_changes_only_together_with_its_version(
    counting_config: PipelineConfig, store_url: str
) -> None:
    store = open_store(store_url)
    request = draw_object(LAMP, Generation(config=counting_config, size_px=64), store)
    pixels = codecs.get_image(store, request.image).astype(float)
    covered = pixels[..., 3] > 0
    facts = {
        "version": DRAW_VERSION,
        "covered_px": int(covered.sum()),
        "mean_color": pixels[covered].mean(axis=0).round(1).tolist(),
        "boxes": [component.region.box for component in request.components if component.region],
    }
    assert facts == PINNED
