"""What a surface is: closed or open, in how many pieces."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as label_components

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.boxes import box_around, used_vertices

_MERGE_SHARE = 1e-8
_STEPS = 2.0**27


@dataclass(frozen=True)
class Topology:
    """Facts about a surface whose equal positions were made one vertex.

    Attributes:
        watertight: every edge belongs to exactly two faces, which run along it in opposite
            directions.
        open_edges: edges that belong to one face only.
        components: pieces that share no vertex position.
    """

    watertight: bool
    open_edges: int
    components: int


def topology(vertices: ArrayLike, faces: ArrayLike) -> Topology:
    """Watertightness, open edges and connected components of a mesh.

    Files split vertices along texture and normal seams, so positions within 1e-8 of the mesh's
    diagonal count as one vertex first; faces that collapse by it are left out.

    Args:
        vertices: finite positions, (V, 3).
        faces: vertex indices, (F, 3); without any there is no component.

    Raises:
        ArgumentError: no mesh (``arguments.mesh``).

    Example:
        >>> corners = np.eye(3)
        >>> topology(corners, np.array([[0, 1, 2]]))
        Topology(watertight=False, open_edges=3, components=1)
    """
    merged = merge_vertices(*arguments.mesh("vertices", vertices, "faces", faces, least_faces=0))
    a, b, c = merged.T
    merged = merged[(a != b) & (b != c) & (c != a)]
    if not len(merged):
        return Topology(watertight=False, open_edges=0, components=0)
    directed = np.concatenate([merged[:, [0, 1]], merged[:, [1, 2]], merged[:, [2, 0]]])
    size = int(merged.max()) + 1
    begin, end = directed.T
    low, high = np.minimum(begin, end), np.maximum(begin, end)
    edge = low * size + high
    # closed: what runs along an edge one way are the same edges, once each, as the other way
    up, down = np.sort(edge[begin < end]), np.sort(edge[begin > end])
    watertight = np.array_equal(up, down) and bool((up[1:] != up[:-1]).all())
    links = coo_array((np.ones(len(directed)), (low, high)), shape=(size, size))
    _, label = label_components(links, directed=False)
    return Topology(
        watertight=watertight,
        open_edges=0 if watertight else _single(np.sort(edge)),
        components=int(np.count_nonzero(np.bincount(label[merged[:, 0]]))),
    )


def _single(numbers: Int[np.ndarray, "E"]) -> int:
    """How many of some sorted numbers occur once."""
    new = np.concatenate([[True], numbers[1:] != numbers[:-1], [True]])
    return int(np.count_nonzero(new[1:] & new[:-1]))


def is_watertight(vertices: ArrayLike, faces: ArrayLike) -> bool:
    """Whether a mesh is closed and consistently wound; see ``topology``."""
    return topology(vertices, faces).watertight


def connected_components(vertices: ArrayLike, faces: ArrayLike) -> int:
    """Number of pieces that share no vertex position; see ``topology``."""
    return topology(vertices, faces).components


def merge_vertices(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Int[np.ndarray, "F 3"]:
    """Faces over merged vertices: equal positions get equal indices."""
    if not len(faces):
        return np.zeros((0, 3), dtype=np.int64)
    low, high = box_around(used_vertices(vertices, faces))
    step = max(float(np.linalg.norm(high - low)) * _MERGE_SHARE, 1e-300)
    x, y, z = np.rint((vertices - low) / step).T
    # at most 1e8 steps along each axis, so two of them fit into one exact number
    xy = x * _STEPS + y
    order = np.lexsort((z, xy))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(xy[order]) != 0) | (np.diff(z[order]) != 0)
    index = np.zeros(len(order), dtype=np.int64)
    index[order] = np.cumsum(new) - 1
    return index[faces]
