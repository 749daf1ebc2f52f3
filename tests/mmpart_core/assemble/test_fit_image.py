"""Scale and image position are found from an image."""

import numpy as np
import pytest

from mmpart_core.assemble import fit_image, sight
from mmpart_core.assemble.sight import SightPose
from mmpart_core.geometry import cameras

CAMERA = cameras.orbit_camera(0.0, 20.0, 30.0, 256)
TRUE_POSE = SightPose(0.37, np.array([0.2, -0.3, -3.9]))


def local_points(mesh):
    return sight.in_camera_axes(CAMERA, mesh.vertices)


@pytest.fixture
def part(two_boxes):
    return two_boxes.part_frame("near", 0.0)[0]


@pytest.fixture
def wanted(part):
    from mmpart_core.geometry.render import RenderScene

    placed = part.transformed(TRUE_POSE.object_from_part(CAMERA))
    return RenderScene([placed]).silhouette(CAMERA)


def test_moving_along_the_sight_lines_keeps_the_image(part):
    def seen(pose):
        points = part.transformed(pose.object_from_part(CAMERA)).vertices
        return cameras.project(CAMERA, points)[0]

    np.testing.assert_allclose(seen(TRUE_POSE), seen(TRUE_POSE.moved(1.2)), atol=1e-9)


def test_box_fit_is_exact_for_the_true_box(part):
    points = local_points(part)
    pixels = sight.project_local(CAMERA, TRUE_POSE.scale * points + TRUE_POSE.center)
    box = (*pixels.min(axis=0), *pixels.max(axis=0))
    pose = fit_image.fit_box(CAMERA, points, box, TRUE_POSE.depth)
    assert pose.scale == pytest.approx(TRUE_POSE.scale, rel=1e-6)
    np.testing.assert_allclose(pose.center, TRUE_POSE.center, atol=1e-6)


def test_box_fit_keeps_the_part_in_front_of_the_camera(part):
    pose = fit_image.fit_box(CAMERA, local_points(part), (-5e4, -5e4, 5e4, 5e4), 1.0)
    depths = -(pose.scale * local_points(part) + pose.center)[:, 2]
    assert depths.min() > 0.0


def test_silhouette_search_mends_a_wrong_start_and_never_worsens(part, wanted):
    fit = fit_image.SilhouetteFit(part, CAMERA, wanted, 112)
    wrong = SightPose(TRUE_POSE.scale * 1.15, TRUE_POSE.center + np.array([0.03, -0.02, 0.0]))
    start = fit.iou(wrong)
    pose, iou = fit.refine(wrong, 12)
    assert iou > 0.95 > start
    assert pose.scale == pytest.approx(TRUE_POSE.scale, rel=0.03)
    assert fit.refine(TRUE_POSE, 3)[1] >= fit.iou(TRUE_POSE)


def test_iou_of_the_pose_returned_is_the_one_reported(part, wanted):
    fit = fit_image.SilhouetteFit(part, CAMERA, wanted, 112)
    pose, iou = fit.refine(TRUE_POSE.moved(1.0), 2)
    assert fit.iou(pose) == iou


def test_window_samples_the_mask_it_covers():
    mask = np.zeros((100, 200), dtype=bool)
    mask[40:60, 150:200] = True
    camera = CAMERA.model_copy(update={"width_px": 200, "height_px": 100})
    window = sight.crop(camera, (150.0, 40.0, 200.0, 60.0), margin=0.5, side_px=100)
    sampled = window.sample(mask)
    assert sampled.shape == (window.camera.height_px, window.camera.width_px)
    assert sampled.sum() / window.factor**2 == pytest.approx(50 * 20, rel=0.05)
