"""Parts that the image does not show: put where they are said to be, and marked as imagined."""

import dataclasses

import numpy as np
import pytest

from mmpart_core.assemble import compose, depth_order, image_alignment
from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.assemble.protocol import AssemblyTask, PartEvidence
from mmpart_core.geometry import cameras


def hidden(part: PartEvidence, box: tuple[float, float, float, float] | None) -> PartEvidence:
    """The part with nothing of it visible."""
    nothing = np.zeros_like(part.visible)
    return dataclasses.replace(part, visible=nothing, imagined=part.rgba[..., 3] >= 128, box=box)


def box_of(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    return np.array([columns.min() / width, rows.min() / height,
                     (columns.max() + 1) / width, (rows.max() + 1) / height])  # fmt: skip


def test_a_hidden_part_goes_into_the_box_it_was_given(task_of, two_boxes):
    task = task_of(two_boxes)
    said = (0.1, 0.2, 0.3, 0.45)
    part = hidden(task.parts[1], said)
    moved, move = image_alignment.align_part(part, [task.parts[0]], task.foreground)
    assert move is not None
    got = box_of(moved.rgba[..., 3] >= 128)
    np.testing.assert_allclose((got[:2] + got[2:]) / 2.0, (0.2, 0.325), atol=0.01)
    areas = [np.prod(each[2:] - each[:2]) for each in (got, np.array(said))]
    assert areas[0] == pytest.approx(areas[1], rel=0.05)


def test_a_hidden_part_that_lies_in_its_box_stays(task_of, two_boxes):
    part = task_of(two_boxes).parts[1]
    box = tuple(float(each) for each in box_of(part.rgba[..., 3] >= 128))
    for said in (box, None):
        same, move = image_alignment.align_part(hidden(part, said), [], part.visible)
        assert move is None
        np.testing.assert_array_equal(same.rgba, part.rgba)


def pairs(task: AssemblyTask, *said: tuple[str, ...] | None) -> frozenset[tuple[int, int]] | None:
    parts = tuple(
        dataclasses.replace(part, touches=each) for part, each in zip(task.parts, said, strict=True)
    )
    return dataclasses.replace(task, parts=parts).touching


def test_contacts_are_those_that_either_part_is_said_to_have(task_of, two_boxes):
    task = task_of(two_boxes)
    assert pairs(task, None, None) is None
    assert pairs(task, (), None) == frozenset()
    assert pairs(task, ("near",), ()) == {(0, 1)}
    assert pairs(task, (), ("far", "near", "nobody")) == {(0, 1)}


def test_no_contact_is_sought_where_the_planner_says_there_is_none():
    """Two slabs side by side in the image, one farther away than the other."""
    covered = np.zeros((20, 20), dtype=bool)
    covered[5:15, 2:10] = True
    other = covered[:, ::-1].copy()

    def slab(where: np.ndarray, near: float) -> depth_order.Layers:
        return depth_order.Layers(
            np.where(where, near, np.inf), np.where(where, near + 0.2, -np.inf)
        )

    pair = depth_order.compare_pair((slab(covered, 3.0), slab(other, 3.5)), (covered, other), 0)
    factors = np.array([1.0, 1.16])
    apart, met = pair.energy(factors, 1.0)
    assert apart > met
    np.testing.assert_array_equal(pair.without_contact().energy(factors, 1.0), 0.0)
    np.testing.assert_array_equal(pair.energy(factors, 1.0, related=False), 0.0)


def test_colour_errors_are_those_of_the_picture(task_of, two_boxes):
    task = task_of(two_boxes)
    made = LayoutAssembler(Settings(match_colors=False, coarse_px=64)).assemble(task, 0)
    camera = cameras.camera_in_frame(task.camera, made.world_from_object)
    right = compose.compose(task, made, camera)
    assert right.object_color_error < 3.0
    assert max(right.part_color_errors) < 3.0
    darker = task.source.copy()
    darker[..., :3] = np.maximum(darker[..., :3].astype(int) - 40, 0)
    wrong = compose.compose(dataclasses.replace(task, source=darker), made, camera)
    for before, after in zip(right.part_color_errors, wrong.part_color_errors, strict=True):
        assert 20.0 < after - before < 41.0
