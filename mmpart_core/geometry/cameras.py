"""Cameras: poses on an orbit, the fixed poses of Zero123++, rays and projection."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float

from mmpart_core.errors import GeometryError
from mmpart_core.geometry import transforms
from mmpart_core.records import Camera

Zero123PlusVersion = Literal["v1.1", "v1.2"]

# Azimuths are relative to the input view, elevations absolute (zero123plus README; issue 73 of
# SUDO-AI-3D/zero123plus for distance, issue 68 for the field of view of v1.1).
ZERO123PLUS_AZIMUTHS_DEG = (30.0, 90.0, 150.0, 210.0, 270.0, 330.0)
ZERO123PLUS_ELEVATIONS_DEG: dict[Zero123PlusVersion, tuple[float, float]] = {
    "v1.1": (30.0, -20.0),
    "v1.2": (20.0, -10.0),
}
ZERO123PLUS_FOV_DEG: dict[Zero123PlusVersion, float] = {
    "v1.1": math.degrees(2.0 * math.atan(16.0 / 35.0)),
    "v1.2": 30.0,
}


def orbit_pose(azimuth_deg: float, elevation_deg: float, radius: float) -> Float[np.ndarray, "4 4"]:
    """Pose of a camera on a sphere around the origin, looking at the origin.

    Args:
        azimuth_deg: angle about +Z from +X, counter-clockwise seen from above.
        elevation_deg: angle above the XY plane; strictly between -90 and 90.
        radius: distance to the origin, in object units.

    Returns:
        world_from_camera, float64; bottom row 0 0 0 1.

    Raises:
        GeometryError: radius not positive, or a pole, where "up" has no meaning.

    Example:
        >>> orbit_pose(90.0, 0.0, 2.0)[:3, 3].round(6).tolist()
        [0.0, 2.0, 0.0]
    """
    if radius <= 0 or not -90.0 < elevation_deg < 90.0:
        raise GeometryError(
            f"orbit pose: radius {radius} must be positive and elevation {elevation_deg} strictly "
            "between -90 and 90 degrees"
        )
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    backward = np.array(
        [
            math.cos(elevation) * math.cos(azimuth),
            math.cos(elevation) * math.sin(azimuth),
            math.sin(elevation),
        ]
    )
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    pose = np.eye(4)
    pose[:3, 0], pose[:3, 1], pose[:3, 2] = right, np.cross(backward, right), backward
    pose[:3, 3] = radius * backward
    return pose


def orbit_camera(azimuth_deg: float, elevation_deg: float, fov_deg: float, size_px: int) -> Camera:
    """Perspective camera on an orbit whose square frame spans two units at the origin.

    Distance is ``1 / tan(fov / 2)``: with 30 degrees 3.732, Zero123++'s 1.866 for an object of
    radius 0.5. A full unit sphere slightly overflows the frame, by the same authors' design.
    """
    half = math.tan(math.radians(fov_deg) / 2.0)
    return Camera(
        world_from_camera=transforms.to_tuple(orbit_pose(azimuth_deg, elevation_deg, 1.0 / half)),
        focal_px=size_px / 2.0 / half,
        principal_px=(size_px / 2.0, size_px / 2.0),
        width_px=size_px,
        height_px=size_px,
    )


def framed_camera(
    elevation_deg: float,
    fov_deg: float,
    center_px: tuple[float, float],
    side_px: float,
    width_px: int,
    height_px: int,
) -> Camera:
    """The input camera of an image: azimuth 0, a square of the image spans two object units.

    Args:
        elevation_deg: angle above the horizontal plane.
        fov_deg: field of view across the square.
        center_px: column and row of the square's centre, taken as the optical axis.
        side_px: the square's side.
        width_px: image width.
        height_px: image height.
    """
    half = math.tan(math.radians(fov_deg) / 2.0)
    return Camera(
        world_from_camera=transforms.to_tuple(orbit_pose(0.0, elevation_deg, 1.0 / half)),
        focal_px=side_px / 2.0 / half,
        principal_px=center_px,
        width_px=width_px,
        height_px=height_px,
    )


def zero123plus_cameras(version: Zero123PlusVersion, size_px: int) -> tuple[Camera, ...]:
    """The six cameras of Zero123++ in its output's order, azimuths relative to the input view."""
    low_high = ZERO123PLUS_ELEVATIONS_DEG[version]
    return tuple(
        orbit_camera(azimuth, low_high[index % 2], ZERO123PLUS_FOV_DEG[version], size_px)
        for index, azimuth in enumerate(ZERO123PLUS_AZIMUTHS_DEG)
    )


