"""Planes, and those that many points lie in."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull, QhullError

# By hand, all; lengths in object units. Points are in a plane within this much; so many of them
# make one, however many are looked at.
_IN_PLANE, _LEAST = 0.008, 14
# Planes through three random points that are tried, of triangles of this area; those that are
# fitted, the most of these, and of all.
_TRIES, _TRIANGLE, _FITTED, _MOST, _ALL = 4000, 0.025, 300, 16, 24
# Two planes are one where their normals and offsets agree so well.
_ONE_NORMAL, _ONE_OFFSET = 0.995, 0.02
# The planes with most points whose normals, and normals square to two of them, are tried at all
# offsets: faces of one thing mostly have few directions.
_DIRECTIONS, _SQUARE, _SAME_DIRECTION, _NEXT_OFFSET = 8, 0.1, 0.998, 0.012
Points = Float[np.ndarray, "P 3"]


@dataclass(frozen=True)
class Plane:
    """``normal @ point == offset``.

    Attributes:
        normal: unit length.
        offset: object units.
    """

    normal: Float[np.ndarray, "3"]
    offset: float

    def axes(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Two directions in the plane, orthogonal and of unit length."""
        first = np.cross(self.normal, np.eye(3)[np.abs(self.normal).argmin()])
        first /= np.linalg.norm(first)
        return first, np.cross(self.normal, first)

    def heights(self, points: Points) -> Float[np.ndarray, "P"]:
        """How far points are in front of it."""
        return points @ self.normal - self.offset

    def turned(self) -> "Plane":
        """The same plane, facing the other way."""
        return Plane(-self.normal, -self.offset)

    def like(self, other: "Plane", normal: float, offset: float) -> bool:
        """Whether another is nearly this one, whichever way it faces."""
        cosine = float(self.normal @ other.normal)
        same = abs(self.offset - np.sign(cosine) * other.offset) < offset
        return abs(cosine) > normal and bool(same)


def find_planes(points: Points) -> list[Plane]:
    """Planes that many points lie in, those with most points first.

    Random sample consensus (Fischler and Bolles, 1981), fitted by least squares; then all offsets
    of the best planes' directions, and of those square to two of them.
    """
    if len(points) < _LEAST:
        return []
    found = _consensus(points)
    for normal in _directions(found):
        for plane in _parallel(points, normal):
            if not any(plane.like(other, _SAME_DIRECTION, _NEXT_OFFSET) for other in found):
                found.append(plane)
    return sorted(found, key=lambda plane: -_support(points, plane))[:_ALL]


def covered_area(plane: Plane, points: Points) -> float:
    """Area of the convex hull of points' feet in a plane; 0 where they span none."""
    if len(points) < 3:
        return 0.0
    try:
        return float(ConvexHull(points @ np.stack(plane.axes(), axis=1)).volume)
    except QhullError:
        return 0.0


def in_plane(points: Points, plane: Plane) -> Float[np.ndarray, "Q 3"]:
    """Those of some points that lie in a plane."""
    return points[np.abs(plane.heights(points)) < _IN_PLANE]


def _support(points: Points, plane: Plane) -> int:
    return len(in_plane(points, plane))


def _consensus(points: Points) -> list[Plane]:
    """Planes through three random points, fitted to what lies in them."""
    one, two, three = points[np.random.default_rng(0).integers(0, len(points), (3, _TRIES))]
    normals = np.cross(two - one, three - one)
    lengths = np.linalg.norm(normals, axis=1)
    wide = lengths > 2.0 * _TRIANGLE
    normals = normals[wide] / lengths[wide, None]
    offsets = (normals * one[wide]).sum(axis=1)
    support = (np.abs(points @ normals.T - offsets) < _IN_PLANE).sum(axis=0)
    found: list[Plane] = []
    for index in np.argsort(-support, kind="stable")[:_FITTED]:
        plane = _fitted(points, Plane(normals[index], float(offsets[index])))
        if _support(points, plane) < _LEAST:
            continue
        if not any(plane.like(other, _ONE_NORMAL, _ONE_OFFSET) for other in found):
            found.append(plane)
        if len(found) == _MOST:
            break
    return found


def _fitted(points: Points, plane: Plane) -> Plane:
    """A plane fitted to the points near it, ever nearer."""
    for share in (1.5, 1.0, 0.7, 0.7):
        near = points[np.abs(plane.heights(points)) < share * _IN_PLANE]
        if len(near) < _LEAST // 2:
            break
        middle = near.mean(axis=0)
        normal = np.linalg.svd(near - middle, full_matrices=False)[2][2]
        plane = Plane(normal, float(normal @ middle))
    return plane


def _directions(planes: list[Plane]) -> list[Float[np.ndarray, "3"]]:
    """Normals of the first planes, and those square to two of them; each once."""
    firsts = [plane.normal for plane in planes[:_DIRECTIONS]]
    crossed = [
        np.cross(one, two)
        for index, one in enumerate(firsts)
        for two in firsts[:index]
        if abs(one @ two) < _SQUARE
    ]
    found: list[np.ndarray] = []
    for normal in firsts + [each / np.linalg.norm(each) for each in crossed]:
        if not any(abs(normal @ other) > _SAME_DIRECTION for other in found):
            found.append(normal)
    return found


def _parallel(points: Points, normal: Float[np.ndarray, "3"]) -> list[Plane]:
    """Planes of one direction, those with most points first."""
    heights = np.sort(points @ normal)
    ends = np.searchsorted(heights, heights + 2.0 * _IN_PLANE)
    counts = ends - np.arange(len(heights))
    found: list[Plane] = []
    while counts.max() >= _LEAST:
        first = int(counts.argmax())
        found.append(Plane(normal, float(np.median(heights[first : ends[first]]))))
        counts[np.abs(heights - heights[first]) < 3.0 * _IN_PLANE] = 0
    return found
