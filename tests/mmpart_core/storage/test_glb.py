"""GLB: what goes in comes out, and other readers see the same."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from mmpart_core.errors import BlobCorruptError, GeometryError, InputError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage.glb import (
    GlbNode,
    decode_glb,
    encode_glb,
    get_mesh,
    put_mesh,
    put_scene,
)
from mmpart_core.storage.gltf import colors, container
from mmpart_core.storage.gltf.read import DocumentReader
from mmpart_core.storage.memory_store import MemoryStore


def pose() -> np.ndarray:
    matrix = transforms.rotation_z(33.0)
    matrix[:3, :3] *= 0.7
    matrix[:3, 3] = (0.1, -2.0, 3.5)
    return matrix


def test_names_transform_and_extras_survive(cube: Any) -> None:
    nodes = [
        GlbNode("帽子 / hat 🎩", cube(), pose(), {"confidence": 0.5, "note": "a"}),
        GlbNode("body", cube()),
    ]
    data = encode_glb(nodes)
    document = container.unpack(data)[0]
    for kind in ("nodes", "meshes", "materials"):
        assert [entry["name"] for entry in document[kind]] == ["帽子 / hat 🎩", "body"]
    assert set(document["nodes"][0]) >= {"translation", "rotation", "scale"}
    hat, body = decode_glb(data)
    assert hat.name == "帽子 / hat 🎩"
    assert hat.extras == {"confidence": 0.5, "note": "a"}
    np.testing.assert_allclose(hat.world_from_node, pose(), atol=1e-12)
    np.testing.assert_allclose(hat.mesh.vertices, cube().vertices, atol=1e-6)
    np.testing.assert_array_equal(body.world_from_node, np.eye(4))
    np.testing.assert_array_equal(body.mesh.faces, cube().faces)


def test_z_up_becomes_y_up(cube: Any) -> None:
    stored = trimesh.load(
        trimesh.util.wrap_as_stream(encode_glb([GlbNode("box", cube())])), file_type="glb"
    )
    np.testing.assert_allclose(stored.extents, (2.0, 3.0, 1.0), atol=1e-6)


def test_equal_input_gives_equal_bytes(cube: Any, texture: np.ndarray) -> None:
    node = GlbNode("a", cube(uv=np.full((8, 2), 0.25), texture=texture), pose(), {"b": 1, "a": 2})
    again = GlbNode("a", cube(uv=np.full((8, 2), 0.25), texture=texture), pose(), {"a": 2, "b": 1})
    assert encode_glb([node]) == encode_glb([again])


def test_texture_and_uv_are_exact(cube: Any, texture: np.ndarray) -> None:
    uv = np.random.default_rng(1).random((8, 2))
    (node,) = decode_glb(encode_glb([GlbNode("a", cube(uv=uv, texture=texture))]))
    np.testing.assert_array_equal(node.mesh.texture, texture)
    np.testing.assert_allclose(node.mesh.uv, uv, atol=1e-6)


def test_another_reader_sees_the_same_texel(cube: Any, texture: np.ndarray) -> None:
    """trimesh counts v from the bottom too: the corner texel must be at uv (0, 0)."""
    uv = np.tile([0.0, 0.0], (8, 1))
    data = encode_glb([GlbNode("a", cube(uv=uv, texture=texture))])
    scene = trimesh.load(trimesh.util.wrap_as_stream(data), file_type="glb", process=False)
    visual = next(iter(scene.geometry.values())).visual
    np.testing.assert_allclose(visual.uv, uv, atol=1e-6)
    np.testing.assert_array_equal(
        np.asarray(visual.material.baseColorTexture.convert("RGB"))[-1, 0], texture[-1, 0]
    )


def test_every_srgb_value_survives_linear_vertex_colours() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
    vertices = np.random.default_rng(2).random((256, 3))
    faces = np.arange(255).reshape(-1, 3)
    mesh = TriangleMesh(vertices, faces, colors=ramp)
    data = encode_glb([GlbNode("a", mesh)])
    (node,) = decode_glb(data)
    np.testing.assert_array_equal(node.mesh.colors[:, :3], ramp[:, :3])
    np.testing.assert_array_equal(node.mesh.colors[:, 3], ramp[:, 3])
    accessor = container.unpack(data)[0]["accessors"][-2]
    assert accessor["type"] == "VEC4"
    assert accessor["normalized"]


def test_srgb_curve_at_known_points() -> None:
    linear = colors.linear_from_srgb(np.array([0, 10, 128, 188, 255], dtype=np.uint8))
    np.testing.assert_allclose(linear, [0.0, 0.0030353, 0.2158605, 0.5028865, 1.0], atol=1e-6)


def test_normals_are_smooth_over_seams_and_hard_at_edges() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    soup = np.array(ball.vertices)[np.array(ball.faces)].reshape(-1, 3)
    faces = np.arange(len(soup)).reshape(-1, 3)
    document, binary = container.unpack(encode_glb([GlbNode("a", TriangleMesh(soup, faces))]))
    normals = DocumentReader(document, binary)._buffers.floats(1)
    positions = DocumentReader(document, binary)._buffers.floats(0)
    assert np.abs(normals - positions).max() < 0.02
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-6)


def test_double_names_empty_meshes_and_bad_values_are_refused(cube: Any) -> None:
    with pytest.raises(InputError, match="'a' stand there more"):
        encode_glb([GlbNode("a", cube()), GlbNode("a", cube())])
    with pytest.raises(InputError, match="at least one part"):
        encode_glb([])
    with pytest.raises(InputError, match="JSON-safe"):
        encode_glb([GlbNode("a", cube(), extras={"x": float("nan")})])
    empty = TriangleMesh(np.zeros((3, 3)), np.zeros((0, 3), dtype=np.int64))
    with pytest.raises(GeometryError, match="empty mesh"):
        encode_glb([GlbNode("a", empty)])
    broken = TriangleMesh(np.full((3, 3), np.nan), np.array([[0, 1, 2]]))
    with pytest.raises(GeometryError, match="not finite"):
        encode_glb([GlbNode("a", broken)])


def test_container_is_padded_and_sorted() -> None:
    data = container.pack({"b": 1, "a": "ä"}, b"xyz")
    length = struct.unpack_from("<I", data, 12)[0]
    assert len(data) % 4 == 0
    assert json.loads(data[20 : 20 + length]) == {"a": "ä", "b": 1}
    assert container.unpack(data)[1] == b"xyz\0"


def test_images_are_decoded_to_rgba_once(tmp_path: Path, cube: Any, texture: np.ndarray) -> None:
    uv = np.zeros((8, 2))
    nodes = [GlbNode(name, cube(uv=uv, texture=texture)) for name in "ab"]
    document = container.unpack(encode_glb(nodes))[0]
    assert len(document["images"]) == 1
    path = tmp_path / "image.png"
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    binary = container.unpack(encode_glb(nodes))[1]
    path.write_bytes(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])
    np.testing.assert_array_equal(np.asarray(Image.open(path)), texture)


def test_store_keeps_meshes_and_counts(cube: Any) -> None:
    store = MemoryStore()
    ref = put_mesh(store, "a", cube())
    assert (ref.vertices, ref.faces, ref.media) == (8, 12, "model/gltf-binary")
    np.testing.assert_allclose(get_mesh(store, ref).vertices, cube().vertices, atol=1e-6)
    scene = put_scene(store, [GlbNode("a", cube()), GlbNode("b", cube())])
    assert (scene.vertices, scene.faces) == (16, 24)
    with pytest.raises(BlobCorruptError, match="one mesh, got 2"):
        get_mesh(store, scene)
