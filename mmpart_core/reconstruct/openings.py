"""Openings: flat places of a part's first shape where the views see through it.

A point of the true surface has one colour, whoever sees it. Where the views that see a place of the
first shape disagree on its colour over an area, there is nothing: they look past it, into a hollow.
An edge that is off by a little makes them disagree too, but only along a line.
"""

from copy import copy
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import ndimage

from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.kernels import march
from mmpart_core.reconstruct.planes import Plane

# By hand, all: colours that differ by more are not the same, of 1, between the ranges that a view
# shows within so many of 320 pixels.
DIFFERENT = 0.03
_AROUND_PX = 2.0
_OPAQUE = 250
# Views count that meet a face at no less than this, as the sine of the angle.
_ASLANT = 0.12
# From this far in front of a place, in spacings, what stands in the way hides it.
_CLEAR = 1.5
# Of the surface's corners in five by five by five so many disagree within an opening.
_SHARE, _BOX, _LEAST = 0.5, 5, 40
# Corners of one opening face the same way and lie in a plane, give or take so many spacings.
_SAME_WAY, _FLAT, _APART = 0.94, 1.2, 2.5
_MOST, _TRIES = 6, 200
Points = Float[np.ndarray, "P 3"]


class Witnesses:
    """What the views say of places on a shape: who sees them, and which colours."""

    def __init__(
        self, views: PosedViews, spec: GridSpec, sdf: Float32[np.ndarray, "X Y Z"]
    ) -> None:
        """Prepare the ranges of colour around each pixel.

        Args:
            views: the images.
            spec: the grid.
            sdf: distances of a shape on it.
        """
        self.cameras, self.spec, self.sdf = views.cameras, spec, np.ascontiguousarray(sdf)
        self.rgb = views.rgba[..., :3].astype(np.float32) / 255.0
        self._opaque = views.rgba[..., 3] >= _OPAQUE
        reach = max(round(_AROUND_PX * views.rgba.shape[2] / 320.0), 1)
        size, opaque = (1, 2 * reach + 1, 2 * reach + 1, 1), self._opaque[..., None]
        self._low = ndimage.minimum_filter(np.where(opaque, self.rgb, np.inf), size)
        self._high = ndimage.maximum_filter(np.where(opaque, self.rgb, -np.inf), size)

    def of(self, sdf: Float32[np.ndarray, "X Y Z"]) -> "Witnesses":
        """The same views of another shape.

        Args:
            sdf: its distances on the same grid.
        """
        others = copy(self)
        others.sdf = np.ascontiguousarray(sdf)
        return others

    @cached_property
    def eyes(self) -> Float[np.ndarray, "V 3"]:
        """Places of the cameras."""
        poses = [transforms.to_array(camera.world_from_camera) for camera in self.cameras]
        return np.stack([pose[:3, 3] for pose in poses])

    def distances(self, points: Points) -> Float[np.ndarray, "P"]:
        """Of points to the shape."""
        steps = (points - np.array(self.spec.origin)) / self.spec.spacing
        return ndimage.map_coordinates(self.sdf, steps.T, order=1, mode="nearest")

    def seen(self, points: Points, normals: Points) -> Bool[np.ndarray, "V P"]:
        """Which views see points of the shape's surface, not too aslant."""
        found = np.zeros((len(self.cameras), len(points)), bool)
        spacing = self.spec.spacing
        origins = ((points - np.array(self.spec.origin)) / spacing).astype(np.float32)
        for view, eye in enumerate(self.eyes):
            way = eye - points
            length = np.linalg.norm(way, axis=1)
            hidden = np.zeros(len(points), bool)
            march.meet(
                self.sdf, origins, (way / length[:, None] / spacing).astype(np.float32),
                np.full(len(points), _CLEAR * spacing, np.float32),
                np.full(len(points), max(self.spec.shape) * spacing, np.float32),
                np.float32(0.5 * spacing), hidden,
            )  # fmt: skip
            found[view] = ~hidden & ((way * normals).sum(axis=1) > _ASLANT * length)
        return found

    def pixels(
        self, view: int, points: Points
    ) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"], Bool[np.ndarray, "P"]]:
        """Rows and columns of points in a view, and whether opaque foreground is there."""
        height, width = self._opaque.shape[1:]
        column, row = np.floor(cameras.project(self.cameras[view], points)[0]).astype(int).T
        within = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row, column = row.clip(0, height - 1), column.clip(0, width - 1)
        return row, column, within & self._opaque[view, row, column]

    def disagreement(
        self, points: Points, seen: Bool[np.ndarray, "V P"]
    ) -> tuple[Float[np.ndarray, "P"], Int[np.ndarray, "P"]]:
        """How far apart the views are on the colour of points.

        Args:
            points: places.
            seen: which views count.

        Returns:
            The widest gap between the ranges of any two views, over the channels; negative where
            all overlap. The number of views that count and have opaque foreground there.
        """
        low = np.full((len(points), 3), -np.inf)
        high, count = -low, np.zeros(len(points), int)
        for view in range(len(self.cameras)):
            row, column, opaque = self.pixels(view, points)
            asked = seen[view] & opaque
            place = (view, row[asked], column[asked])
            low[asked] = np.maximum(low[asked], self._low[place])
            high[asked] = np.minimum(high[asked], self._high[place])
            count += asked
        return (low - high).max(axis=1), count

    def surface(self) -> tuple[Bool[np.ndarray, "X Y Z"], Points, Points]:
        """Corners just inside the shape's surface; their feet on it; the normals there."""
        inside = self.sdf < 0.0
        surface = inside & ~np.asarray(ndimage.binary_erosion(inside), dtype=bool)
        slopes = np.stack([*np.gradient(self.sdf)])[:, surface].T
        normals = slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-9)
        points = np.array(self.spec.origin) + np.argwhere(surface) * self.spec.spacing
        return surface, points - normals * self.sdf[surface][:, None], normals

    def at_odds(
        self, points: Points, normals: Points
    ) -> tuple[Bool[np.ndarray, "P"], Bool[np.ndarray, "P"]]:
        """Where several views of points of the surface disagree, and where there are several."""
        gap, count = self.disagreement(points, self.seen(points, normals))
        return (count > 1) & (gap > DIFFERENT), count > 1


