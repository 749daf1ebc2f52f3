"""The input camera in the frame that parts are placed in, as far as it is not known."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble.sight import SightPose
from mmpart_core.geometry import cameras, transforms
from mmpart_core.records import Camera


def fov_of(camera: Camera) -> float:
    """Angle in degrees under which a camera sees the unit sphere's diameter at its centre."""
    distance = -float(camera_center(camera)[2])
    return float(2.0 * np.rad2deg(np.arctan(1.0 / distance)))


def elevation_of(camera: Camera) -> float:
    """Angle of a camera's viewing axis below the horizontal plane, in degrees."""
    backward = transforms.to_array(camera.world_from_camera)[:3, 2]
    return float(np.rad2deg(np.arcsin(np.clip(backward[2], -1.0, 1.0))))


@dataclass(frozen=True)
class InputPose:
    """What is to be found of the input camera.

    Attributes:
        elevation_deg: angle above the horizontal plane.
        log_scale: logarithm of the scale from the frame that parts are placed in to the camera's
            object frame; 0 where they are one.
        right: translation of that frame in camera axes, object units.
        up: the same, upward.
        log_distance: logarithm of how many times as far from the object's middle the camera stands
            as assumed; its lens is longer by as much, so that the middle keeps its size in the
            image. What changes is how much larger near things look: the field of view.
    """

    elevation_deg: float
    log_scale: float = 0.0
    right: float = 0.0
    up: float = 0.0
    log_distance: float = 0.0

    def changed(self, name: str, change: float) -> "InputPose":
        """The pose with one of its numbers changed."""
        return replace(self, **{name: getattr(self, name) + change})

    def object_camera(self, given: Camera) -> Camera:
        """The camera in its own object frame: the given one, tilted about the object's centre."""
        return cameras.camera_in_frame(self.lens(given), tilt(given, self.elevation_deg))

    def lens(self, given: Camera) -> Camera:
        """The given camera farther away with a longer lens, or nearer with a shorter one."""
        factor = float(np.exp(self.log_distance))
        pose = transforms.to_array(given.world_from_camera).copy()
        pose[:3, 3] += (1.0 - factor) * camera_center(given)[2] * pose[:3, 2]
        return given.model_copy(
            update={
                "focal_px": given.focal_px * factor,
                "world_from_camera": transforms.to_tuple(pose),
            }
        )

    def object_from_frame(self, given: Camera) -> Float[np.ndarray, "4 4"]:
        """Similarity without rotation into the camera's object frame."""
        camera = self.object_camera(given)
        depth = SightPose(1.0, camera_center(camera)).depth
        center = np.array([self.right, self.up, -depth])
        return SightPose(float(np.exp(self.log_scale)), center).object_from_part(camera)

    def camera(self, given: Camera) -> Camera:
        """The camera in the frame that parts are placed in."""
        frame = np.linalg.inv(self.object_from_frame(given))
        return cameras.camera_in_frame(self.object_camera(given), frame)


def camera_center(camera: Camera) -> Float[np.ndarray, "3"]:
    """The world's origin, projected on the viewing axis, in camera axes."""
    pose = transforms.to_array(camera.world_from_camera)
    return np.array([0.0, 0.0, -float(pose[:3, 3] @ pose[:3, 2])])


def tilt(given: Camera, elevation_deg: float) -> Float[np.ndarray, "4 4"]:
    """Rotation about the object's centre that brings a camera to an elevation, azimuth kept."""
    matrix = np.eye(4)
    now = cameras.orbit_pose(0.0, elevation_of(given), 1.0)[:3, :3]
    matrix[:3, :3] = cameras.orbit_pose(0.0, elevation_deg, 1.0)[:3, :3] @ now.T
    return matrix
