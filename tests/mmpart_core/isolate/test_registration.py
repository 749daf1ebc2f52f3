"""Registration finds a part that was shifted, scaled, turned and lit otherwise."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from mmpart_core.images.foreground import foreground_mask
from mmpart_core.isolate.keypoints import match_keypoints
from mmpart_core.isolate.registration import Registration, register_part
from tests.mmpart_core.isolate.drawn_parts import cut, lit, placed, polygon, similarity

EXAMPLES = Path(__file__).parents[3] / "examples"
SIDE = 384


class Scene:
    """An example, smaller, and one of its parts cut out of it."""

    def __init__(self, example: str, part: str) -> None:
        folder = EXAMPLES / example
        image = Image.open(folder / "image.png").convert("RGBA")
        self.rgba = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX))
        self.foreground = foreground_mask(self.rgba)
        listed = yaml.safe_load((folder / "components.yaml").read_text())["components"]
        corners = next(c["region"]["polygon"] for c in listed if c["name"] == part)
        self.mask = polygon(corners, self.rgba.shape) & self.foreground
        self.part = cut(self.rgba[..., :3], self.mask)
        rows, columns = np.nonzero(self.mask)
        self.center = (float(columns.mean()), float(rows.mean()))
        self.box = np.array(
            [[x, y, 1.0] for x in (columns.min(), columns.max()) for y in (rows.min(), rows.max())]
        )

    def found(self, drawn: np.ndarray) -> Registration:
        return register_part(drawn, self.rgba[..., :3], self.foreground, np.eye(3))

    def error(self, found: Registration, part_from_source: np.ndarray) -> float:
        """Largest shift of a corner of the part's box, in part sizes."""
        away = (self.box @ (found.source_from_part @ part_from_source).T - self.box)[:, :2]
        return float(np.linalg.norm(away, axis=1).max() / np.sqrt(self.mask.sum()))


@pytest.fixture(scope="module")
def hat() -> Scene:
    return Scene("hat-on-head", "hat")


@pytest.fixture(scope="module")
def in_place(hat: Scene) -> Registration:
    """The hat as it was cut out."""
    return hat.found(hat.part)


def test_an_unmoved_part_is_found(hat: Scene, in_place: Registration) -> None:
    assert hat.error(in_place, np.eye(3)) < 0.015
    assert in_place.confidence > 0.8


@pytest.mark.parametrize(
    ("shift", "scale", "turn_deg", "gain"),
    [
        ((0.1 * SIDE, -0.05 * SIDE), 0.8, -5.0, (1.2, 1.05, 0.85)),
        ((-0.07 * SIDE, 0.07 * SIDE), 1.25, 5.0, (0.8, 0.85, 0.95)),
    ],
)
def test_a_moved_part_is_found(
    hat: Scene, shift: tuple[float, float], scale: float, turn_deg: float,
    gain: tuple[float, float, float],
) -> None:  # fmt: skip
    moved = similarity(shift, scale, turn_deg, hat.center)
    found = hat.found(lit(placed(hat.part, moved), gain))
    assert hat.error(found, moved) < 0.015
    assert found.confidence > 0.8


def test_a_plain_part_without_texture_is_found_by_its_outline() -> None:
    roof = Scene("lantern", "roof")
    flat = roof.part.copy()
    weight = cv2.GaussianBlur(roof.mask.astype(np.float32), (0, 0), 4.0)[..., None]
    summed = cv2.GaussianBlur(roof.rgba[..., :3] * roof.mask[..., None].astype(np.float32),
                              (0, 0), 4.0)  # fmt: skip
    flat[..., :3] = np.clip(summed / np.maximum(weight, 1e-3), 0, 255).astype(np.uint8)
    moved = similarity((22.0, -14.0), 1.15, 3.0, roof.center)
    drawn = placed(flat, moved)
    assert match_keypoints(drawn, roof.rgba[..., :3]) is None
    assert roof.error(roof.found(drawn), moved) < 0.03


def test_what_is_not_in_the_image_has_no_confidence(hat: Scene) -> None:
    """The hat upside down, in a colour that is nowhere."""
    other = hat.part[::-1].copy()
    other[..., :3] = 255 - other[..., :3]
    assert hat.found(other).confidence < 0.3


def test_equal_input_gives_an_equal_place(hat: Scene, in_place: Registration) -> None:
    again = hat.found(hat.part)
    assert np.array_equal(in_place.source_from_part, again.source_from_part)
    assert in_place.confidence == again.confidence


@pytest.mark.long
def test_the_place_in_a_larger_canvas_is_taken_as_drawn(hat: Scene) -> None:
    """An answer of twice the size, as the canvas says."""
    large = np.asarray(
        Image.fromarray(hat.part).resize((2 * SIDE, 2 * SIDE), Image.Resampling.BICUBIC)
    )
    half = np.diag([0.5, 0.5, 1.0])
    found = register_part(large, hat.rgba[..., :3], hat.foreground, half)
    assert hat.error(found, np.linalg.inv(half)) < 0.015
