"""What an outline tells the lift: how deep its pieces are, their relief, and their backs."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmpart_core.geometry import cameras
from mmpart_core.multiview.backends import lift
from mmpart_core.multiview.lifting.back import plain_back
from mmpart_core.multiview.lifting.crop import extend_colors
from mmpart_core.multiview.lifting.depth import guess_depths
from mmpart_core.multiview.lifting.inflate import round_relief, section_relief
from mmpart_core.multiview.lifting.lift import lift_part

SIZE = 256


def extents_of(rgba: np.ndarray, elevation_deg: float, **settings: object) -> np.ndarray:
    """Depth, width and height of a picture's lifted part."""
    options = lift.Settings.model_validate({"outline_px": 128, **settings})
    camera = cameras.orbit_camera(0.0, elevation_deg, 30.0, SIZE)
    return np.ptp(lift_part(rgba, camera, options.rules()).mesh.vertices, axis=0)


def drawn(shape: str, box: Sequence[Any], size: int = 128) -> np.ndarray:
    image = Image.new("L", (size, size))
    getattr(ImageDraw.Draw(image), shape)(box, fill=255)
    return np.asarray(image) > 0


def test_compact_parts_are_as_deep_as_wide_and_bars_as_thick() -> None:
    (hat,) = guess_depths(drawn("ellipse", (14, 40, 114, 90)), 1.0)
    assert hat.half_depth_px == pytest.approx(50.5)
    (bar,) = guess_depths(drawn("rectangle", (14, 60, 113, 67)), 1.0)
    assert bar.half_depth_px == pytest.approx(4.0, abs=1.0)
    (deeper,) = guess_depths(drawn("ellipse", (14, 40, 114, 90)), 1.5)
    assert deeper.half_depth_px == pytest.approx(75.75)


def test_pieces_that_are_apart_have_depths_of_their_own() -> None:
    mask = drawn("ellipse", (5, 40, 45, 80)) | drawn("ellipse", (100, 50, 120, 70))
    first, second = guess_depths(mask, 1.0)
    assert first.half_depth_px == pytest.approx(20.5)
    assert second.half_depth_px == pytest.approx(10.5)
    rgba = np.zeros((SIZE, SIZE, 4), dtype=np.uint8)
    rgba[..., 3] = np.kron(mask, np.full((2, 2), 255, dtype=np.uint8))
    extents = extents_of(rgba, 0.0)
    assert extents[0] == pytest.approx(extents[1] * 41 / 116, rel=0.08)


def test_wide_low_part_is_as_deep_as_it_is_wide() -> None:
    """A hat, seen from 20 degrees above, must not become a fin."""
    hat = Image.new("RGBA", (SIZE, SIZE))
    ImageDraw.Draw(hat).pieslice((88, 60, 168, 160), 180, 360, fill=(20, 90, 90, 255))
    ImageDraw.Draw(hat).ellipse((48, 95, 200, 135), fill=(20, 90, 90, 255))
    extents = extents_of(np.asarray(hat), 20.0, shape="round")
    assert 0.8 < extents[0] / extents[1] < 1.15


def test_relief_of_a_disc_is_a_half_sphere() -> None:
    row, column = np.indices((101, 101)) - 50
    distance = np.hypot(row, column)
    relief = round_relief(distance < 45)
    expected = np.sqrt(np.maximum(1.0 - (distance / 45) ** 2, 0.0))
    assert np.abs(relief - expected)[distance < 42].max() < 0.03


def test_sections_follow_each_rows_width() -> None:
    mask = drawn("polygon", ((64, 10), (114, 110), (14, 110)))
    relief = section_relief(mask)
    middle = relief[30:100, 63:66].max(axis=1)
    assert np.allclose(middle, np.linspace(middle[0], middle[-1], len(middle)), atol=0.03)
    assert not relief[~mask].any()


def test_plain_back_keeps_bands_and_drops_what_the_outline_does_not_reach() -> None:
    mask = drawn("ellipse", (8, 8, 120, 120))
    image = Image.new("RGB", (256, 256), (220, 180, 150))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 170, 255, 195), fill=(30, 60, 160))
    draw.ellipse((80, 70, 100, 90), fill=(0, 0, 0))
    draw.line((100, 130, 150, 130), fill=(200, 20, 30), width=6)
    back = plain_back(np.asarray(image), mask).astype(int)
    skin = np.array([220, 180, 150])
    assert np.abs(back[80, 90] - skin).max() < 12
    assert np.abs(back[130, 125] - skin).max() < 12
    assert np.abs(back[182, 128] - [30, 60, 160]).max() < 40
    assert np.abs(back[182, 60] - [30, 60, 160]).max() < 40


def test_rim_colours_come_from_inside() -> None:
    rgb = np.full((64, 64, 3), 255, dtype=np.uint8)
    rgb[10:54, 10:54] = (255, 0, 255)  # a fringe of the old background
    rgb[12:52, 12:52] = (0, 120, 0)
    coverage = np.zeros((64, 64))
    coverage[10:54, 10:54] = 1.0
    clean = extend_colors(rgb, coverage, rim=0.04)
    assert (clean == (0, 120, 0)).all()
