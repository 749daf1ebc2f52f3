"""What a surface is: closed or open, in how many pieces."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as label_components

_MERGE_SHARE = 1e-8


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


def topology(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> Topology:
    """Watertightness, open edges and connected components of a mesh.

    Files split vertices along texture and normal seams, so positions within 1e-8 of the mesh's
    diagonal count as one vertex first; faces that collapse by it are left out.

    Args:
        vertices: finite positions.
        faces: vertex indices.

    Example:
        >>> corners = np.eye(3)
        >>> topology(corners, np.array([[0, 1, 2]]))
        Topology(watertight=False, open_edges=3, components=1)
    """
    merged = merge_vertices(vertices, faces)
    alike = (merged == np.roll(merged, 1, axis=1)).any(axis=1)
    merged = merged[~alike]
    if not len(merged):
        return Topology(watertight=False, open_edges=0, components=0)
    directed = np.concatenate([merged[:, [0, 1]], merged[:, [1, 2]], merged[:, [2, 0]]])
    size = int(merged.max()) + 1
    forward = directed[:, 0] < directed[:, 1]
    low, high = directed.min(axis=1), directed.max(axis=1)
    _, edge, uses = np.unique(low * size + high, return_inverse=True, return_counts=True)
    balance = np.bincount(edge.ravel(), weights=np.where(forward, 1.0, -1.0))
    links = coo_array((np.ones(len(directed)), (low, high)), shape=(size, size))
    _, label = label_components(links, directed=False)
    return Topology(
        watertight=bool((uses == 2).all() and (balance == 0).all()),
        open_edges=int((uses == 1).sum()),
        components=len(np.unique(label[merged[:, 0]])),
    )


def is_watertight(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> bool:
    """Whether a mesh is closed and consistently wound; see ``topology``."""
    return topology(vertices, faces).watertight


def connected_components(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> int:
    """Number of pieces that share no vertex position; see ``topology``."""
    return topology(vertices, faces).components


def merge_vertices(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Int[np.ndarray, "F 3"]:
    """Faces over merged vertices: equal positions get equal indices."""
    used = vertices[faces.ravel()]
    if not len(used):
        return np.zeros((0, 3), dtype=np.int64)
    low = used.min(axis=0)
    step = max(float(np.linalg.norm(used.max(axis=0) - low)) * _MERGE_SHARE, 1e-300)
    cells = np.rint((vertices - low) / step)
    order = np.lexsort(cells.T)
    new = np.ones(len(order), dtype=bool)
    new[1:] = (cells[order][1:] != cells[order][:-1]).any(axis=1)
    index = np.zeros(len(order), dtype=np.int64)
    index[order] = np.cumsum(new) - 1
    return index[faces]
