"""An object's whole life in a browser, on the ``local`` profile: the command, as a user runs it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strict_openai import ModelServer, response

from mmpart_core.storage.fsspec_store import FsspecStore
from studio.library import ObjectLibrary
from tests.mmpart_core.output.test_page import CHROMIUM, VIEWER, needs_browser

pytestmark = [
    needs_browser,
    pytest.mark.xdist_group("studio"),
    pytest.mark.long,
    pytest.mark.timeout(1800),
]
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mug-with-lid" / "image.png"
# Coarse, so that all is made in seconds; no stage is left out.
COARSE = (
    "input.max_side_px=256", "multiview.outline_px=64", "multiview.size_px=64",
    "multiview.supersample=1", "reconstruct.preset=preview", "reconstruct.coarse_resolution=24",
    "reconstruct.resolution=28", "mesh.max_faces=600", "mesh.texture_size_px=64",
    "whole_object_views=false", "assemble.sweeps=1", "assemble.fine_sweeps=0",
    "assemble.coarse_px=64", "assemble.depth_steps=11", "assemble.fit_rounds=2",
    "assemble.order_px=32", "assemble.window_px=48",
)  # fmt: skip
KEY_VARIABLE = "MMPART_JOURNEY_KEY"
SEEN = {
    "object": "mug with a lid",
    "components": [
        {"name": name, "pieces": pieces, "hidden": "",
         "box": {"left": 0.25, "top": 0.5, "right": 0.75, "bottom": 1.0}}
        for name, pieces in (("cup", 1), ("knobs", 2), ("table", 1))
    ],
}  # fmt: skip
JOURNEY = {
    "name": "Mug with lid",
    "components": ["lid", "mug = dark inside under the lid"],
    "settings": COARSE,
    "nowhere": "box 0.0 0.0 0.02 0.02",
    "boxes": [[0.15, 0.16, 0.7, 0.42], [0.14, 0.38, 0.86, 0.88]],
}


@pytest.fixture(scope="module")
def planner() -> Iterator[ModelServer]:
    """A hosted planner on loopback."""
    with ModelServer() as server:
        server.answer("/responses", lambda request: response(json.dumps(SEEN)))
        yield server
    assert server.violations == []


@pytest.fixture(scope="module")
def studio(
    tmp_path_factory: pytest.TempPathFactory, planner: ModelServer
) -> Iterator[tuple[str, Path]]:
    """``mmpart studio`` on any free port: its address, and its store."""
    folder = tmp_path_factory.mktemp("studio")
    environment = {**os.environ, "PREFECT_HOME": str(folder / "prefect"), "OMP_NUM_THREADS": "1"}
    environment.pop("PREFECT_API_URL", None)
    environment[KEY_VARIABLE] = planner.api_key
    command = [sys.executable, "-m", "studio.command", "studio"]
    process = subprocess.Popen(
        [*command, "--store", str(folder / "store"), "--port", "0"],
        stderr=subprocess.PIPE, text=True, env=environment, cwd=folder,
    )  # fmt: skip
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    address = next((line.strip() for line in lines if line.startswith("http://")), None)
    assert address is not None, "the studio did not start"
    reading = threading.Thread(target=process.stderr.read)
    reading.start()
    yield address.rstrip("/"), folder / "store"
    process.terminate()
    status = process.wait(timeout=60)
    reading.join()
    process.stderr.close()
    assert status == 143


@pytest.fixture(scope="module")
def report(
    studio: tuple[str, Path], planner: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What a user saw, step by step."""
    assert CHROMIUM is not None
    journey = tmp_path_factory.mktemp("journey") / "journey.json"
    there = f"plan.base_url={planner.base_url}", f"plan.api_key_variable={KEY_VARIABLE}"
    journey.write_text(json.dumps({**JOURNEY, "planner": there}))
    script = str(VIEWER / "test" / "studio.mjs")
    answer = subprocess.run(
        ["node", script, CHROMIUM, studio[0], str(EXAMPLE), str(journey)],
        capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert "broken" not in found, json.dumps(found, indent=1)
    return found


def test_the_planner_suggests_components(report: dict[str, Any]):
    assert "does not look at the image" in report["unseeing"][0]
    assert report["suggested"] == ["cup", "knobs", "table"]
    names, counts, regions = report["taken"]
    assert (names, counts) == (["cup", "knobs"], ["1", "2"])
    assert regions == ["box 192 384 576 768"] * 2
    assert report["takenBoxes"] == 2


def test_components_are_listed_by_keys_alone(report: dict[str, Any]):
    assert report["pasted"] == ["lid", "mug"]
    assert report["added"] == ["lid", "mug", "too much"]
    assert report["moved"] == ["lid", "too much", "mug"]
    assert report["kept"] == ["lid", "mug"]


def test_faults_are_told_where_they_are_and_can_be_mended(report: dict[str, Any]):
    assert "four numbers expected" in report["refusedForm"][0]
    assert "the box region of 'lid' holds nothing of the object" in report["failed"][0]


def test_boxes_are_drawn_in_pixels_of_the_image(report: dict[str, Any]):
    lid, mug = ([int(n) for n in text.split()[1:]] for text in report["drawn"])
    np.testing.assert_allclose(lid, np.array(JOURNEY["boxes"][0]) * 768, atol=4)
    np.testing.assert_allclose(mug, np.array(JOURNEY["boxes"][1]) * 768, atol=4)


def test_what_is_to_come_is_told_before_it_begins(report: dict[str, Any]):
    assert "10 pieces of work to do, 0 in the cache" in report["estimate"][0]
    assert report["toCome"] == 10
    assert "the lid" in report["prompts"][0]
    assert "dark inside under the lid" in report["prompts"][1]


def test_a_run_is_stopped_and_goes_on(report: dict[str, Any]):
    assert "What was finished is kept" in report["stopped"][0]
    assert report["livePictures"] >= 1
    assert report["status"] == "complete: 2 parts"
    assert report["parts"] == ["lid", "mug"]


def test_the_result_stands_in_the_3d_view(report: dict[str, Any]):
    assert [part["component"] for part in report["view"]["parts"]] == ["lid", "mug"]
    assert report["view"]["triangles"] > 500


def test_the_view_has_overlay_wireframe_and_sides(report: dict[str, Any]):
    assert report["overlaid"]["overlay"] == pytest.approx(0.6)
    assert report["overlayShown"]
    assert report["overlayLeft"] == [0, False]
    assert report["wireframe"]
    start, behind = (np.array(report[name]["camera"]) for name in ("view", "behind"))
    assert start[2] > 0 > behind[2]


def test_one_part_is_made_again_and_a_try_is_picked(report: dict[str, Any]):
    assert [text.split(",")[0] for text in report["tries"]] == ["Try 1", "Try 2"]
    assert "seed 11 in the object" in report["tries"][1]
    assert "seed 0 in the object" in report["picked"][0]


def test_only_that_part_was_made_again(report: dict[str, Any], studio: tuple[str, Path]):
    library = ObjectLibrary(FsspecStore(str(studio[1])))
    kept = library.load(report["object"].rpartition("/")[2])
    assert kept is not None
    assert kept.result is not None
    assert all(run.cached for run in kept.result.runs)
    assert len(list((studio[1] / "records" / "reconstruct").iterdir())) == 3


def test_a_nudge_is_seen_at_once_and_kept(report: dict[str, Any]):
    before, previewed, saved = (np.array(place) for place in report["nudge"])
    assert np.linalg.norm(previewed - before) > 0.1
    np.testing.assert_allclose(saved, previewed, atol=1e-4)


def test_history_finds_it_by_name(report: dict[str, Any]):
    assert report["found"] == ["Mug with lid"]


def test_pages_are_accessible_narrow_and_quiet(report: dict[str, Any]):
    looked = {
        "new",
        "suggested",
        "failed",
        "edit",
        "plan",
        "running",
        "result",
        "view",
        "nudged",
        "history",
    }
    assert report["violations"] == {name: [] for name in looked}
    assert all(beyond <= 0 for beyond in report["overflow"].values())
    assert report["console"] == []
    assert report["foreign"] == []
