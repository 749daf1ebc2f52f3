"""Fewer faces without holes."""

import threading
from collections.abc import Iterator

import fast_simplification
import manifold3d
import numpy as np
from jaxtyping import Float, Int

from mmpart_core.mesh import topology
from mmpart_core.mesh.clean import clean_surface
from mmpart_core.mesh.mend import mend_surface

# (share of the wanted faces, aggressiveness) of the tries in turn.
_TRIES = ((1.0, 5.0), (1.5, 3.0))
_MOST_VOLUME_LOST = 0.1
_CRUMB_SHARE = 1e-4
_BISECTIONS = 7
# fast_simplification works in global variables, filled and read by separate calls: two threads at
# once get each other's meshes.
_decimation_lock = threading.Lock()


def simplify_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], max_faces: int
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """Decimate to about ``max_faces``, keeping a closed surface closed.

    Quadric decimation (Garland and Heckbert 1997) does not watch topology: on bumpy surfaces it
    presses a few sheets together, which ``mend_surface`` takes apart again. Where that fails
    too, manifold3d's edge collapse, which keeps topology but looks worse, takes over, and
    keeps more faces where it has to.

    Args:
        vertices: float64 positions.
        faces: turned outward.
        max_faces: wanted number of faces.
    """
    if len(faces) <= max_faces:
        return vertices, faces
    closed = topology.is_closed(faces)
    found = next(_attempts(vertices, faces, max_faces, closed), None)
    return _collapse(vertices, faces, max_faces) if found is None else found


def _attempts(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    max_faces: int,
    must_close: bool,
) -> Iterator[tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]]:
    volume = topology.bare(vertices, faces).volume
    for share, aggressiveness in _TRIES:
        target = int(max_faces * share)
        if target >= len(faces):
            return
        points, triangles = decimate(vertices, faces, target, aggressiveness)
        if not must_close:
            yield points, triangles
            continue
        mended = _closed(points, triangles)
        if mended is None:
            continue
        if abs(topology.bare(*mended).volume - volume) <= _MOST_VOLUME_LOST * abs(volume):
            yield mended


def decimate(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    target_faces: int,
    aggressiveness: float,
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """Quadric decimation, whatever it does to topology; one thread at a time.

    Args:
        vertices: float64 positions.
        faces: turned outward.
        target_faces: wanted number of faces.
        aggressiveness: how fast the allowed error grows, 0 to 10.
    """
    with _decimation_lock:
        reduced = fast_simplification.simplify(
            vertices, faces, target_count=target_faces, agg=aggressiveness
        )
    return _without_unused(
        np.asarray(reduced[0], dtype=np.float64), np.asarray(reduced[1], dtype=np.int64)
    )


def _closed(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]] | None:
    """The surface if it is closed, mended if it can be, without the crumbs of mending."""
    if topology.is_closed(topology.weld(vertices, faces)[1]):
        return vertices, faces
    mended = mend_surface(vertices, faces)
    if mended is None:
        return None
    clean = clean_surface(*mended, _CRUMB_SHARE)
    return clean.vertices, clean.faces


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


def _without_unused(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "F 3"]]:
    used, index = np.unique(faces, return_inverse=True)
    return vertices[used], index.reshape(-1, 3).astype(np.int64)
