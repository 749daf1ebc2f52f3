"""Triangle meshes in memory."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8


@dataclass(frozen=True)
class TriangleMesh:
    """A triangle mesh with, at most, one texture.

    Attributes:
        vertices: float64 positions, +Z-up frame of whoever holds it.
        faces: int64 vertex indices, counter-clockwise seen from outside.
        uv: float64 texture coordinates per vertex, origin at the bottom left; None without
            texture.
        texture: uint8 sRGB image; None without uv.
        colors: uint8 sRGB RGBA per vertex, used where there is no texture; None for mid grey.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    uv: Float[np.ndarray, "V 2"] | None = None
    texture: UInt8[np.ndarray, "H W C"] | None = None
    colors: UInt8[np.ndarray, "V 4"] | None = None

    def transformed(self, matrix: Float[np.ndarray, "4 4"]) -> "TriangleMesh":
        """The same mesh with an affine transform applied to its vertices."""
        vertices = self.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        return TriangleMesh(vertices, self.faces, self.uv, self.texture, self.colors)
