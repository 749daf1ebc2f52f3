"""Coloured surface points of a part."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mmpart_core.geometry.shading import SurfaceAppearance, Triangles
from mmpart_core.geometry.surface import TriangleMesh


@dataclass(frozen=True)
class PartSamples:
    """Points spread evenly over a surface.

    Attributes:
        points: positions, frame of the mesh.
        normals: unit normals of the faces they lie on.
        colors: sRGB in [0, 1].
    """

    points: Float[np.ndarray, "P 3"]
    normals: Float[np.ndarray, "P 3"]
    colors: Float[np.ndarray, "P 3"]


def sample_part(mesh: TriangleMesh, count: int, seed: int) -> PartSamples:
    """Points on a mesh, in proportion to area, with the colour they have there.

    Args:
        mesh: the surface.
        count: how many.
        seed: the choice follows from it.
    """
    triangles = Triangles.of([mesh])
    corners = triangles.vertices[triangles.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    random = np.random.default_rng(seed)
    faces = random.choice(len(area), size=count, p=area / area.sum())
    # Uniform barycentric weights: fold the square along its diagonal.
    u, v = random.random(count), random.random(count)
    u, v = np.where(u + v > 1.0, 1.0 - u, u), np.where(u + v > 1.0, 1.0 - v, v)
    weights = np.stack([1.0 - u - v, u, v], axis=-1)
    points = np.einsum("pk,pkc->pc", weights, corners[faces])
    normals = cross[faces] / np.maximum(area[faces, None], 1e-12)
    colors = SurfaceAppearance([mesh], triangles).base_color(faces, weights)[:, :3]
    return PartSamples(points, normals, colors.astype(np.float64))
