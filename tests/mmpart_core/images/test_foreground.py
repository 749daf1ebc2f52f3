"""Foreground, against scenes drawn here whose truth is known."""

import cv2
import numpy as np
import pytest

from mmpart_core.errors import InputError
from mmpart_core.images.foreground import foreground_mask
from mmpart_core.images.region_masks import gather_evidence
from mmpart_core.records import Region
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore

SIDE = 300


def disc(row: float, column: float, radius: float, side: int = SIDE) -> np.ndarray:
    rows, columns = np.mgrid[0:side, 0:side]
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


def opaque(rgb: np.ndarray) -> np.ndarray:
    alpha = np.full((*rgb.shape[:2], 1), 255, np.uint8)
    return np.concatenate([np.clip(rgb, 0, 255).astype(np.uint8), alpha], axis=-1)


def iou(left: np.ndarray, right: np.ndarray) -> float:
    return float((left & right).sum() / (left | right).sum())


def plain(noise: float = 0.0) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), 235.0) + np.random.default_rng(0).normal(
        0, noise, (SIDE, SIDE, 3)
    )


def gradient() -> np.ndarray:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return np.stack([120 + 90 * rows, 140 + 60 * columns, 160 + 40 * rows * columns], axis=-1)


def wall_and_floor() -> np.ndarray:
    image = np.full((SIDE, SIDE, 3), (214.0, 196.0, 170.0))
    image[190:] = (150, 105, 70)
    grain = np.random.default_rng(1).normal(0, 6, (SIDE, SIDE, 1))
    return image + cv2.GaussianBlur(grain, (0, 0), 2)[..., None] * 3


@pytest.mark.parametrize(
    ("background", "least"),
    [(plain(), 0.98), (plain(4.0), 0.97), (gradient(), 0.97), (wall_and_floor(), 0.93)],
    ids=["plain", "noisy", "gradient", "wall and floor"],
)
def test_object_on_a_background_is_found(background: np.ndarray, least: float) -> None:
    truth = disc(150, 140, 70)
    background[truth] = (40, 70, 160)
    assert iou(foreground_mask(opaque(background)), truth) > least


def test_object_cut_off_by_the_frame_is_not_taken_for_background() -> None:
    image, truth = plain(), disc(270, 150, 90)
    image[truth] = (160, 30, 30)
    assert iou(foreground_mask(opaque(image)), truth) > 0.97


def test_enclosed_background_is_not_foreground() -> None:
    image, truth = plain(), disc(150, 150, 90) & ~disc(150, 150, 40)
    image[truth] = (160, 30, 30)
    assert iou(foreground_mask(opaque(image)), truth) > 0.97


def test_soft_shadow_is_left_out() -> None:
    image, truth = plain(), disc(130, 150, 70)
    shadow = cv2.GaussianBlur(disc(215, 170, 50).astype(np.float64), (0, 0), 16)
    image -= 70 * shadow[..., None]
    image[truth] = (160, 60, 30)
    assert iou(foreground_mask(opaque(image)), truth) > 0.93


def test_shadow_that_has_taken_colour_from_the_object_is_left_out() -> None:
    image, truth = plain(), disc(120, 150, 70)
    shadow = cv2.GaussianBlur(disc(215, 160, 45).astype(np.float64), (0, 0), 12)[..., None]
    image -= shadow * (40, 41, 47)  # warm: the object's gold on the ground
    image[truth] = (200, 150, 60)
    assert iou(foreground_mask(opaque(image)), truth) > 0.93


def test_a_grey_piece_at_the_top_is_no_shadow() -> None:
    image, truth = plain(), disc(190, 150, 80)
    image[truth] = (160, 60, 30)
    chimney = np.zeros_like(truth)
    chimney[60:115, 130:170] = True
    image[chimney] = cv2.GaussianBlur(image, (0, 0), 3)[chimney] * (0.86, 0.87, 0.84)
    found = foreground_mask(opaque(image))
    assert iou(found, truth | chimney) > 0.95


def test_shadow_around_ground_seen_between_two_legs_is_left_out() -> None:
    image = plain()
    truth = disc(150, 150, 100) & ~disc(175, 150, 45)
    image[disc(175, 150, 60)] -= (8, 9, 11)
    shadow = cv2.GaussianBlur(disc(205, 150, 22).astype(np.float64), (0, 0), 6)[..., None]
    image -= shadow * (12, 13, 15)
    image[truth] = (160, 60, 30)
    assert iou(foreground_mask(opaque(image)), truth) > 0.97


