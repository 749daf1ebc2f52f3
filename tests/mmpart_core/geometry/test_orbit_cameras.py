"""Cameras: poses, the fixed poses of Zero123++, projection and rays against each other."""

import numpy as np
import pytest

from mmpart_core.errors import GeometryError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.records import Camera


@pytest.mark.parametrize("azimuth", [0.0, 33.0, 180.0, 271.0])
@pytest.mark.parametrize("elevation", [-60.0, 0.0, 20.0])
def test_pose_is_a_rotation_that_looks_at_the_origin_upright(
    azimuth: float, elevation: float
) -> None:
    pose = cameras.orbit_pose(azimuth, elevation, 3.0)
    rotation = pose[:3, :3]
    assert np.allclose(rotation.T @ rotation, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.allclose(pose[:3, 3] - 3.0 * rotation[:, 2], 0.0)
    assert rotation[2, 1] > 0
    assert rotation[2, 0] == pytest.approx(0.0)


@pytest.mark.parametrize(("elevation", "radius"), [(90.0, 1.0), (-90.0, 1.0), (0.0, 0.0)])
def test_poles_and_no_distance_are_refused(elevation: float, radius: float) -> None:
    with pytest.raises(GeometryError, match="orbit pose"):
        cameras.orbit_pose(0.0, elevation, radius)


def test_zero123plus_v12_stands_where_its_authors_say() -> None:
    six = cameras.zero123plus_cameras("v1.2", 320)
    centers = np.array([transforms.to_array(c.world_from_camera)[:3, 3] for c in six])
    # The authors give 1.866 for an object of radius 0.5; ours has radius 1.
    assert np.allclose(np.linalg.norm(centers, axis=1), 2 * 1.8660254)
    azimuths = np.rad2deg(np.arctan2(centers[:, 1], centers[:, 0])) % 360
    assert np.allclose(azimuths, [30, 90, 150, 210, 270, 330])
    elevations = np.rad2deg(np.arcsin(centers[:, 2] / np.linalg.norm(centers, axis=1)))
    assert np.allclose(elevations, [20, -10, 20, -10, 20, -10])
    assert six[0].focal_px == pytest.approx(160 / np.tan(np.deg2rad(15)))


@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_rays_pass_through_the_points_that_project_to_their_pixels(projection: str) -> None:
    camera = cameras.orbit_camera(40.0, 10.0, 30.0, 200).model_copy(
        update={
            "projection": projection,
            "principal_px": (90.0, 120.0),
            "focal_px": 373.0 if projection == "perspective" else 80.0,
        }
    )
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (50, 3))
    pixels, depth = cameras.project(camera, points)
    origins, directions = cameras.pixel_rays(camera, pixels[:, 0], pixels[:, 1])
    along = ((points - origins) * directions).sum(1, keepdims=True)
    assert np.abs(origins + along * directions - points).max() < 1e-9
    assert (depth > 0).all()


def test_up_in_the_world_is_up_in_the_image() -> None:
    camera = cameras.orbit_camera(0.0, 0.0, 30.0, 100)
    pixels, _ = cameras.project(camera, np.array([[0.0, 0.0, 0.5], [0.0, 0.5, 0.0]]))
    assert pixels[0, 1] < 50.0
    assert pixels[1, 0] > 50.0  # +Y is to the right of a camera on +X


def test_framed_square_spans_two_units() -> None:
    camera = cameras.framed_camera(0.0, 30.0, (300.0, 200.0), 150.0, 640, 480)
    pixels, _ = cameras.project(camera, np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]]))
    assert np.allclose(pixels, [[225.0, 200.0], [375.0, 200.0]])


def test_a_camera_moved_with_the_world_sees_the_same() -> None:
    camera: Camera = cameras.orbit_camera(12.0, 25.0, 30.0, 320)
    points = np.random.default_rng(1).uniform(-1, 1, (20, 3))
    motion = transforms.rotation_z(70.0) @ transforms.scale_then_translate(
        2.5, np.array([1.0, -2.0, 0.5])
    )
    moved = cameras.camera_in_frame(camera, motion)
    expected, _ = cameras.project(camera, points)
    actual, _ = cameras.project(moved, points @ motion[:3, :3].T + motion[:3, 3])
    assert np.allclose(actual, expected)


def test_gltf_axes_are_a_rotation_that_keeps_front_and_up() -> None:
    matrix = transforms.GLTF_FROM_WORLD
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    assert (matrix @ [1, 0, 0, 0])[:3].tolist() == [0, 0, 1]
    assert (matrix @ [0, 0, 1, 0])[:3].tolist() == [0, 1, 0]
    assert np.array_equal(transforms.WORLD_FROM_GLTF @ matrix, np.eye(4))
