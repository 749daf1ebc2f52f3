"""What a finished surface must be, measured on the surface itself, and what to say where it is not.

Whoever made the mesh, only its arrays are looked at: positions welded where they are equal, uv and
texture as a viewer gets them. A fault is told with its extent; it is no error, as the part can
still be used.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh import atlas
from mmpart_core.mesh.topology import WeldedSurface

# Quality 4 sqrt(3) area / sum of squared edges, 1 for an equilateral triangle (Bhatia and Lawrence
# 1990). Below 0.1 shading and simulation suffer.
SLIVER_QUALITY = 0.1
MOST_SLIVERS = 0.02
# Bodies smaller than this share of the largest, in area and in volume, are what cleaning or
# decimation has left over.
CRUMB_SHARE = 1e-4
# Charts may share so much of their area: less than a texel in two thousand is their rims' rounding.
MOST_OVERLAP = 5e-4
# As far as bilinear lookup and the first mip levels reach beyond a chart's rim.
SEAM_PX = 2
MOST_UNFILLED = 1e-3
# Faces without a tangent: normal maps cannot be shaded there.
MOST_FLAT_UV = 1e-3


@dataclass(frozen=True)
class SurfaceQuality:
    """Measures of a finished surface; those of the texture are 0 without one.

    Attributes:
        open_edges: edges with a face on one side only.
        tangled_edges: edges with more than two faces, or two that are wound against each other.
        turned_bodies: closed bodies whose faces look inward.
        crumbs: bodies below ``CRUMB_SHARE`` of the largest.
        slivers: share of faces below ``SLIVER_QUALITY``.
        overlap: share of the charts' area that more than one face covers.
        unfilled: share of the texels within ``SEAM_PX`` of a chart that hold no colour of it.
        flat_uv: share of faces whose uv or corners give no tangent.
    """

    open_edges: int
    tangled_edges: int
    turned_bodies: int
    crumbs: int
    slivers: float
    overlap: float = 0.0
    unfilled: float = 0.0
    flat_uv: float = 0.0

    def faults(self) -> tuple[str, ...]:
        """What is not as it should be, in words."""
        edges, pieces = _counted(self.open_edges, "edge"), _counted(self.turned_bodies, "piece")
        told: list[tuple[bool, str]] = [
            (self.open_edges > 0, f"the surface is not closed: {edges} with one face"),
            (
                self.tangled_edges > 0,
                f"the surface is not closed: {_counted(self.tangled_edges, 'edge')} where more "
                "than two faces meet, or two that are wound against each other",
            ),
            (self.turned_bodies > 0, f"{pieces} turned inside out"),
            (
                self.crumbs > 0,
                f"{_counted(self.crumbs, 'loose piece')} below {CRUMB_SHARE:.2%} of the part left",
            ),
            (
                self.slivers > MOST_SLIVERS,
                f"{self.slivers:.1%} of the faces are slivers, at most {MOST_SLIVERS:.0%} expected",
            ),
            (self.overlap > MOST_OVERLAP, f"{self.overlap:.2%} of the texture's charts overlap"),
            (
                self.unfilled > MOST_UNFILLED,
                f"{self.unfilled:.1%} of the texture beside its charts is not filled: seams show",
            ),
            (
                self.flat_uv > MOST_FLAT_UV,
                f"{self.flat_uv:.2%} of the faces have no tangents: their uv have no area",
            ),
        ]
        return tuple(text for found, text in told if found)


def measure_surface(mesh: TriangleMesh, welded: WeldedSurface) -> SurfaceQuality:
    """Measures of a finished surface.

    Args:
        mesh: part frame; uv and texture, or neither.
        welded: the same surface, by ``topology.weld_surface``.
    """
    areas, volumes = welded.areas, welded.volumes
    share = np.maximum(
        areas / max(float(areas.max()), 1e-30), volumes / max(float(volumes.max()), 1e-30)
    )
    quality = SurfaceQuality(
        open_edges=welded.open_edges,
        tangled_edges=welded.tangled_edges,
        turned_bodies=int(np.count_nonzero(volumes < 0)) if not welded.open_edges else 0,
        crumbs=int(np.count_nonzero(share < CRUMB_SHARE)),
        slivers=float(np.mean(triangle_quality(mesh.vertices, mesh.faces) < SLIVER_QUALITY)),
    )
    if mesh.uv is None or mesh.texture is None:
        return quality
    height, width = mesh.texture.shape[:2]
    return replace(
        quality,
        overlap=atlas.overlap(mesh.uv, mesh.faces, (width, height)),
        unfilled=atlas.unfilled(mesh.uv, mesh.faces, mesh.texture, SEAM_PX),
        flat_uv=float(np.mean(~has_tangents(mesh.vertices, mesh.faces, mesh.uv))),
    )


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def triangle_quality(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float[np.ndarray, "F"]:
    """4 sqrt(3) area / sum of squared edges of each face: 1 is equilateral, 0 is flat."""
    corners = vertices[faces]
    edges = np.square(corners - np.roll(corners, 1, axis=1)).sum(axis=(1, 2))
    doubled = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    return 2.0 * np.sqrt(3.0) * doubled / np.maximum(edges, 1e-30)


def has_tangents(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    uv: Float[np.ndarray, "V 2"],
) -> Bool[np.ndarray, "F"]:
    """Whether each face's uv say where u and v run on it.

    The tangent is (dv2 e1 - dv1 e2) / (du1 dv2 - du2 dv1) (Lengyel, "Foundations of Game Engine
    Development 2", 2019, section 7.5); renderers and MikkTSpace compute it in float32, and leave
    out faces where this determinant or the face's area vanishes there.
    """
    at, place = uv.astype(np.float32)[faces], vertices.astype(np.float32)[faces]
    first, second = at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]
    determinant = first[:, 0] * second[:, 1] - second[:, 0] * first[:, 1]
    one, two = place[:, 1] - place[:, 0], place[:, 2] - place[:, 0]
    tangent = second[:, 1:] * one - first[:, 1:] * two
    tiny = np.finfo(np.float32).tiny
    area = np.linalg.norm(np.cross(one, two), axis=1)
    return (np.abs(determinant) > tiny) & (np.linalg.norm(tangent, axis=1) > tiny) & (area > tiny)
