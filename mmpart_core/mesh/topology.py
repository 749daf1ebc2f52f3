"""Closedness and loose pieces, answered by trimesh on meshes welded by position."""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Float, Int

from mmpart_core.geometry.surface import TriangleMesh


@dataclass(frozen=True)
class WeldedSurface:
    """A surface with equal positions made one, and its edges and bodies measured.

    Attributes:
        mesh: the welded arrays.
        open_edges: edges with a face on one side only.
        tangled_edges: edges with more than two faces, or two that are wound against each other.
        areas: of each connected body.
        volumes: signed, of each connected body; negative where its faces look inward.
    """

    mesh: trimesh.Trimesh
    open_edges: int
    tangled_edges: int
    areas: Float[np.ndarray, "B"]
    volumes: Float[np.ndarray, "B"]

    @property
    def closed(self) -> bool:
        """Whether every edge is shared by two faces, alike in winding."""
        return not self.open_edges and not self.tangled_edges


def weld_surface(mesh: TriangleMesh) -> WeldedSurface:
    """Weld a surface and measure what holds it together.

    Args:
        mesh: with at least one face.
    """
    vertices, faces = weld(mesh.vertices, mesh.faces)
    welded = bare(vertices, faces)
    return WeldedSurface(welded, *edge_faults(faces), *body_sizes(welded, body_labels(welded)))


def bare(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]) -> trimesh.Trimesh:
    """A trimesh of exactly these arrays, nothing merged or reordered."""
    return trimesh.Trimesh(vertices, faces, process=False, validate=False)


def weld(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "F 3"]]:
    """Vertices at one place made one; texture seams split them."""
    places, index = np.unique(vertices, axis=0, return_inverse=True)
    return places, index.reshape(-1)[faces]


def is_closed(faces: Int[np.ndarray, "F 3"]) -> bool:
    """Whether every directed edge occurs once and its reverse too: closed, alike in winding."""
    if not len(faces):
        return False
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    count = int(faces.max()) + 1
    forward, backward = np.sort(start * count + end), np.sort(end * count + start)
    return bool((np.diff(forward) > 0).all() and np.array_equal(forward, backward))


def edge_faults(faces: Int[np.ndarray, "F 3"]) -> tuple[int, int]:
    """Edges with one face, and edges with more than two or with two wound against each other."""
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    key = np.minimum(start, end) * (int(faces.max()) + 1) + np.maximum(start, end)
    _, edge, count = np.unique(key, return_inverse=True, return_counts=True)
    balance = np.bincount(edge.reshape(-1), weights=np.where(start < end, 1.0, -1.0))
    return int(np.sum(count == 1)), int(np.sum((count > 2) | ((count == 2) & (balance != 0))))


def body_labels(mesh: trimesh.Trimesh) -> Int[np.ndarray, "F"]:
    """Connected piece of each face, joined over edges."""
    labels = trimesh.graph.connected_component_labels(
        mesh.face_adjacency, node_count=len(mesh.faces)
    )
    return np.asarray(labels, dtype=np.int64)


def body_sizes(
    mesh: trimesh.Trimesh, labels: Int[np.ndarray, "F"]
) -> tuple[Float[np.ndarray, "B"], Float[np.ndarray, "B"]]:
    """Area and signed volume of each piece; the volume of a cavity's wall is negative."""
    areas = np.bincount(labels, weights=mesh.area_faces)
    first, second, third = (mesh.triangles[:, corner] for corner in range(3))
    volumes = np.bincount(
        labels, weights=np.einsum("fi,fi->f", first, np.cross(second, third)) / 6.0
    )
    return areas, volumes
