"""The body that the outlines of posed views allow, asked along lines of sight."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from mmpart_core.geometry import cameras, transforms
from mmpart_core.images import morphology
from mmpart_core.records import Camera

_SAMPLES = 96  # along a ray
_REACH = 1.1  # radius of what is looked at: generated objects overshoot the unit sphere
_AGREE_PX = 2  # by how much outlines are widened: views do not agree to the pixel
_RAYS = 200  # of a patch, at most


@dataclass(frozen=True)
class OutlineHull:
    """Posed outlines, and the body that they have in common.

    Attributes:
        outlines: what is not known to be ground, per view.
        poses: cameras, in the object's frame.
    """

    outlines: tuple[Bool[np.ndarray, "H W"], ...]
    poses: tuple[Camera, ...]

    @cached_property
    def widened(self) -> tuple[Bool[np.ndarray, "H W"], ...]:
        """The outlines with room for what views disagree by."""
        return tuple(morphology.dilated(outline, _AGREE_PX) for outline in self.outlines)

    def tunnel(
        self, view: int, patch: Bool[np.ndarray, "H W"], width_px: float
    ) -> tuple[float, float]:
        """How far the lines of sight through a patch run inside the hull of the other views.

        Args:
            view: where the patch is.
            patch: its pixels.
            width_px: how wide it is.

        Returns:
            Share of the lines that miss the hull, and the median way inside it over the width.
        """
        rows, columns = np.nonzero(patch)
        step = max(1, len(rows) // _RAYS)
        points = self._along(view, rows[::step], columns[::step])
        inside = self._inside(points.reshape(-1, 3), skipped=view).reshape(points.shape[:2])
        way = inside.mean(axis=1) * 2.0 * _REACH
        width = width_px * self._units_per_px(view)
        return float((way <= 0.0).mean()), float(np.median(way)) / width

    def _units_per_px(self, view: int) -> float:
        """Object units per pixel at the origin."""
        pose = self.poses[view]
        if pose.projection == "orthographic":
            return 1.0 / pose.focal_px
        distance = np.linalg.norm(transforms.to_array(pose.world_from_camera)[:3, 3])
        return float(distance) / pose.focal_px

    def _along(
        self, view: int, rows: Int[np.ndarray, " R"], columns: Int[np.ndarray, " R"]
    ) -> Float[np.ndarray, "R S 3"]:
        """Points on lines of sight, evenly where the object may be."""
        origins, directions = cameras.pixel_rays(
            self.poses[view], columns.astype(float) + 0.5, rows.astype(float) + 0.5
        )
        middle = -(origins * directions).sum(axis=-1)
        offsets = (np.arange(_SAMPLES) + 0.5) / _SAMPLES * 2.0 * _REACH - _REACH
        distance = middle[:, None] + offsets
        return origins[:, None] + distance[..., None] * directions[:, None]

    def _inside(self, points: Float[np.ndarray, "P 3"], skipped: int) -> Bool[np.ndarray, " P"]:
        """Which points all other views may see; beyond a frame a view says nothing."""
        inside = np.linalg.norm(points, axis=-1) < _REACH
        for view, outline in enumerate(self.widened):
            if view != skipped:
                inside &= self._seen(view, outline, points)
        return inside

    def _seen(
        self, view: int, mask: Bool[np.ndarray, "H W"], points: Float[np.ndarray, "P 3"]
    ) -> Bool[np.ndarray, " P"]:
        """Which points project into a mask, or outside the frame."""
        at, depth = cameras.project(self.poses[view], points)
        column, row = np.floor(at).astype(int).T
        height, width = mask.shape
        within = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (depth > 0)
        seen = np.full(len(points), True)
        seen[within] = mask[row[within], column[within]]
        return seen
