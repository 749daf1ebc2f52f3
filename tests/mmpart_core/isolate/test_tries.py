"""Tries with a model that is drawn here: which picture is taken, and what a checker may say."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from mmpart_core.geometry import cameras
from mmpart_core.images.foreground import foreground_mask
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.isolate.tries import DrawnPictures, DrawOrder, isolate_by_tries
from mmpart_core.records import ImageRef, PartPrompt
from tests.mmpart_core.isolate.drawn_parts import cut, polygon

EXAMPLE = Path(__file__).parents[3] / "examples" / "hat-on-head"
SIDE = 192
PLACED = np.eye(3)
GREY = np.full((SIDE, SIDE, 4), 200, np.uint8)  # nothing stands out in it
pytestmark = pytest.mark.usefixtures("quick_registration")


@pytest.fixture(scope="module")
def task() -> IsolationTask:
    image = Image.open(EXAMPLE / "image.png").convert("RGBA")
    source = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))
    prompt = PartPrompt(
        component="hat", prompt="only the hat", index=0, regions=(None, None), counts=(1, 1),
        names=("hat", "head"), camera=cameras.orbit_camera(0.0, 20.0, 30.0, SIDE),
        foreground=ImageRef(sha256="0" * 64, size=1, media="image/png", width=SIDE, height=SIDE),
    )  # fmt: skip
    return IsolationTask(source, foreground_mask(source), prompt)


@pytest.fixture(scope="module")
def hat(task: IsolationTask) -> np.ndarray:
    """The hat alone, in its place."""
    listed = yaml.safe_load((EXAMPLE / "components.yaml").read_text())["components"]
    corners = next(each["region"]["polygon"] for each in listed if each["name"] == "hat")
    return cut(task.source[..., :3], polygon(corners, task.source.shape))


def test_of_several_pictures_the_best_is_taken(task: IsolationTask, hat: np.ndarray) -> None:
    blurred = np.asarray(Image.fromarray(hat).reduce(4).resize((SIDE, SIDE)))

    def draw(order: DrawOrder) -> DrawnPictures:
        assert len(order.seeds) == 3
        return DrawnPictures((GREY, blurred, hat), (PLACED,) * 3, 0.3)

    isolation = isolate_by_tries(task, 0, draw, EditorSettings(candidates=3))
    assert [each.taken for each in isolation.tries] == [False, False, True]
    scores = [each.score for each in isolation.tries]
    assert scores == sorted(scores)
    assert len({each.seed for each in isolation.tries}) == 3
    assert sum(each.cost_usd for each in isolation.tries) == pytest.approx(isolation.cost_usd)
