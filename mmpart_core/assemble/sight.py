"""The input camera's sight of parts: crops of it, and poses that keep an image fixed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms
from mmpart_core.records import Camera

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SightPose:
    """Scale and position of a part before a camera; its orientation is the object's.

    Multiplying scale and centre by the same number moves the part along the sight lines and
    leaves its image as it is: depth is the one thing a single image does not tell.

    Attributes:
        scale: uniform scale of the part frame.
        center: origin of the part frame in camera axes (x right, y up, -z ahead), object units.
    """

    scale: float
    center: Float[np.ndarray, "3"]

    @property
    def depth(self) -> float:
        """Distance of the origin along the viewing axis, in object units."""
        return float(-self.center[2])

    def moved(self, factor: float) -> "SightPose":
        """The pose with the same image at ``factor`` times the depth."""
        return SightPose(self.scale * factor, self.center * factor)

    def object_from_part(self, camera: Camera) -> Float[np.ndarray, "4 4"]:
        """The pose as a similarity transform into the camera's world."""
        pose = transforms.to_array(camera.world_from_camera)
        return transforms.scale_then_translate(self.scale, pose[:3, :3] @ self.center + pose[:3, 3])


def in_camera_axes(camera: Camera, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    """Points or directions of a part frame, turned (not moved) into camera axes."""
    return points @ transforms.to_array(camera.world_from_camera)[:3, :3]


def project_local(camera: Camera, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 2"]:
    """Pixel positions (column, row) of points given in camera axes, in front of the camera."""
    scale = camera.focal_px / np.maximum(-points[:, 2], 1e-9)
    columns = camera.principal_px[0] + points[:, 0] * scale
    rows = camera.principal_px[1] - points[:, 1] * scale
    return np.stack([columns, rows], axis=-1)


def require_perspective(camera: Camera) -> None:
    """Refuse an orthographic input camera.

    Raises:
        BackendError: it is orthographic; depth and scale would not be tied together.
    """
    if camera.projection != "perspective":
        raise BackendError(
            f"layout: a perspective input camera was expected, got {camera.projection}; give the "
            "request's view a field of view"
        )


def mask_box(mask: Bool[np.ndarray, "H W"]) -> Box | None:
    """Left, top, right, bottom of a mask in pixels (edges, not centres); None when empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


@dataclass(frozen=True)
class Crop:
    """A window of the image, resampled: source pixel ``left + column / factor`` and so on.

    Attributes:
        camera: the input camera seen through the window.
        left: the window's left edge in the source, in pixels.
        top: its top edge.
        factor: window pixels per source pixel.
    """

    camera: Camera
    left: float
    top: float
    factor: float

    def sample(self, mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "h w"]:
        """A mask of the source as seen in the window; false outside the source."""
        columns = self.left + (np.arange(self.camera.width_px) + 0.5) / self.factor
        rows = self.top + (np.arange(self.camera.height_px) + 0.5) / self.factor
        inside = ((rows >= 0) & (rows < mask.shape[0]))[:, None] & (
            (columns >= 0) & (columns < mask.shape[1])
        )[None, :]
        row_index = np.clip(rows.astype(np.int64), 0, mask.shape[0] - 1)
        column_index = np.clip(columns.astype(np.int64), 0, mask.shape[1] - 1)
        return mask[row_index[:, None], column_index[None, :]] & inside


def crop(camera: Camera, box: Box, margin: float, side_px: int) -> Crop:
    """A window around a box.

    Args:
        camera: the input camera.
        box: left, top, right, bottom in source pixels.
        margin: added on each side, as a share of the box's longer side.
        side_px: the window's longer side after resampling.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    pad = margin * max(width, height)
    left, top = box[0] - pad, box[1] - pad
    factor = side_px / max(width + 2 * pad, height + 2 * pad)
    window = camera.model_copy(
        update={
            "focal_px": camera.focal_px * factor,
            "principal_px": (
                (camera.principal_px[0] - left) * factor,
                (camera.principal_px[1] - top) * factor,
            ),
            "width_px": max(1, round((width + 2 * pad) * factor)),
            "height_px": max(1, round((height + 2 * pad) * factor)),
        }
    )
    return Crop(window, left, top, factor)
