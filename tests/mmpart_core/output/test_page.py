"""The page, opened from disk in headless Chromium."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmpart_core.config import PipelineConfig
from mmpart_core.output import bundle
from mmpart_core.records import ObjectResult, PartFailure
from mmpart_core.storage.memory_store import MemoryStore

Lamp = tuple[ObjectResult, MemoryStore]
VIEWER = Path(__file__).resolve().parents[3] / "viewer"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for name in BROWSERS if (path := shutil.which(name))), None)
HOSTILE = ["</script><b>bold</b>", "<img src=x onerror='window.injected=1'>", "globe & co"]

needs_browser = pytest.mark.skipif(
    CHROMIUM is None
    or shutil.which("node") is None
    or not (VIEWER / "node_modules" / "playwright-core").is_dir(),
    reason="needs chromium, node and playwright-core (npm ci in viewer/)",
)


def open_page(page: Path) -> dict[str, Any]:
    assert CHROMIUM is not None
    answer = subprocess.run(
        ["node", str(VIEWER / "test" / "page.mjs"), CHROMIUM, str(page)],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


@pytest.fixture(scope="module")
def report(
    build_result: Callable[[list[str]], Lamp],
    config: PipelineConfig,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("page")
    bundle.write_bundle(*build_result(HOSTILE), str(folder), config=config)
    return open_page(folder / "index.html")


def visible(state: dict[str, Any]) -> list[bool]:
    return [part["visible"] for part in state["parts"]]


@needs_browser
def test_all_parts_load_without_errors_or_requests(report: dict[str, Any]):
    assert report["loaded"]
    assert report["console"] == []
    assert report["requests"] == []
    assert [part["component"] for part in report["start"]["parts"]] == HOSTILE
    assert report["start"]["triangles"] > 4000


@needs_browser
def test_names_are_shown_as_text(report: dict[str, Any]):
    assert report["names"] == HOSTILE
    assert report["injected"] == {"flag": None, "elements": 0}


@needs_browser
def test_parts_hide_and_stand_alone(report: dict[str, Any]):
    assert visible(report["hidden"]) == [False, True, True]
    assert visible(report["isolated"]) == [False, False, True]
    assert visible(report["shown"]) == [True, True, True]
    assert report["hidden"]["triangles"] < report["start"]["triangles"]


@needs_browser
def test_the_slider_moves_parts_and_reset_brings_them_back(report: dict[str, Any]):
    places = {
        name: np.array([part["position"] for part in report[name]["parts"]])
        for name in ("start", "exploded", "reset")
    }
    assert np.linalg.norm(places["exploded"] - places["start"], axis=1).max() > 0.1
    np.testing.assert_allclose(places["reset"], places["start"])
    assert report["reset"]["camera"] == pytest.approx(report["start"]["camera"])


@needs_browser
def test_keys_turn_the_view_and_clicks_name_parts(report: dict[str, Any]):
    assert report["turned"]["camera"] != pytest.approx(report["reset"]["camera"])
    assert report["picked"] in HOSTILE


@needs_browser
def test_the_image_lies_over_the_object(report: dict[str, Any]):
    assert report["overlaid"]["overlay"] == pytest.approx(0.6)
    assert report["overlaid"]["shown"]


@needs_browser
def test_the_manifests_facts_are_there(report: dict[str, Any]):
    facts = dict(zip(report["facts"][::2], report["facts"][1::2], strict=True))
    assert set(facts) == {
        "Surface", "Silhouette IoU", "Time", "From cache", "Cost", "Checkpoints", "Written by"
    }  # fmt: skip
    assert facts["Checkpoints"] == "none"


@needs_browser
def test_it_is_accessible_and_fits_a_narrow_screen(report: dict[str, Any]):
    assert report["violations"] == []
    assert report["overflow"] <= 0


@needs_browser
def test_failures_are_shown_when_nothing_was_made(
    lamp: Lamp, config: PipelineConfig, tmp_path: Path
):
    failure = PartFailure(
        component=None, stage="plan", error="BackendError", message="no answer <b>came</b>"
    )
    refused = PartFailure(
        component="stem", stage="isolate", error="RefusedError", message="the model declined"
    )
    failed = ObjectResult(request=lamp[0].request, failures=(failure, refused))
    bundle.write_bundle(failed, lamp[1], str(tmp_path), config=config)
    report = open_page(tmp_path / "index.html")
    assert not report["loaded"]
    assert report["console"] == []
    assert report["violations"] == []
    assert report["failures"] == [
        "plan failed: no answer <b>came</b>",
        "the model declined",
    ]
    assert "nothing to turn around" in report["notice"]
    assert report["status"] == "incomplete: 0 of 3 parts"


def test_the_page_carries_all_it_needs(
    build_result: Callable[[list[str]], Lamp], config: PipelineConfig
):
    page = bundle.build_files(*build_result(HOSTILE), config)["index.html"].decode("utf-8")
    body = page.split("<script>")[0]
    assert "<b>bold" not in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", body)
    assert len(page) < 3_000_000
    script = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page


def test_the_script_keeps_its_licence_and_ends_no_element():
    script = resources.files("mmpart_core.output").joinpath("assets", "viewer.js").read_text()
    assert "three.js authors" in script[:400]
    assert "Permission is hereby granted" in script[:800]
    assert "</script" not in script
    assert "<!--" not in script


@pytest.mark.skipif(
    shutil.which("node") is None or not (VIEWER / "node_modules" / "esbuild").is_dir(),
    reason="needs node and esbuild (npm ci in viewer/)",
)
def test_the_script_is_built_from_its_source(tmp_path: Path):
    built = tmp_path / "viewer.js"
    subprocess.run(
        ["node", str(VIEWER / "build.mjs"), str(built)], check=True, timeout=120, cwd=VIEWER
    )
    shipped = resources.files("mmpart_core.output").joinpath("assets", "viewer.js").read_bytes()
    assert built.read_bytes() == shipped, "run npm run build in viewer/"