def find_openings(witnesses: Witnesses) -> list[Plane]:
    """The planes of a shape's openings, those with the most corners first."""
    surface, points, normals = witnesses.surface()
    disagree = np.zeros_like(surface)
    disagree[surface] = witnesses.at_odds(points, normals)[0]
    for _ in range(2):
        disagree &= _share(disagree) > _SHARE * _share(surface)
    open_ = disagree[surface]
    return _planes(points[open_], normals[open_], witnesses.spec.spacing)


def _share(corners: Bool[np.ndarray, "X Y Z"]) -> Float32[np.ndarray, "X Y Z"]:
    """Of the corners around each."""
    return np.asarray(ndimage.uniform_filter(corners.astype(np.float32), _BOX))


def _planes(points: Points, normals: Points, spacing: float) -> list[Plane]:
    """Planes that many points lie in, facing that way."""
    found: list[Plane] = []
    left = np.ones(len(points), bool)
    random = np.random.default_rng(0)
    while left.sum() >= _LEAST and len(found) < _MOST:
        tried = random.permutation(np.flatnonzero(left))[:_TRIES]
        away = normals[tried] @ points.T - (normals[tried] * points[tried]).sum(axis=1)[:, None]
        near = left & (np.abs(away) < _FLAT * spacing)
        near &= normals[tried] @ normals.T > _SAME_WAY
        best = near[near.sum(axis=1).argmax()]
        if best.sum() < _LEAST:
            break
        normal = normals[best].mean(axis=0)
        normal /= np.linalg.norm(normal)
        offset = float(np.median(points[best] @ normal))
        left &= np.abs(points @ normal - offset) > _APART * spacing
        found.append(Plane(normal, offset))
    return found
