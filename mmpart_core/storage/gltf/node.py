"""One named mesh of a scene."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from mmpart_core.geometry.surface import TriangleMesh


@dataclass(frozen=True)
class GlbNode:
    """A named node with one mesh.

    Attributes:
        name: name of the node, its mesh and its material; any Unicode.
        mesh: the surface in the node's own frame, +Z up.
        world_from_node: float64 affine transform into the scene's +Z-up world.
        extras: JSON-safe values kept on the node.
    """

    name: str
    mesh: TriangleMesh
    world_from_node: Float[np.ndarray, "4 4"] = field(default_factory=lambda: np.eye(4))
    extras: Mapping[str, Any] = field(default_factory=dict)

    def world_mesh(self) -> TriangleMesh:
        """The mesh in world axes; faces turned where the transform mirrors."""
        if np.array_equal(self.world_from_node, np.eye(4)):
            return self.mesh
        mesh = self.mesh.transformed(self.world_from_node)
        if np.linalg.det(self.world_from_node[:3, :3]) < 0:
            faces = np.ascontiguousarray(mesh.faces[:, ::-1])
            return TriangleMesh(mesh.vertices, faces, mesh.uv, mesh.texture, mesh.colors)
        return mesh
