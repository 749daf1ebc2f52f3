"""GLB: what goes in comes out, files of other makers are read, broken ones are named."""

import csv
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

TEXTURE = np.random.default_rng(0).integers(0, 256, (8, 16, 3), dtype=np.uint8)


def cube(**kwargs: Any) -> TriangleMesh:
    box = trimesh.creation.box((1.0, 2.0, 3.0))
    return TriangleMesh(np.array(box.vertices), np.array(box.faces, dtype=np.int64), **kwargs)


def document_of(data: bytes) -> dict[str, Any]:
    return container.unpack(data)[0]


def pose() -> np.ndarray:
    matrix = transforms.rotation_z(33.0) @ np.diag([1.0, 1.0, 1.0, 1.0])
    matrix[:3, :3] *= 0.7
    matrix[:3, 3] = (0.1, -2.0, 3.5)
    return matrix


def test_names_transform_and_extras_survive() -> None:
    nodes = [
        GlbNode("帽子 / hat 🎩", cube(), pose(), {"confidence": 0.5, "note": "a"}),
        GlbNode("body", cube()),
    ]
    data = encode_glb(nodes)
    document = document_of(data)
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


def test_z_up_becomes_y_up() -> None:
    stored = trimesh.load(
        trimesh.util.wrap_as_stream(encode_glb([GlbNode("box", cube())])), file_type="glb"
    )
    np.testing.assert_allclose(stored.extents, (2.0, 3.0, 1.0), atol=1e-6)


def test_equal_input_gives_equal_bytes() -> None:
    node = GlbNode("a", cube(uv=np.full((8, 2), 0.25), texture=TEXTURE), pose(), {"b": 1, "a": 2})
    again = GlbNode("a", cube(uv=np.full((8, 2), 0.25), texture=TEXTURE), pose(), {"a": 2, "b": 1})
    assert encode_glb([node]) == encode_glb([again])


def test_texture_and_uv_are_exact() -> None:
    uv = np.random.default_rng(1).random((8, 2))
    (node,) = decode_glb(encode_glb([GlbNode("a", cube(uv=uv, texture=TEXTURE))]))
    np.testing.assert_array_equal(node.mesh.texture, TEXTURE)
    np.testing.assert_allclose(node.mesh.uv, uv, atol=1e-6)


