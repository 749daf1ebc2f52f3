"""Vertex normals for shading and for weighing views."""

import numpy as np
from jaxtyping import Float, Int

# Vertices at one place but apart in the index (texture seams) share their normal unless the
# surface bends more than this there: then the maker meant a hard edge.
_HARD_EDGE_COSINE = 0.5
_UP = np.array([0.0, 0.0, 1.0])


def smooth_normals(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float[np.ndarray, "V 3"]:
    """Unit normals per vertex, weighted by the area of the faces around it.

    Returns:
        float64; +Z where a vertex has no face with an area.
    """
    corners = vertices[faces]
    doubled = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    own = _sum_at(faces.reshape(-1), np.repeat(doubled, 3, axis=0), len(vertices))
    _, place = np.unique(vertices, axis=0, return_inverse=True)
    place = place.reshape(-1)
    shared = _unit(_sum_at(place, own, int(place.max()) + 1))[place]
    own = _unit(own)
    smooth = np.sum(own * shared, axis=1, keepdims=True) > _HARD_EDGE_COSINE
    normals = np.where(smooth, shared, own)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(lengths > 0.5, normals, _UP)


def _sum_at(
    index: Int[np.ndarray, "M"], values: Float[np.ndarray, "M 3"], count: int
) -> Float[np.ndarray, "N 3"]:
    columns = [np.bincount(index, values[:, axis], count) for axis in range(3)]
    return np.stack(columns, axis=1)


def _unit(vectors: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(lengths > 0, vectors / np.where(lengths > 0, lengths, 1.0), 0.0)
