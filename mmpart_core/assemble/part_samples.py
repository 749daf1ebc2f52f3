"""Coloured surface points of a part, for comparisons that need no rendering."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.shading import SurfaceAppearance, Triangles
from mmpart_core.geometry.surface import TriangleMesh

# A ray that leaves a surface starts this far above it, in part units (the part fits radius 1):
# above rounding in float32, below a voxel of the mesh. By hand.
_LIFT = 2e-3


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

    def first(self, count: int) -> "PartSamples":
        """The first points only; they are in random order."""
        return PartSamples(self.points[:count], self.normals[:count], self.colors[:count])


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


def seen_from(
    scene: RenderScene, samples: PartSamples, eye: Float[np.ndarray, "3"]
) -> Bool[np.ndarray, "P"]:
    """Which points of a part the part itself does not hide from a viewpoint.

    Args:
        scene: the part alone, part frame.
        samples: points on it.
        eye: the viewpoint, part frame.
    """
    towards = eye - samples.points
    towards = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    side = np.sign(np.einsum("pc,pc->p", samples.normals, towards))[:, None]
    start = samples.points + _LIFT * side * samples.normals
    return (scene.cast(start, towards).mesh < 0) & (side[:, 0] > 0)