def test_another_reader_sees_the_same_texel() -> None:
    """trimesh counts v from the bottom too: the corner texel must be at uv (0, 0)."""
    uv = np.tile([0.0, 0.0], (8, 1))
    data = encode_glb([GlbNode("a", cube(uv=uv, texture=TEXTURE))])
    scene = trimesh.load(trimesh.util.wrap_as_stream(data), file_type="glb", process=False)
    visual = next(iter(scene.geometry.values())).visual
    np.testing.assert_allclose(visual.uv, uv, atol=1e-6)
    np.testing.assert_array_equal(
        np.asarray(visual.material.baseColorTexture.convert("RGB"))[-1, 0], TEXTURE[-1, 0]
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
    accessor = document_of(data)["accessors"][-2]
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


def test_double_names_empty_meshes_and_bad_values_are_refused() -> None:
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


@pytest.mark.parametrize("keep", [0, 3, 19, 200, -10])
def test_cut_files_are_named(keep: int) -> None:
    data = encode_glb([GlbNode("a", cube())])
    with pytest.raises(InputError, match="GLB"):
        decode_glb(data[:keep])


def test_noise_is_an_input_error() -> None:
    random = np.random.default_rng(3)
    data = encode_glb([GlbNode("a", cube(uv=np.zeros((8, 2)), texture=TEXTURE))])
    for _ in range(200):
        broken = bytearray(data)
        for place in random.integers(20, len(data), 12):
            broken[place] = int(random.integers(0, 256))
        try:
            decode_glb(bytes(broken))
        except InputError:
            continue


def test_unreadable_extensions_and_outside_files_are_refused() -> None:
    document, binary = container.unpack(encode_glb([GlbNode("a", cube())]))
    draco = {**document, "extensionsRequired": ["KHR_draco_mesh_compression"]}
    with pytest.raises(InputError, match="KHR_draco_mesh_compression"):
        decode_glb(container.pack(draco, binary))
    outside = {**document, "buffers": [{"byteLength": 4, "uri": "scene.bin"}]}
    with pytest.raises(InputError, match=r"scene\.bin"):
        decode_glb(container.pack(outside, binary))
    with pytest.raises(InputError, match="got none"):
        decode_glb(container.pack({**document, "nodes": [], "scenes": [{"nodes": []}]}, binary))


def two_primitives(first: dict[str, Any], second: dict[str, Any]) -> bytes:
    """One node with two primitives of the given materials."""
    uv = np.tile([[0.2, 0.3], [0.9, 0.7]], (4, 1))
    document, binary = container.unpack(
        encode_glb([GlbNode("a", cube(uv=uv, texture=TEXTURE)), GlbNode("b", cube())])
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


def test_primitives_of_one_mesh_are_joined() -> None:
    plain = {"baseColorFactor": [1.0, 0.0, 0.0, 1.0]}
    (node,) = decode_glb(two_primitives(plain, {"baseColorFactor": [0.0, 0.2158605, 0.0, 1.0]}))
    assert node.name == "both"
    assert len(node.mesh.faces) == 24
    np.testing.assert_array_equal(node.mesh.colors[0], [255, 0, 0, 255])
    np.testing.assert_array_equal(node.mesh.colors[-1], [0, 128, 0, 255])


def test_texture_and_plain_colour_share_an_atlas() -> None:
    textured = {"baseColorTexture": {"index": 0}, "baseColorFactor": [0.5, 1.0, 1.0, 1.0]}
    plain = {"baseColorFactor": [0.0, 0.2158605, 0.0, 1.0]}
    (node,) = decode_glb(two_primitives(textured, plain))
    mesh = node.mesh
    height, width = mesh.texture.shape[:2]
    texel = mesh.texture[
        ((1 - mesh.uv[:, 1]) * height).astype(int), (mesh.uv[:, 0] * width).astype(int)
    ]
    np.testing.assert_array_equal(texel[-1], [0, 128, 0])
    source = TEXTURE[int(0.7 * 8), int(0.2 * 16)].astype(np.uint8)
    red = colors.srgb_from_linear(colors.linear_from_srgb(source[:1]) * 0.5)[0]
    np.testing.assert_array_equal(texel[0], [red, source[1], source[2]])


def test_parents_place_their_children_and_mirrors_turn_faces() -> None:
    document, binary = container.unpack(encode_glb([GlbNode("a", cube())]))
    document["nodes"] = [
        {"name": "root", "translation": [0.0, 5.0, 0.0], "children": [1]},
        {"name": "mirror", "scale": [-2.0, 2.0, 2.0], "mesh": 0},
    ]
    (node,) = decode_glb(container.pack(document, binary))
    world = node.world_mesh()
    solid = trimesh.Trimesh(world.vertices, world.faces, process=False)
    assert solid.volume == pytest.approx(6.0 * 8.0, rel=1e-6)
    np.testing.assert_allclose(world.vertices.mean(axis=0), [0.0, 0.0, 5.0], atol=1e-6)


def test_strips_quantised_positions_and_unnamed_nodes() -> None:
    positions = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0], [255, 255, 0]], dtype=np.uint8)
    padded = np.concatenate([positions, np.zeros((4, 1), np.uint8)], axis=1).tobytes()
    document = {
        "asset": {"version": "2.0"},
        "extensionsRequired": ["KHR_mesh_quantization"],
        "nodes": [{"mesh": 0}, {"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 5}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5121, "normalized": True, "count": 4, "type": "VEC3"}
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 16, "byteStride": 4}],
        "buffers": [{"byteLength": 16}],
    }
    first, second = decode_glb(container.pack(document, padded))
    assert (first.name, second.name) == ("node_0", "node_1")
    corners = first.mesh.vertices[first.mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    np.testing.assert_allclose(normals, [[1.0, 0.0, 0.0]] * 2, atol=1e-12)
    np.testing.assert_array_equal(first.mesh.colors[0], [255, 255, 255, 255])


def test_skinned_meshes_follow_their_joints() -> None:
    document, binary = container.unpack(encode_glb([GlbNode("a", cube())]))
    joints = np.zeros((8, 4), np.uint8).tobytes()
    weights = np.tile(np.float32([1, 0, 0, 0]), (8, 1)).tobytes()
    start = len(binary)
    document["buffers"] = [{"byteLength": start + len(joints) + len(weights)}]
    document["bufferViews"] += [
        {"buffer": 0, "byteOffset": start, "byteLength": len(joints)},
        {"buffer": 0, "byteOffset": start + len(joints), "byteLength": len(weights)},
    ]
    views, accessors = len(document["bufferViews"]), len(document["accessors"])
    document["accessors"] += [
        {"bufferView": views - 2, "componentType": 5121, "count": 8, "type": "VEC4"},
        {"bufferView": views - 1, "componentType": 5126, "count": 8, "type": "VEC4"},
    ]
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    attributes |= {"JOINTS_0": accessors, "WEIGHTS_0": accessors + 1}
    document["skins"] = [{"joints": [1]}]
    document["nodes"] = [
        {"name": "a", "mesh": 0, "skin": 0, "translation": [9.0, 9.0, 9.0]},
        {"name": "bone", "translation": [0.0, 0.0, 4.0]},
    ]
    document["scenes"] = [{"nodes": [0, 1]}]
    (node,) = decode_glb(container.pack(document, binary + joints + weights))
    np.testing.assert_allclose(node.world_mesh().vertices.mean(axis=0), [4.0, 0, 0], atol=1e-6)


def test_store_keeps_meshes_and_counts() -> None:
    store = MemoryStore()
    ref = put_mesh(store, "a", cube())
    assert (ref.vertices, ref.faces, ref.media) == (8, 12, "model/gltf-binary")
    np.testing.assert_allclose(get_mesh(store, ref).vertices, cube().vertices, atol=1e-6)
    scene = put_scene(store, [GlbNode("a", cube()), GlbNode("b", cube())])
    assert (scene.vertices, scene.faces) == (16, 24)
    with pytest.raises(BlobCorruptError, match="one mesh, got 2"):
        get_mesh(store, scene)


def test_all_artists_files_are_read_with_their_names(shared_data: Path) -> None:
    manifest = (shared_data / "objects" / "manifest.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(manifest.splitlines()))
    assert rows
    for row in rows:
        nodes = decode_glb((shared_data / "objects" / f"{row['slug']}.glb").read_bytes())
        assert sorted(node.name for node in nodes) == sorted(row["parts"].split("|")), row["slug"]
        assert sum(len(node.mesh.faces) for node in nodes) == int(row["faces"]), row["slug"]
        lowest = np.min([node.world_mesh().vertices.min(axis=0) for node in nodes], axis=0)
        stated = [float(value) for value in row["bbox_min"].split()]
        np.testing.assert_allclose(lowest[[1, 2, 0]], stated, rtol=1e-3, atol=1e-4)
        for before, after in zip(nodes, decode_glb(encode_glb(nodes)), strict=True):
            np.testing.assert_array_equal(before.mesh.faces, after.mesh.faces)
            if before.mesh.texture is not None:
                np.testing.assert_array_equal(before.mesh.texture, after.mesh.texture)
            else:
                np.testing.assert_array_equal(before.mesh.colors, after.mesh.colors)


def test_container_is_padded_and_sorted() -> None:
    data = container.pack({"b": 1, "a": "ä"}, b"xyz")
    length = struct.unpack_from("<I", data, 12)[0]
    assert len(data) % 4 == 0
    assert json.loads(data[20 : 20 + length]) == {"a": "ä", "b": 1}
    assert container.unpack(data)[1] == b"xyz\0"


def test_images_are_decoded_to_rgba_once(tmp_path: Path) -> None:
    uv = np.zeros((8, 2))
    nodes = [GlbNode(name, cube(uv=uv, texture=TEXTURE)) for name in "ab"]
    document = document_of(encode_glb(nodes))
    assert len(document["images"]) == 1
    path = tmp_path / "image.png"
    view = document["bufferViews"][document["images"][0]["bufferView"]]
    binary = container.unpack(encode_glb(nodes))[1]
    path.write_bytes(binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]])
    np.testing.assert_array_equal(np.asarray(Image.open(path)), TEXTURE)
