"""Drops what a field leaves beside and inside the part, and closes what is open."""

from dataclasses import dataclass

import numpy as np
import trimesh
from jaxtyping import Float, Int

from mmpart_core.errors import BackendError
from mmpart_core.mesh import topology


@dataclass(frozen=True)
class CleanSurface:
    """A surface without floaters and cavities.

    Attributes:
        vertices: float64, part frame.
        faces: int64, turned outward.
        warnings: what was changed beyond the expected.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    warnings: tuple[str, ...] = ()


def clean_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], min_body_share: float
) -> CleanSurface:
    """Keep the bodies that count.

    Args:
        vertices: raw extraction.
        faces: turned outward.
        min_body_share: a body goes when both its area and its volume are below this share of the
            largest body's. Walls of enclosed cavities, which nobody can see, always go.

    Raises:
        BackendError: nothing is left.
    """
    warnings: list[str] = []
    if not topology.is_closed(faces):
        vertices, faces = _close(vertices, faces)
    mesh = topology.bare(vertices, faces)
    labels = topology.body_labels(mesh)
    areas, volumes = topology.body_sizes(mesh, labels)
    if volumes.max(initial=0.0) <= 0.0:
        raise BackendError(
            "surface: expected a solid body, got none with a positive volume; refresh reconstruct"
        )
    share = np.maximum(areas / areas.max(), volumes / volumes.max())
    keep = (volumes > 0.0) & (share >= min_body_share)
    dropped = int(np.count_nonzero(~keep & (volumes > 0.0)))
    if dropped:
        pieces = "1 loose piece" if dropped == 1 else f"{dropped} loose pieces"
        warnings.append(f"{pieces} below {min_body_share:.0%} of the part dropped")
    kept = faces[keep[labels]]
    used, index = np.unique(kept, return_inverse=True)
    return CleanSurface(
        vertices[used].astype(np.float64), index.reshape(-1, 3).astype(np.int64), tuple(warnings)
    )


def _close(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]]:
    """Weld, wind alike and fill small holes."""
    mesh = trimesh.Trimesh(vertices, faces, process=True, validate=True)
    trimesh.repair.fill_holes(mesh)
    trimesh.repair.fix_normals(mesh, multibody=True)
    return np.array(mesh.vertices, dtype=np.float64), np.array(mesh.faces, dtype=np.int64)
