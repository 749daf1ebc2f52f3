"""Isolated images are moved back to where the source shows the part, and only then."""

import dataclasses

import cv2
import numpy as np
import pytest

from mmpart_core.assemble.image_alignment import align_part


def spoilt(part, zoom: float, right: float, down: float):
    rows, columns = np.nonzero(part.rgba[..., 3] >= 128)
    middle = np.array([columns.mean(), rows.mean()])
    offset = (1.0 - zoom) * middle + [right, down]
    matrix = np.array([[zoom, 0.0, offset[0]], [0.0, zoom, offset[1]]])
    size = part.rgba.shape[1], part.rgba.shape[0]
    return dataclasses.replace(part, rgba=cv2.warpAffine(part.rgba, matrix, size))


def overlap(part, truth) -> float:
    one, two = part.rgba[..., 3] >= 128, truth.rgba[..., 3] >= 128
    return float((one & two).sum() / (one | two).sum())


def test_a_true_image_is_left_alone(task_of, snowman):
    task = task_of(snowman, 20.0, whole=False)
    for index, part in enumerate(task.parts):
        others = [*task.parts[:index], *task.parts[index + 1 :]]
        same, move = align_part(part, others, task.foreground)
        assert move is None
        assert same is part


@pytest.mark.parametrize(
    ("zoom", "right", "down"), [(1.0, 30.0, 12.0), (0.85, 0.0, 0.0), (1.2, -15.0, 20.0)]
)
def test_a_moved_image_is_brought_back(task_of, snowman, zoom, right, down):
    task = task_of(snowman, 20.0, whole=False)
    for index, part in enumerate(task.parts):
        others = [*task.parts[:index], *task.parts[index + 1 :]]
        wrong = spoilt(part, zoom, right, down)
        found, move = align_part(wrong, others, task.foreground)
        assert overlap(found, part) > max(0.8, overlap(wrong, part) - 0.01)
        if move is not None:
            assert (found.imagined == ((found.rgba[..., 3] >= 128) & ~found.visible)).all()


def test_a_part_that_is_not_seen_cannot_be_brought_back(task_of, snowman):
    part = task_of(snowman, whole=False).parts[0]
    hidden = dataclasses.replace(part, visible=np.zeros_like(part.visible))
    assert align_part(hidden, [], np.ones_like(part.visible)) == (hidden, None)


def test_a_part_of_which_a_rim_is_seen_is_not_made_small_to_hide_less(task_of, snowman):
    """What lies behind other parts is neither seen nor missed: it must not set the size."""
    part = task_of(snowman, whole=False).parts[0]
    rows, columns = np.indices(part.visible.shape)
    ball = np.hypot(rows - 100.0, columns - 100.0) < 50.0
    rim = ball & (columns > 140)
    rgba = np.where(ball[..., None], np.uint8(255), np.uint8(0)).repeat(4, axis=-1)
    barely = dataclasses.replace(part, rgba=rgba, visible=rim)
    in_front = dataclasses.replace(part, visible=(columns <= 140) & (rows < 160))
    moved = spoilt(barely, 1.0, 12.0, -6.0)
    found, move = align_part(moved, [in_front], in_front.visible | rim)
    assert move is not None
    assert move.zoom == pytest.approx(1.0, abs=0.06)
    assert overlap(found, barely) > 0.9