def test_shadowed_ground_between_two_feet_is_left_out() -> None:
    image = plain()
    gap = np.zeros((SIDE, SIDE), dtype=bool)
    gap[150:200, 135:165] = True
    truth = disc(150, 150, 80) & ~gap
    image[gap] -= 6
    image[truth] = (160, 60, 30)
    assert iou(foreground_mask(opaque(image)), truth) > 0.97


def test_hints_keep_a_pale_object_that_the_background_hardly_differs_from() -> None:
    image, truth = plain(), np.zeros((SIDE, SIDE), dtype=bool)
    truth[80:220, 90:210] = True
    image[truth] = (224, 223, 222)
    image[80:110, 90:210] = (60, 60, 160)
    corners = ((0.3, 80 / SIDE), (0.7, 80 / SIDE), (0.7, 220 / SIDE), (0.3, 220 / SIDE))
    regions = [Region(kind="polygon", polygon=corners)]
    evidence = gather_evidence(regions, {}, (SIDE, SIDE))
    image[truth] -= 4
    assert iou(foreground_mask(opaque(image), evidence), truth) > 0.9


def test_what_a_mask_holds_is_object_even_where_it_looks_like_the_background() -> None:
    image, truth = plain(), disc(150, 150, 80)
    image[truth] = (160, 60, 30)
    glint = truth & disc(150, 235, 60)
    image[glint] = 235
    store = MemoryStore()
    stored = codecs.put_mask(store, truth)
    regions = [Region(kind="mask", mask=stored)]
    evidence = gather_evidence(regions, {0: truth}, (SIDE, SIDE))
    assert not foreground_mask(opaque(image))[glint].any()
    assert iou(foreground_mask(opaque(image), evidence), truth) > 0.97


def test_nothing_is_object_outside_of_outlines_of_all_components() -> None:
    image, truth = plain(), disc(100, 100, 50)
    image[truth | disc(240, 240, 30)] = (160, 30, 30)
    regions = [Region(kind="box", box=(50 / SIDE, 50 / SIDE, 150 / SIDE, 150 / SIDE))]
    evidence = gather_evidence(regions, {}, (SIDE, SIDE))
    assert iou(foreground_mask(opaque(image), evidence), truth) > 0.97
    assert gather_evidence([None, None], {}, (SIDE, SIDE)) is None


def test_thin_structures_of_a_large_image_survive() -> None:
    truth = np.zeros((1000, 1000), dtype=bool)
    truth[200:800, 300:700] = True
    truth[230:770, 330:670] = False
    truth[400:405, 330:670] = True
    image = np.full((1000, 1000, 3), 250.0)
    image[truth] = (70, 60, 50)
    found = foreground_mask(opaque(image))
    assert iou(found, truth) > 0.95
    assert found[402, 350:650].mean() > 0.95


def test_alpha_decides_where_there_is_any() -> None:
    truth = disc(100, 120, 60)
    image = opaque(np.random.default_rng(2).uniform(0, 255, (SIDE, SIDE, 3)))
    image[..., 3] = truth * 255
    assert np.array_equal(foreground_mask(image), truth)


def test_a_few_transparent_pixels_are_no_cut_out() -> None:
    image, truth = plain(), disc(150, 150, 70)
    image[truth] = (40, 70, 160)
    pixels = opaque(image)
    pixels[0, 0, 3] = 0
    assert iou(foreground_mask(pixels), truth) > 0.97


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((64, 64, 4), 255, np.uint8),
        np.full((1, 1, 4), 255, np.uint8),
        np.zeros((64, 64, 4), np.uint8),
    ],
    ids=["blank", "one pixel", "all transparent"],
)
def test_nothing_found_says_what_to_give(pixels: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"nothing stands out.*covers 0.0 %.*background"):
        foreground_mask(pixels)


def test_same_image_gives_same_mask() -> None:
    image = wall_and_floor()
    image[disc(150, 140, 70)] = (40, 70, 160)
    assert np.array_equal(foreground_mask(opaque(image)), foreground_mask(opaque(image)))
