"""The input camera: elevation from one image, field of view by views of the whole."""

import dataclasses

import numpy as np
import pytest

from mmpart_core.assemble import eyes, facets, outline_fit, sight
from mmpart_core.assemble.backends.layout import LayoutAssembler, Settings
from mmpart_core.assemble.input_camera import InputPose, elevation_of, fov_of
from mmpart_core.assemble.outline_fit import OutlinePart
from mmpart_core.geometry import cameras, transforms


def outlines(task) -> list[OutlinePart]:
    found = []
    for part in task.parts:
        box = sight.mask_box(part.rgba[..., 3] >= 128)
        eye = eyes.part_eye(part.rgba, task.camera, 96, 1.0)
        made = facets.facets_of(part.mesh, 0)
        found.append(OutlinePart(made, facets.coarser(made), eye, box))
    return found


def assumed(task, elevation_deg: float):
    """The task with its camera assumed elsewhere; pictures stay."""
    camera = cameras.orbit_camera(0.0, elevation_deg, 30.0, task.camera.width_px)
    view = task.view.model_copy(update={"elevation_deg": elevation_deg})
    return dataclasses.replace(task, camera=camera, view=view, truth=None)


def test_a_pose_is_the_camera_it_says():
    given = cameras.orbit_camera(0.0, 20.0, 30.0, 64)
    wanted = cameras.orbit_camera(0.0, -7.0, 30.0, 64)
    got = InputPose(-7.0).camera(given)
    np.testing.assert_allclose(got.world_from_camera, wanted.world_from_camera, atol=1e-12)
    assert elevation_of(got) == pytest.approx(-7.0)
    # A point of the frame is seen where its image in the object frame is.
    pose = InputPose(10.0, 0.2, 0.1, -0.05)
    point = np.array([[0.3, -0.2, 0.4]])
    frame = pose.object_from_frame(given)
    there = point @ frame[:3, :3].T + frame[:3, 3]
    seen, _ = cameras.project(pose.camera(given), point)
    expected, _ = cameras.project(pose.object_camera(given), there)
    np.testing.assert_allclose(seen, expected, atol=1e-9)


@pytest.mark.parametrize("wrong_deg", [-10.0, 50.0])
def test_elevation_is_found_from_outlines(task_of, snowman, two_boxes, wrong_deg):
    for scene in (snowman, two_boxes):
        task = assumed(task_of(scene, 30.0, whole=False), wrong_deg)
        fit = outline_fit.fit_elevation(outlines(task), task.camera)
        assert fit.best_deg == pytest.approx(20.0, abs=2.0)


def test_elevation_is_given_or_estimated(task_of, two_boxes):
    task = assumed(task_of(two_boxes, 30.0, whole=False), 45.0)

    def elevation(task, choice: str) -> float:
        made = LayoutAssembler(Settings(elevation=choice, fit_rounds=2)).assemble(task, 0)
        pose = made.world_from_object @ transforms.to_array(task.camera.world_from_camera)
        return float(np.rad2deg(np.arcsin(pose[2, 2])))

    assert elevation(task, "auto") == pytest.approx(20.0, abs=2.0)
    assert elevation(task, "given") == pytest.approx(45.0)
    known = task.view.model_copy(update={"elevation_known": True})
    told = dataclasses.replace(task, view=known)
    assert elevation(told, "auto") == pytest.approx(45.0)
    assert elevation(told, "estimate") == pytest.approx(20.0, abs=2.0)


def test_a_longer_lens_keeps_the_middle_and_is_the_camera_farther_away():
    given = cameras.orbit_camera(0.0, 20.0, 30.0, 64)
    wanted = cameras.orbit_camera(0.0, 20.0, 14.0, 64)
    far = InputPose(20.0, log_distance=np.log(np.tan(np.radians(15)) / np.tan(np.radians(7))))
    got = far.object_camera(given)
    np.testing.assert_allclose(got.world_from_camera, wanted.world_from_camera, atol=1e-12)
    assert got.focal_px == pytest.approx(wanted.focal_px)
    assert (fov_of(given), fov_of(got)) == (pytest.approx(30.0), pytest.approx(14.0))
    for camera in (given, got):
        pixels, _ = cameras.project(camera, np.zeros((1, 3)))
        np.testing.assert_allclose(pixels, [[32.0, 32.0]], atol=1e-9)


@pytest.mark.parametrize("true_deg", [18.0, pytest.param(50.0, marks=pytest.mark.long)])
def test_the_field_of_view_is_found_unless_it_is_known(task_of, two_boxes, true_deg):
    task = assumed(task_of(two_boxes, 30.0, fov_deg=true_deg), 20.0)
    settings = {"coarse_px": 64, "fine_px": 128, "sweeps": 1, "fine_sweeps": 1, "depth_steps": 41}
    made = LayoutAssembler(Settings(**settings)).assemble(task, 0)
    assert fov_of(made.camera) == pytest.approx(true_deg, abs=5.0)
    assert 0.0 <= made.fov_uncertainty_deg < 10.0
    told = dataclasses.replace(task, view=task.view.model_copy(update={"fov_known": True}))
    kept = LayoutAssembler(Settings(**settings)).assemble(told, 0)
    assert fov_of(kept.camera) == pytest.approx(30.0)
    assert kept.fov_uncertainty_deg is None
    again = LayoutAssembler(Settings(**settings, field_of_view="estimate")).assemble(told, 0)
    assert fov_of(again.camera) == pytest.approx(fov_of(made.camera))
