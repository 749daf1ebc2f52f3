"""Scale and position are recovered from silhouettes, order and the whole object's views."""

import dataclasses

import numpy as np
import pytest

from mmpart_core.assemble import checks, compose
from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms, truth_scene

FAST = Settings(
    coarse_px=64, fine_px=128, sweeps=1, fine_sweeps=1, depth_steps=41, fit_rounds=6, window_px=96
)


def depths_of(task, assembly) -> list[float]:
    camera = cameras.camera_in_frame(task.camera, assembly.world_from_object)
    pose = np.linalg.inv(transforms.to_array(camera.world_from_camera))
    return [float(-(pose @ placed.world_from_part)[2, 3]) for placed in assembly.placed]


@pytest.mark.parametrize("azimuth_deg", [0.0, pytest.param(40.0, marks=pytest.mark.long)])
def test_whole_views_give_the_true_pose(task_of, ious_of, snowman, azimuth_deg):
    task = task_of(snowman, azimuth_deg)
    assembly = LayoutAssembler(FAST).assemble(task, 0)
    checks.check_assembly(assembly, task)
    ious = ious_of(task, assembly, snowman)
    assert np.mean(ious) > 0.9, ious
    assert min(ious) > 0.75, ious


def test_one_image_gives_order_and_contact(task_of, ious_of, snowman):
    task = task_of(snowman, whole=False)
    assembly = LayoutAssembler(FAST).assemble(task, 0)
    assert np.mean(ious_of(task, assembly, snowman)) > 0.5
    assert any("order" in warning for placed in assembly.placed for warning in placed.warnings)
    camera = cameras.camera_in_frame(task.camera, assembly.world_from_object)
    composed = compose.compose(task, assembly, camera)
    assert composed.object_iou > 0.93
    assert min(composed.part_ious) > 0.8


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_seen_in_front_is_placed_in_front(task_of, two_boxes, whole):
    task = task_of(two_boxes, whole=whole)
    far, near = depths_of(task, LayoutAssembler(FAST).assemble(task, 0))
    assert near < far


def test_whole_views_do_better_than_one_image(task_of, ious_of, two_boxes):
    with_views = task_of(two_boxes)
    without = dataclasses.replace(with_views, whole_views=None)
    backend = LayoutAssembler(FAST)
    better = ious_of(with_views, backend.assemble(with_views, 0), two_boxes)
    worse = ious_of(without, backend.assemble(without, 0), two_boxes)
    assert np.mean(better) > max(0.9, np.mean(worse))
    ignoring = LayoutAssembler(FAST.model_copy(update={"use_whole_views": False}))
    ignored = ious_of(with_views, ignoring.assemble(with_views, 0), two_boxes)
    assert ignored == pytest.approx(worse)


def test_one_part_only(task_of, ious_of, two_boxes):
    task = task_of(two_boxes, names=["far"], whole=False)
    assembly = LayoutAssembler(FAST).assemble(task, 0)
    assert len(assembly.placed) == 1
    assert assembly.placed[0].warnings == ()
    camera = cameras.camera_in_frame(task.camera, assembly.world_from_object)
    placed = compose.compose(task, assembly, camera).nodes[0]
    assert np.isfinite(placed.world_from_node).all()


def test_entirely_hidden_part_is_placed_and_marked(task_of, two_boxes):
    task = task_of(two_boxes)
    hidden = dataclasses.replace(
        task.parts[0],
        visible=np.zeros_like(task.parts[0].visible),
        imagined=task.parts[0].rgba[..., 3] >= 128,
    )
    task = dataclasses.replace(task, parts=(hidden, task.parts[1]))
    placed = LayoutAssembler(FAST).assemble(task, 0).placed
    assert any("entirely hidden" in warning for warning in placed[0].warnings)
    assert not any("entirely hidden" in warning for warning in placed[1].warnings)


def test_mesh_of_another_shape_is_marked(task_of, two_boxes, snowman):
    task = task_of(two_boxes, whole=False)
    thin = task.parts[0].mesh.transformed(np.diag([1.0, 0.05, 1.0, 1.0]))
    task = dataclasses.replace(
        task, parts=(dataclasses.replace(task.parts[0], mesh=thin), task.parts[1])
    )
    placed = LayoutAssembler(FAST).assemble(task, 0).placed
    assert any("unlike" in warning for warning in placed[0].warnings)


def test_empty_isolated_image_is_refused(task_of, two_boxes):
    task = task_of(two_boxes, whole=False)
    empty = dataclasses.replace(task.parts[0], rgba=np.zeros_like(task.parts[0].rgba))
    with pytest.raises(BackendError, match="empty"):
        LayoutAssembler(FAST).assemble(dataclasses.replace(task, parts=(empty,)), 0)


def test_same_seed_same_placement(task_of, two_boxes):
    task = task_of(two_boxes)
    one, two = (LayoutAssembler(FAST).assemble(task, 7) for _ in range(2))
    for first, second in zip(one.placed, two.placed, strict=True):
        np.testing.assert_array_equal(first.world_from_part, second.world_from_part)


@pytest.mark.long
def test_real_objects_with_whole_views(task_of, ious_of, shared_data):
    ious = []
    for name in ("kenney-pirate-chest", "kenney-ambulance", "kenney-alien", "babylon-desk-fan"):
        data = (shared_data / "objects" / f"{name}.glb").read_bytes()
        truth = truth_scene.read_truth(data, name)
        task = task_of(truth, 20.0, shown_only=True)
        ious += ious_of(task, LayoutAssembler(FAST).assemble(task, 0), truth)
    assert np.mean(ious) > 0.8, ious
