"""A part as small flat triangles of one colour each, which are quick to draw."""

from dataclasses import dataclass
from threading import Lock

import fast_simplification
import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import ConvexHull, KDTree, QhullError

from mmpart_core.assemble.part_samples import sample_part
from mmpart_core.assemble.raster import Surface
from mmpart_core.geometry.shading import SurfaceAppearance, Triangles
from mmpart_core.geometry.surface import TriangleMesh

# A picture of 320 px shows 160 px to the unit: an edge of 0.15 part units is at most 24 px long.
# Where the texture changes over a longer one the triangle is cut; surfaces finer than can be seen
# are thinned: 2 000 facets to the eye leave a few pixels to each. By hand.
_LONGEST_EDGE = 0.15
_VARIED = 0.06
_MOST_FACETS = 16_000
_MOST_FACES, _THINNED_FACETS = 6_000, 4_000
# For pictures half as fine.
_MOST_COARSE, _COARSE_FACETS = 2_000, 1_200
_COLOR_SAMPLES = 30_000
_COLOR_NEIGHBOURS = 4
# Of its library; one thread at a time may use it.
_decimation_lock = Lock()


@dataclass(frozen=True)
class Facets:
    """Flat triangles of one colour.

    Attributes:
        vertices: float32, part frame, one column each.
        faces: int32, indices of vertices.
        colors: float32 sRGB in [0, 1], one per face.
        outline: corners of the convex hull, float64: what decides the box of any projection.
    """

    vertices: Float[np.ndarray, "3 V"]
    faces: Int[np.ndarray, "F 3"]
    colors: Float[np.ndarray, "F 3"]
    outline: Float[np.ndarray, "H 3"]

    @property
    def surface(self) -> Surface:
        """What the compiled loops draw."""
        return self.vertices, self.faces, self.colors


def facets_of(mesh: TriangleMesh, seed: int) -> Facets:
    """A mesh as facets.

    Args:
        mesh: the part, part frame.
        seed: for colours of a surface that is thinned.
    """
    outline = _outline(mesh.vertices[np.unique(mesh.faces)])
    if len(mesh.faces) > _MOST_FACES:
        corners = _thinned(mesh.vertices, mesh.faces, _THINNED_FACETS)
        samples = sample_part(mesh, _COLOR_SAMPLES, seed)
        _, nearest = KDTree(samples.points).query(corners.mean(axis=1), _COLOR_NEIGHBOURS)
        colors = samples.colors[np.asarray(nearest)].mean(axis=1)
    else:
        corners, colors = _cut(mesh)
    vertices, faces = _joined(corners)
    return Facets(vertices, faces, np.ascontiguousarray(colors, dtype=np.float32), outline)


def coarser(facets: Facets) -> Facets:
    """The same surface for small pictures: by fewer facets, each in the colour of the nearest."""
    if len(facets.faces) <= _MOST_COARSE:
        return facets
    corners = _thinned(facets.vertices.T, facets.faces, _COARSE_FACETS)
    vertices, faces = _joined(corners)
    _, nearest = KDTree(facets.vertices.T[facets.faces].mean(axis=1)).query(corners.mean(axis=1))
    return Facets(vertices, faces, facets.colors[np.asarray(nearest)], facets.outline)


def _joined(
    corners: Float[np.ndarray, "F 3 3"],
) -> tuple[Float[np.ndarray, "3 V"], Int[np.ndarray, "F 3"]]:
    """Vertices and faces of triangles, corners that coincide joined."""
    points = corners.reshape(-1, 3).astype(np.float32)
    vertices, index = np.unique(points, axis=0, return_inverse=True)
    return np.ascontiguousarray(vertices.T), index.reshape(-1, 3).astype(np.int32)


def _thinned(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], most: int
) -> Float[np.ndarray, "G 3 3"]:
    """The surface by fewer triangles; vertices that coincide are joined first."""
    points, index = np.unique(vertices.round(6), axis=0, return_inverse=True)
    joined = index.ravel()[faces].astype(np.int64)
    whole = (joined != np.roll(joined, 1, axis=1)).all(axis=1)
    with _decimation_lock:
        reduced = fast_simplification.simplify(
            points.astype(np.float64), joined[whole].astype(np.int32), target_count=most, agg=3.0
        )
    corners, triangles = np.asarray(reduced[0]), np.asarray(reduced[1], dtype=np.int64)
    return corners[triangles].astype(np.float64)


def _cut(mesh: TriangleMesh) -> tuple[Float[np.ndarray, "F 3 3"], Float[np.ndarray, "F 3"]]:
    """Triangles cut in four until their edges are short, with the colour of their middles."""
    triangles = Triangles.of([mesh])
    looks = SurfaceAppearance([mesh], triangles)
    source = np.arange(len(triangles.faces))
    weights = np.tile(np.eye(3), (len(source), 1, 1))
    done: list[tuple[np.ndarray, np.ndarray]] = []
    total = 0
    while len(source):
        corners = _placed(triangles, source, weights)
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1).max(axis=1)
        large = (longest > _LONGEST_EDGE) & (_variation(looks, source, weights) > _VARIED)
        if total + len(source) + 3 * int(large.sum()) > _MOST_FACETS:
            large[:] = False
        done.append((source[~large], weights[~large]))
        total += int((~large).sum())
        source, weights = np.repeat(source[large], 4), _quartered(weights[large])
    source = np.concatenate([each for each, _ in done])
    weights = np.concatenate([each for _, each in done])
    colors = looks.base_color(source, weights.mean(axis=1).astype(np.float32))[:, :3]
    return _placed(triangles, source, weights), colors


def _variation(
    looks: SurfaceAppearance, source: np.ndarray, weights: Float[np.ndarray, "F 3 3"]
) -> Float[np.ndarray, "F"]:
    """Largest difference between the colour of a triangle's middle and those near its corners."""
    middle = weights.mean(axis=1)
    color = looks.base_color(source, middle.astype(np.float32))
    most = np.zeros(len(source))
    for corner in range(3):
        at = 0.2 * middle + 0.8 * weights[:, corner]
        other = looks.base_color(source, at.astype(np.float32))
        most = np.maximum(most, np.abs(other - color)[:, :3].max(axis=1))
    return most


def _placed(
    triangles: Triangles, source: np.ndarray, weights: Float[np.ndarray, "F 3 3"]
) -> Float[np.ndarray, "F 3 3"]:
    return weights @ triangles.vertices[triangles.faces[source]]


def _quartered(weights: Float[np.ndarray, "F 3 3"]) -> Float[np.ndarray, "G 3 3"]:
    """Barycentric corners of the four halves-edge triangles of each."""
    a, b, c = weights[:, 0], weights[:, 1], weights[:, 2]
    ab, bc, ca = (a + b) / 2.0, (b + c) / 2.0, (c + a) / 2.0
    pieces = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    return np.stack([np.stack(piece, axis=1) for piece in pieces], axis=1).reshape(-1, 3, 3)


def _outline(points: Float[np.ndarray, "V 3"]) -> Float[np.ndarray, "H 3"]:
    """Corners of the convex hull; all points where they are flat."""
    if len(points) < 5:
        return points
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return points
