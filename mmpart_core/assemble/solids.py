"""Parts as solids: how far points lie outside or inside of them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from mmpart_core.assemble.facets import Facets

# All by hand. A part's box is cut into so many cells along each axis, and some around it; distances
# come from so many points of its surface.
_CELLS, _AROUND = 26, 2
_SURFACE_POINTS = 8000
# Points that one part is felt with by another.
_FEELERS = 600
# A surface is closed where this share of the lines through it leave it as often as they enter.
_CLOSED_SHARE = 0.97
# Lines stand off the middles of cells by an irrational share, so that none runs along an edge.
_OFF = (0.0141421356237, 0.0173205080757)


@dataclass(frozen=True)
class Solid:
    """Signed distances around a part, part frame.

    Attributes:
        feelers: points spread evenly over its surface.
        area: of its surface.
        low: middle of the first cell.
        step: from cell to cell.
        distance: at the middles of cells, negative inside; None where the surface is open.
    """

    feelers: Float[np.ndarray, "Q 3"]
    area: float
    low: Float[np.ndarray, "3"]
    step: Float[np.ndarray, "3"]
    distance: Float[np.ndarray, "X Y Z"] | None

    def distances(self, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P"]:
        """Signed distance of points, part frame; beyond the cells an upper bound.

        Infinite where the surface is open.
        """
        if self.distance is None:
            return np.full(len(points), np.inf)
        at = (points - self.low) / self.step
        last = np.array(self.distance.shape) - 1.0
        inside = np.clip(at, 0.0, last)
        beyond = np.linalg.norm((at - inside) * self.step, axis=1)
        return map_coordinates(self.distance, inside.T, order=1, mode="nearest") + beyond


def solid_of(facets: Facets, seed: int) -> Solid:
    """A part as a solid.

    Inside is where lines along most of the three axes wind around; distance is to the nearest of
    many points of the surface, near the surface to that point's plane.

    Args:
        facets: the part; a coarse one is quicker.
        seed: of the points.
    """
    corners = facets.vertices.T[facets.faces].astype(np.float64)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    size = np.linalg.norm(cross, axis=1)
    points, normals = _spread(corners, cross, size, seed)
    low, high = corners.reshape(-1, 3).min(axis=0), corners.reshape(-1, 3).max(axis=0)
    step = np.maximum((high - low) / _CELLS, 1e-3)
    low = low + (0.5 - _AROUND) * step
    axes = [low[axis] + step[axis] * np.arange(_CELLS + 2 * _AROUND) for axis in range(3)]
    inside = _inside(corners, axes, step)
    distance = None
    if inside is not None:
        places = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        spacing = np.sqrt(float(size.sum()) / 2.0 / len(points))
        unsigned = _nearest(places, points, normals, spacing).reshape(inside.shape)
        distance = np.where(inside, -unsigned, unsigned)
    return Solid(points[:_FEELERS], float(size.sum()) / 2.0, low, step, distance)


def _spread(
    corners: Float[np.ndarray, "F 3 3"],
    cross: Float[np.ndarray, "F 3"],
    size: Float[np.ndarray, "F"],
    seed: int,
) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]:
    """Points of a surface in any order, as many as the area of each face asks for; normals."""
    random = np.random.default_rng(seed)
    faces = random.choice(len(size), _SURFACE_POINTS, p=size / size.sum())
    u, v = random.random(_SURFACE_POINTS), random.random(_SURFACE_POINTS)
    u, v = np.where(u + v > 1.0, 1.0 - u, u), np.where(u + v > 1.0, 1.0 - v, v)
    weights = np.stack([1.0 - u - v, u, v], axis=-1)
    points = np.einsum("pk,pkc->pc", weights, corners[faces])
    return points, cross[faces] / np.maximum(size[faces, None], 1e-12)


def _nearest(
    places: Float[np.ndarray, "G 3"],
    points: Float[np.ndarray, "P 3"],
    normals: Float[np.ndarray, "P 3"],
    spacing: float,
) -> Float[np.ndarray, "G"]:
    distance, nearest = KDTree(points).query(places)
    distance, nearest = np.asarray(distance), np.asarray(nearest)
    plane = np.abs(((places - points[nearest]) * normals[nearest]).sum(axis=1))
    return np.where(distance < 2.0 * spacing, plane, distance)


def _inside(
    corners: Float[np.ndarray, "F 3 3"], axes: list[np.ndarray], step: Float[np.ndarray, "3"]
) -> Bool[np.ndarray, "X Y Z"] | None:
    """Which cells' middles are inside; None where the surface is open."""
    votes = np.zeros([len(axis) for axis in axes], dtype=np.int64)
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        turned = corners[:, :, [first, second, axis]]
        lines = [
            axes[first] + _OFF[0] * step[first],
            axes[second] + _OFF[1] * step[second],
            axes[axis],
        ]
        winding, closed = _winding(turned, lines)
        if closed < _CLOSED_SHARE:
            return None
        votes += np.moveaxis(winding != 0, (0, 1, 2), (first, second, axis))
    return votes >= 2


def _winding(
    corners: Float[np.ndarray, "F 3 3"], axes: list[np.ndarray]
) -> tuple[Int[np.ndarray, "A B C"], float]:
    """Turns of a surface around points of a grid, by lines along the last axis.

    Returns:
        At each point, crossings above it, +1 on the way out and -1 in; and the share of the lines
        that meet the surface and leave it as often as they enter.
    """
    shape = tuple(len(axis) for axis in axes)
    change = np.zeros((shape[0] * shape[1], shape[2] + 1), dtype=np.int64)
    grid = np.stack(np.meshgrid(axes[0], axes[1], indexing="ij"), axis=-1).reshape(-1, 2)
    for part in np.array_split(corners, max(1, len(corners) // 1000)):
        a, b, c = (part[:, corner, None, :2] for corner in range(3))
        weights = np.stack([_turn(b, c, grid), _turn(c, a, grid), _turn(a, b, grid)])
        total = weights.sum(axis=0)
        within = (weights > 0.0).all(axis=0) | (weights < 0.0).all(axis=0)
        face, line = np.nonzero(within & (total != 0.0))
        share = weights[:, face, line] / total[face, line]
        height = (share * part[face, :, 2].T).sum(axis=0)
        below = np.searchsorted(axes[2], height)
        np.add.at(change, (line, below), np.sign(total[face, line]).astype(np.int64))
    met = (change != 0).any(axis=1)
    closed = float((change[met].sum(axis=1) == 0).mean()) if met.any() else 0.0
    above = np.cumsum(change[:, ::-1], axis=1)[:, ::-1][:, 1:]
    return above.reshape(shape), closed


def _turn(
    one: Float[np.ndarray, "F 1 2"], two: Float[np.ndarray, "F 1 2"], at: Float[np.ndarray, "L 2"]
) -> Float[np.ndarray, "F L"]:
    """Twice the signed area of triangles of two corners and a point."""
    return (two[..., 0] - one[..., 0]) * (at[:, 1] - one[..., 1]) - (two[..., 1] - one[..., 1]) * (
        at[:, 0] - one[..., 0]
    )
