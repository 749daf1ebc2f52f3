"""Fewer faces without holes."""

from collections.abc import Iterator

import fast_simplification
import manifold3d
import numpy as np
from jaxtyping import Float, Int

from mmpart_core.mesh import topology

# (share of the wanted faces, aggressiveness) of the tries in turn; quadric decimation does not
# watch topology, and gentler targets keep thin places whole.
_TRIES = ((1.0, 7.0), (1.0, 3.0), (1.5, 5.0), (2.0, 3.0))
_BISECTIONS = 7


def simplify_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], max_faces: int
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """Decimate to about ``max_faces``, keeping a closed surface closed.

    Quadric decimation (Garland and Heckbert 1997) is tried at gentler and gentler settings; when
    each of them opens the surface, manifold3d's edge collapse, which cannot, takes over. It keeps
    more faces where it has to.

    Args:
        vertices: float64 positions.
        faces: turned outward.
        max_faces: wanted number of faces.
    """
    if len(faces) <= max_faces:
        return vertices, faces
    closed = topology.is_closed(faces)
    found = next(_attempts(vertices, faces, max_faces, closed), None)
    if found is None:
        found = _collapse(vertices, faces, max_faces)
    return found


def _attempts(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    max_faces: int,
    must_close: bool,
) -> Iterator[tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]]:
    bodies = _body_count(vertices, faces)
    for share, aggressiveness in _TRIES:
        target = int(max_faces * share)
        if target >= len(faces):
            return
        reduced = fast_simplification.simplify(
            vertices, faces, target_count=target, agg=aggressiveness
        )
        points, triangles = _without_unused(
            np.asarray(reduced[0], dtype=np.float64), np.asarray(reduced[1], dtype=np.int64)
        )
        intact = topology.is_closed(topology.weld(points, triangles)[1])
        if not must_close or (intact and _body_count(points, triangles) == bodies):
            yield points, triangles


def _collapse(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], max_faces: int
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """manifold3d's collapse at the smallest tolerance that reaches the target, if one does."""
    solid = manifold3d.Manifold(
        manifold3d.Mesh(vertices.astype(np.float32), faces.astype(np.uint32))
    )
    if solid.status() != manifold3d.Error.NoError:
        return vertices, faces
    low, high = 0.0, 0.02 * float(np.ptp(vertices, axis=0).max())
    best = solid.simplify(high)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        tried = solid.simplify(middle)
        if tried.num_tri() <= max_faces:
            best, high = tried, middle
        else:
            low = middle
    mesh = best.to_mesh()
    return (
        np.asarray(mesh.vert_properties, dtype=np.float64)[:, :3],
        np.asarray(mesh.tri_verts, dtype=np.int64),
    )


def _body_count(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> int:
    return int(topology.body_labels(topology.bare(vertices, faces)).max(initial=-1)) + 1


def _without_unused(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "F 3"]]:
    used, index = np.unique(faces, return_inverse=True)
    return vertices[used], index.reshape(-1, 3).astype(np.int64)
