"""The frame of the whole object's views is found when it is not the input camera's."""

import dataclasses
import re

import numpy as np
import pytest

from mmpart_core.assemble import sight, whole_frame
from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms

FAST = Settings(coarse_px=64, fine_px=128, sweeps=1, fine_sweeps=1, depth_steps=41)


def in_another_frame(task, scale: float, aside: float):
    """The task with its whole views given in a frame of another scale and image position."""
    pose = transforms.to_array(task.camera.world_from_camera)
    depth = float(pose[:3, 3] @ pose[:3, 2])
    object_from_whole = sight.SightPose(scale, np.array([aside, -aside, -depth])).object_from_part(
        task.camera
    )
    moved = tuple(
        cameras.camera_in_frame(camera, np.linalg.inv(object_from_whole))
        for camera in task.whole_views.cameras
    )
    return dataclasses.replace(
        task, whole_views=dataclasses.replace(task.whole_views, cameras=moved)
    )


def test_the_same_frame_is_left_alone(task_of, ious_of, snowman):
    task = task_of(snowman, known=False)
    assembly = LayoutAssembler(FAST).assemble(task, 0)
    assert assembly.warnings == ()
    if "fitted" in assembly.placed[0].method:
        assert abs(fitted_scale(assembly) - 1.0) < 0.015
    assert np.mean(ious_of(task, assembly, snowman)) > 0.8


@pytest.mark.parametrize(
    ("scale", "aside"), [(0.82, 0.06), pytest.param(1.15, -0.05, marks=pytest.mark.long)]
)
def test_another_frame_is_found(task_of, ious_of, snowman, scale, aside):
    task = in_another_frame(task_of(snowman, known=False), scale, aside)
    assembly = LayoutAssembler(FAST).assemble(task, 0)
    assert assembly.warnings == ()
    assert abs(fitted_scale(assembly) - scale) < 0.03
    assert np.mean(ious_of(task, assembly, snowman)) > 0.8


@pytest.mark.parametrize("scale", [pytest.param(0.45, marks=pytest.mark.long), 2.2])
def test_views_that_fit_badly_are_warned_of(task_of, snowman, scale):
    task = in_another_frame(task_of(snowman, known=False), scale, 0.0)
    (warning,) = LayoutAssembler(FAST).assemble(task, 0).warnings
    assert "fit the parts badly (scale " in warning


@pytest.mark.long
def test_views_of_something_else_are_warned_of(task_of, snowman, two_boxes):
    other = task_of(two_boxes, known=False).whole_views
    task = dataclasses.replace(task_of(snowman, known=False), whole_views=other)
    assert "fit the parts badly" in LayoutAssembler(FAST).assemble(task, 0).warnings[0]


def fitted_scale(assembly) -> float:
    """The scale that the record states."""
    return float(re.search(r"fitted at scale (\d\.\d\d),", assembly.placed[0].method)[1])


@pytest.mark.long
def test_generated_views_of_a_known_scene_are_fitted_too(task_of, ious_of, snowman):
    known = dataclasses.replace(task_of(snowman), whole_frame_known=False)
    task = in_another_frame(known, 0.82, 0.06)
    assembly = LayoutAssembler(FAST).assemble(task, 0)
    assert assembly.warnings == ()
    assert abs(fitted_scale(assembly) - 0.82) < 0.03
    assert np.mean(ious_of(task, assembly, snowman)) > 0.8


def test_hull_holds_the_object_and_little_more(task_of, snowman):
    hull = whole_frame.carve_hull(task_of(snowman).whole_views)
    vertices = np.concatenate([mesh.vertices for mesh in snowman.parts.values()])
    slack = 0.12
    assert (hull.min(axis=0) > vertices.min(axis=0) - 3 * slack).all()
    assert (hull.max(axis=0) < vertices.max(axis=0) + 3 * slack).all()
    assert (hull.min(axis=0) < vertices.min(axis=0) + slack).all()
    assert (hull.max(axis=0) > vertices.max(axis=0) - slack).all()


def test_views_that_agree_on_nothing_are_refused(task_of, two_boxes):
    views = task_of(two_boxes).whole_views
    empty = dataclasses.replace(views, rgba=np.zeros_like(views.rgba))
    with pytest.raises(BackendError, match="no point in space"):
        whole_frame.carve_hull(empty)