def resized_camera(camera: Camera, shape: tuple[int, ...], factor: float) -> Camera:
    """The camera of the same picture with smaller or larger pixels.

    Args:
        camera: of the picture.
        shape: rows and columns of the resized picture.
        factor: how many times as many pixels it has along a side.
    """
    column, row = camera.principal_px
    return camera.model_copy(
        update={
            "focal_px": camera.focal_px * factor,
            "principal_px": (column * factor, row * factor),
            "width_px": shape[1],
            "height_px": shape[0],
        }
    )


def bounded_camera(camera: Camera, longest_px: int) -> Camera:
    """The camera of the image scaled down so that its longer side is at most ``longest_px``."""
    factor = min(1.0, longest_px / max(camera.width_px, camera.height_px))
    shape = [max(1, round(side * factor)) for side in (camera.height_px, camera.width_px)]
    return resized_camera(camera, tuple(shape), factor)


def pixel_rays(
    camera: Camera, columns: Float[np.ndarray, "P"], rows: Float[np.ndarray, "P"]
) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]:
    """World-space rays through pixel positions (the top left pixel's centre is 0.5, 0.5).

    Returns:
        Origins and unit directions, float64.
    """
    pose = transforms.to_array(camera.world_from_camera)
    x = (columns - camera.principal_px[0]) / camera.focal_px
    y = -(rows - camera.principal_px[1]) / camera.focal_px
    if camera.projection == "orthographic":
        offsets = np.stack([x, y, np.zeros_like(x)], axis=-1)
        origins = offsets @ pose[:3, :3].T + pose[:3, 3]
        return origins, np.broadcast_to(-pose[:3, 2], origins.shape).copy()
    directions = np.stack([x, y, -np.ones_like(x)], axis=-1) @ pose[:3, :3].T
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return np.broadcast_to(pose[:3, 3], directions.shape).copy(), directions


def project(
    camera: Camera, points: Float[np.ndarray, "P 3"]
) -> tuple[Float[np.ndarray, "P 2"], Float[np.ndarray, "P"]]:
    """Pixel positions (column, row) and depths of world points.

    Returns:
        Positions in pixels and depth along the viewing axis in object units; points behind a
        perspective camera have depth <= 0 and meaningless positions.
    """
    pose = transforms.to_array(camera.world_from_camera)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    depth = -local[:, 2]
    scale = np.full_like(depth, camera.focal_px)
    if camera.projection == "perspective":
        scale = camera.focal_px / np.where(np.abs(depth) < 1e-9, 1e-9, depth)
    columns = camera.principal_px[0] + local[:, 0] * scale
    rows = camera.principal_px[1] - local[:, 1] * scale
    return np.stack([columns, rows], axis=-1), depth


def camera_in_frame(camera: Camera, new_from_old: Float[np.ndarray, "4 4"]) -> Camera:
    """The same camera after a similarity transform of the world it looks at."""
    scale = transforms.similarity_scale(new_from_old)
    pose = new_from_old @ transforms.to_array(camera.world_from_camera)
    pose[:3, :3] /= scale
    focal = camera.focal_px / scale if camera.projection == "orthographic" else camera.focal_px
    return camera.model_copy(
        update={"world_from_camera": transforms.to_tuple(pose), "focal_px": focal}
    )
