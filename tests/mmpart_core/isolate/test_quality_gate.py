"""The gate passes and fails real answers of image models as a person would."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from mmpart_core.geometry import cameras
from mmpart_core.images.foreground import foreground_mask
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.isolate.quality_gate import Judged, judge_answer
from mmpart_core.records import ImageRef, PartPrompt, Region
from tests.mmpart_core.isolate.drawn_parts import cut

NAMES = ("thing", "rest")


def task_of(
    source: np.ndarray,
    names: tuple[str, ...] = NAMES[:1],
    regions: tuple[Region | None, ...] = (None,),
) -> IsolationTask:
    height, width = source.shape[:2]
    prompt = PartPrompt(
        component=names[0], prompt="only this", index=0, regions=regions,
        counts=(1,) * len(names), names=names,
        foreground=ImageRef(sha256="0" * 64, size=1, media="image/png", width=width, height=height),
        camera=cameras.orbit_camera(0.0, 20.0, 30.0, width),
    )  # fmt: skip
    return IsolationTask(source, foreground_mask(source), prompt)


def letterbox(answer: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Where the source lies in a picture of another shape, centred and as large as it fits."""
    scale = min(answer.shape[0] / source.shape[0], answer.shape[1] / source.shape[1])
    left, top = ((answer.shape[i] - scale * source.shape[i]) / 2 for i in (1, 0))
    return np.array([[1 / scale, 0, -left / scale], [0, 1 / scale, -top / scale], [0, 0, 1]])


class Pairs:
    """Inputs and outputs of gpt-image models."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, name: str) -> np.ndarray:
        return np.asarray(Image.open(self.folder / name).convert("RGBA"))

    def masked(self, name: str) -> np.ndarray:
        """The creature cut out by the mask that a model drew of it, eyes included."""
        rgba = self.read(name).copy()
        mask = ndimage.binary_fill_holes(self.read("mask.png")[..., 0] > 127)
        rgba[..., 3] = np.where(mask, 255, 0)
        return rgba

    def judged(self, source: str, answer: np.ndarray) -> Judged:
        image = self.read(source)
        return judge_answer(answer, letterbox(answer, image), task_of(image), EditorSettings())


@pytest.fixture(scope="module")
def pairs(shared_data: Path) -> Pairs:
    return Pairs(shared_data / "images" / "openai_edit_pairs")


# What is found from few starts is found from many: acceptance is tested with few.
@pytest.mark.usefixtures("quick_registration")
@pytest.mark.parametrize(
    ("answer", "zoom"),
    [
        pytest.param("extract_product.png", 1.0, marks=pytest.mark.long),
        ("extract_product_gpt-image-2.png", 1.33),
    ],
)
def test_an_extracted_product_passes(pairs: Pairs, answer: str, zoom: float) -> None:
    """One on a chequered ground with a shadow, one on white and smaller, in another format."""
    judged = pairs.judged("in_shampoo.png", pairs.read(answer))
    assert judged.faults == ()
    assert judged.score > 0.8
    assert judged.registration is not None
    assert judged.registration.confidence > 0.9
    assert judged.comparison is not None
    assert judged.comparison.share > 0.95
    assert judged.zoom == pytest.approx(zoom, abs=0.02)


@pytest.mark.usefixtures("quick_registration")
def test_what_is_cut_out_of_the_source_passes(pairs: Pairs) -> None:
    assert pairs.judged("in_glorptak.jpg", pairs.masked("in_glorptak.jpg")).faults == ()
    assert pairs.judged("in_hat.png", pairs.read("hat.png")).faults == ()


REJECTED = {
    "uncut photograph": ("in_shampoo.png", "in_shampoo.png", "background"),
    "uncut dark ground": ("in_glorptak.jpg", "in_glorptak.jpg", "background"),
    "another scene": ("in_glorptak.jpg", "mask_edit.png", "background"),
    "its mask": ("in_glorptak.jpg", "mask.png", "placement"),
    "another hat": ("cat_with_hat.jpg", "hat.png", "placement"),
    "another picture": ("in_cat_portrait_pixel.jpg", "cat_with_hat.jpg", "background"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_what_a_person_rejects_fails(pairs: Pairs, case: str) -> None:
    source, answer, check = REJECTED[case]
    judged = pairs.judged(source, pairs.read(answer))
    assert check in {fault.check for fault in judged.faults}
    assert judged.score < 0.6


@pytest.mark.long
def test_a_redrawn_creature_fails_even_without_its_ground(pairs: Pairs) -> None:
    faults = pairs.judged("in_glorptak.jpg", pairs.masked("mask_edit.png")).faults
    assert {fault.check for fault in faults} & {"placement", "agreement"}


@pytest.mark.long
@pytest.mark.usefixtures("quick_registration")
def test_a_product_that_was_moved_far_fails(pairs: Pairs) -> None:
    source = pairs.read("in_shampoo.png")
    answer = cut(source[..., :3], task_of(source).foreground)[:, :700]
    moved = np.zeros_like(source)
    moved[:, 324:] = answer
    assert "movement" in {fault.check for fault in pairs.judged("in_shampoo.png", moved).faults}
