"""Small meshes and files for the tests of storage."""

from typing import Any

import numpy as np
import pytest
import trimesh

from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage.glb import GlbNode, encode_glb
from mmpart_core.storage.gltf import container


@pytest.fixture
def texture() -> np.ndarray:
    """Noise, RGB."""
    return np.random.default_rng(0).integers(0, 256, (8, 16, 3), dtype=np.uint8)


@pytest.fixture
def cube() -> Any:
    """Makes boxes of 1 x 2 x 3 with eight vertices; arguments as for ``TriangleMesh``."""

    def make(**kwargs: Any) -> TriangleMesh:
        box = trimesh.creation.box((1.0, 2.0, 3.0))
        return TriangleMesh(np.array(box.vertices), np.array(box.faces, dtype=np.int64), **kwargs)

    return make


@pytest.fixture
def two_primitives(cube: Any, texture: np.ndarray) -> Any:
    """Makes a GLB of one node with two primitives of the given materials."""

    def make(first: dict[str, Any], second: dict[str, Any]) -> bytes:
        uv = np.tile([[0.2, 0.3], [0.9, 0.7]], (4, 1))
        document, binary = container.unpack(
            encode_glb([GlbNode("a", cube(uv=uv, texture=texture)), GlbNode("b", cube())])
        )
        document["materials"] = [
            {"pbrMetallicRoughness": first},
            {"pbrMetallicRoughness": second},
        ]
        left, right = (mesh["primitives"][0] for mesh in document["meshes"])
        document["meshes"] = [{"name": "both", "primitives": [left, right]}]
        document["nodes"] = [{"name": "both", "mesh": 0}]
        document["scenes"] = [{"nodes": [0]}]
        return container.pack(document, binary)

    return make
