"""One part once more, tries picked and places corrected, through the flows of the local profile."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from mmpart_core.output import wording
from mmpart_core.output.agreement import measure_again
from mmpart_core.records import ObjectResult
from mmpart_core.storage import codecs, glb
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.app import create_app
from studio.library import ObjectLibrary
from studio.objects import KeptObject
from tests.prefect_server import flows_on_server
from tests.studio.conftest import HOST
from tests.studio.test_journey import COARSE, EXAMPLE

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.long, pytest.mark.timeout(900)]
CHAIN = {"isolate", "multiview", "reconstruct", "mesh"}
REDONE_LID = {(stage, "lid") for stage in CHAIN} | {("assemble", None)}
FORM = {
    "name": "mug",
    "part_name": ["lid", "mug"],
    "part_hidden": ["", "dark inside under the lid"],
    "part_count": ["1", "1"],
    "part_region": ["box 0.15 0.16 0.7 0.42", "box 0.14 0.38 0.86 0.88"],
    "profile": "local",
    "settings": "\n".join(COARSE),
    "seed": "0",
}


class Visit:
    """A user's browser on one object."""

    def __init__(self, pages: TestClient, store: FsspecStore) -> None:
        self.pages = pages
        self.library = ObjectLibrary(store)
        answer = pages.post("/new", files={"image": ("mug.png", EXAMPLE.read_bytes())})
        self.address = answer.headers["location"].removesuffix("/edit")

    def send(self, action: str, **fields: Any) -> KeptObject:
        """Send a form, wait for the work it began, and give what is kept then."""
        answer = self.pages.post(f"{self.address}/{action}", data=fields)
        assert answer.status_code == 303, answer.text
        deadline = time.monotonic() + 240
        while self.pages.app.state.studio.workshop.live(self.id) is not None:  # pyright: ignore
            assert time.monotonic() < deadline, "the work does not end"
            time.sleep(0.05)
        kept = self.library.load(self.id)
        assert kept is not None
        assert kept.trouble == ""
        return kept

    @property
    def id(self) -> str:
        return self.address.rpartition("/")[2]

    def page(self) -> str:
        return self.pages.get(self.address).text


def ran(kept: KeptObject) -> set[tuple[str, str | None]]:
    """What the last run really did."""
    assert kept.result is not None
    return {(run.stage, run.component) for run in kept.result.runs if not run.cached}


def made_of(result: ObjectResult | None, name: str) -> Any:
    assert result is not None
    return next(part for part in result.parts if part.component == name)


def ious(result: ObjectResult | None) -> dict[str | None, float]:
    """Overlap with the image, by part; None for the whole."""
    assert result is not None
    assert result.assembled is not None
    each = {place.component: place.silhouette_iou for place in result.assembled.placements}
    return {**each, None: result.assembled.silhouette_iou}  # pyright: ignore[reportReturnType]


@pytest.fixture(scope="module")
def story(
    prefect_server: str, prefect_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SimpleNamespace]:
    """All that a user did to one object, and what was kept after each step."""
    store = FsspecStore(str(tmp_path_factory.mktemp("redoing") / "store"))
    with flows_on_server(prefect_server, prefect_home):
        app = create_app(store.url)
        visit = Visit(TestClient(app, base_url=HOST, follow_redirects=False), store)
        told = SimpleNamespace(store=store, visit=visit)
        told.planned = visit.send("plan", **FORM)
        prompts = [each.prompt for each in told.planned.plan.prompts]
        told.made = visit.send("run", prompt=prompts)
        told.seeded = visit.send(
            "redo", component="lid", begun_at="isolate", prompt="only the lid", seed=7
        )
        told.replanned = visit.send(
            "redo", component="lid", begun_at="plan", hidden="flat below", prompt="", seed=5
        )
        told.picked = visit.send("pick", component="lid", position=0)
        told.nudged = visit.send("nudge", component="lid", move_z=0.3)
        told.nudged_page = visit.page()
        told.manifest = json.loads(visit.pages.get(f"{visit.address}/files/manifest.json").content)
        told.after_nudge = visit.send("pick", component="lid", position=1)
        told.reset = visit.send("nudge", component="lid")
        yield told
        app.state.studio.workshop.close()


def test_all_is_made_once(story: SimpleNamespace) -> None:
    everything = {(stage, part) for stage in CHAIN for part in ("lid", "mug")}
    assert ran(story.made) == {*everything, ("assemble", None)}
    assert story.made.result.complete


@pytest.mark.parametrize(("step", "seed"), [("seeded", 7), ("replanned", 5)])
def test_only_the_part_that_is_redone_is_made_again(
    story: SimpleNamespace, step: str, seed: int
) -> None:
    kept = getattr(story, step)
    assert ran(kept) == REDONE_LID
    assert kept.chosen_try("lid").seed == seed
    assert made_of(kept.result, "mug") == made_of(story.made.result, "mug")
    others = [run for run in kept.result.runs if run.component == "mug"]
    assert {run.stage for run in others} == CHAIN
    assert all(run.cached for run in others)


def test_words_of_the_user_reach_the_prompt_of_that_part_only(story: SimpleNamespace) -> None:
    lid, mug = (story.replanned.chosen_try(name) for name in ("lid", "mug"))
    assert "flat below" in lid.prompt
    assert lid.hidden == "flat below"
    assert mug.prompt == story.planned.chosen_try("mug").prompt
    assert [each.begun_at for each in story.replanned.tries["lid"]] == ["plan", "isolate", "plan"]


def test_a_picked_try_costs_nothing(story: SimpleNamespace) -> None:
    assert ran(story.picked) == set()
    assert story.picked.result.assembled == story.made.result.assembled
    assert story.picked.chosen["lid"] == 0
    assert len(story.picked.tries["lid"]) == 3


def test_figures_follow_a_corrected_place(story: SimpleNamespace) -> None:
    before, after = ious(story.picked.shown), ious(story.nudged.shown)
    assert story.nudged.result == story.picked.result
    assert after["lid"] < before["lid"] - 0.2
    assert after[None] < before[None] - 0.02
    told = f"silhouette IoU {wording.share(after['lid'])}, fits the image badly"
    assert f"{told}, its place corrected by hand" in story.nudged_page
    by_name = {part["component"]: part for part in story.manifest["parts"]}
    for name in ("lid", "mug"):
        assert by_name[name]["silhouette_iou"] == pytest.approx(after[name], abs=1e-3)


def test_a_corrected_place_survives_the_next_assembly(story: SimpleNamespace) -> None:
    assert ran(story.after_nudge) == set()
    shown, bare = story.after_nudge.shown.assembled, story.after_nudge.result.assembled
    scenes = [glb.get_scene(story.store, each.glb) for each in (shown, bare)]
    moved, placed = (
        next(node for node in scene if node.name == "lid").world_mesh().vertices for scene in scenes
    )
    np.testing.assert_allclose(moved - placed, [[0.0, 0.0, 0.3]] * len(placed), atol=1e-6)


def test_measured_again_it_is_what_assembly_measured(story: SimpleNamespace) -> None:
    result = story.picked.result
    again = measure_again(result, result.assembled, story.store)
    assert ious(result.model_copy(update={"assembled": again})) == pytest.approx(ious(result))
    pictures = (each.preview for each in (again, result.assembled))
    drawn, before = (codecs.get_image(story.store, each) for each in pictures)
    np.testing.assert_allclose(drawn, before, atol=2)
    assert story.reset.corrected is None
    assert ious(story.reset.shown) == ious(story.after_nudge.result)
