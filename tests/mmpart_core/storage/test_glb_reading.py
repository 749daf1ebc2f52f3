"""GLB of other makers: read as they mean it; broken and unreadable ones are named."""

import base64
import csv
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from mmpart_core.errors import InputError
from mmpart_core.storage.glb import (
    GlbNode,
    decode_glb,
    encode_glb,
)
from mmpart_core.storage.gltf import colors, container
from mmpart_core.storage.gltf.accessors import Buffers
from mmpart_core.storage.gltf.read import decode_document


@pytest.mark.parametrize("keep", [0, 3, 19, 200, -10])
def test_cut_files_are_named(keep: int, cube: Any) -> None:
    data = encode_glb([GlbNode("a", cube())])
    with pytest.raises(InputError, match="GLB"):
        decode_glb(data[:keep])


def test_noise_is_an_input_error(cube: Any, texture: np.ndarray) -> None:
    random = np.random.default_rng(3)
    data = encode_glb([GlbNode("a", cube(uv=np.zeros((8, 2)), texture=texture))])
    refused = 0
    for _ in range(200):
        broken = bytearray(data)
        for place in random.integers(20, len(data), 12):
            broken[place] = int(random.integers(0, 256))
        try:
            decode_glb(bytes(broken))
        except InputError:
            refused += 1
    assert refused > 150  # a changed coordinate or colour is no fault that can be seen


def test_image_bombs_and_deep_nesting_are_refused(cube: Any, texture: np.ndarray) -> None:
    node = GlbNode("a", cube(uv=np.zeros((8, 2)), texture=texture))
    document, binary = container.unpack(encode_glb([node]))
    header = struct.pack(">II5B", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    bomb += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT"
    bomb += struct.pack(">I", zlib.crc32(b"IDAT"))
    uri = f"data:image/png;base64,{base64.b64encode(bomb).decode()}"
    with pytest.raises(InputError, match="image 0 cannot be decoded"):
        decode_glb(container.pack({**document, "images": [{"uri": uri}]}, binary))
    deep = b"[" * 100_000
    data = struct.pack("<4sIIII", b"glTF", 2, 20 + len(deep), len(deep), 0x4E4F534A) + deep
    with pytest.raises(InputError, match="JSON chunk cannot be read"):
        decode_glb(data)


def test_unreadable_extensions_and_outside_files_are_refused(cube: Any) -> None:
    document, binary = container.unpack(encode_glb([GlbNode("a", cube())]))
    draco = {**document, "extensionsRequired": ["KHR_draco_mesh_compression"]}
    with pytest.raises(InputError, match="KHR_draco_mesh_compression"):
        decode_glb(container.pack(draco, binary))
    outside = {**document, "buffers": [{"byteLength": 4, "uri": "scene.bin"}]}
    with pytest.raises(InputError, match=r"scene\.bin"):
        decode_glb(container.pack(outside, binary))
    with pytest.raises(InputError, match="got none"):
        decode_glb(container.pack({**document, "nodes": [], "scenes": [{"nodes": []}]}, binary))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": 10**12}, "1000000000000 elements reach beyond buffer view"),
        ({"count": 2**80}, "elements reach beyond buffer view"),
        ({"count": -1}, "stride"),
        ({"byteOffset": -8}, "stride"),
        ({"count": 10**9, "bufferView": None}, "1000000000 elements that no buffer holds"),
        ({"count": 2**80, "bufferView": None}, "that no buffer holds"),
        ({"count": -5, "bufferView": None}, "-5 elements that no buffer holds"),
        ({"count": 1e400}, "structure is broken"),
        ({"count": "9" * 100_000}, "structure is broken"),
        ({"count": None}, "structure is broken"),
        ({"bufferView": 10**9}, "structure is broken"),
    ],
)
def test_counts_are_checked_before_memory_is_taken(
    cube: Any, change: dict[str, Any], message: str
) -> None:
    document, binary = container.unpack(encode_glb([GlbNode("a", cube())]))
    accessor = {**document["accessors"][0], **change}
    if accessor["bufferView"] is None:
        del accessor["bufferView"]
    document["accessors"][0] = accessor
    tracemalloc.start()
    with pytest.raises(InputError, match=message) as caught:
        decode_document(document, binary)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert len(str(caught.value)) < 400


def test_zeros_without_a_buffer_are_counted_over_the_file(cube: Any) -> None:
    document, binary = container.unpack(encode_glb([GlbNode("a", cube())]))
    zeros = {"componentType": 5126, "type": "VEC3", "count": 4_000_000}
    document["accessors"] += [zeros] * 3
    buffers = Buffers(document, binary)
    first = len(document["accessors"]) - 3
    assert buffers.array(first).shape == (4_000_000, 3)
    with pytest.raises(InputError, match="at most 64000000 bytes"):
        buffers.array(first + 1)


def test_a_stride_of_nothing_is_refused(cube: Any) -> None:
    document, binary = container.unpack(encode_glb([GlbNode("a", cube())]))
    document["bufferViews"][0]["byteStride"] = 0
    document["accessors"][0]["count"] = 10**12
    with pytest.raises(InputError, match="stride 0, at least 12 expected"):
        decode_document(document, binary)


def test_primitives_of_one_mesh_are_joined(two_primitives: Any) -> None:
    plain = {"baseColorFactor": [1.0, 0.0, 0.0, 1.0]}
    (node,) = decode_glb(two_primitives(plain, {"baseColorFactor": [0.0, 0.2158605, 0.0, 1.0]}))
    assert node.name == "both"
    assert len(node.mesh.faces) == 24
    np.testing.assert_array_equal(node.mesh.colors[0], [255, 0, 0, 255])
    np.testing.assert_array_equal(node.mesh.colors[-1], [0, 128, 0, 255])


def test_texture_and_plain_colour_share_an_atlas(texture: np.ndarray, two_primitives: Any) -> None:
    textured = {"baseColorTexture": {"index": 0}, "baseColorFactor": [0.5, 1.0, 1.0, 1.0]}
    plain = {"baseColorFactor": [0.0, 0.2158605, 0.0, 1.0]}
    (node,) = decode_glb(two_primitives(textured, plain))
    mesh = node.mesh
    height, width = mesh.texture.shape[:2]
    texel = mesh.texture[
        ((1 - mesh.uv[:, 1]) * height).astype(int), (mesh.uv[:, 0] * width).astype(int)
    ]
    np.testing.assert_array_equal(texel[-1], [0, 128, 0])
    source = texture[int(0.7 * 8), int(0.2 * 16)].astype(np.uint8)
    red = colors.srgb_from_linear(colors.linear_from_srgb(source[:1]) * 0.5)[0]
    np.testing.assert_array_equal(texel[0], [red, source[1], source[2]])


def test_parents_place_their_children_and_mirrors_turn_faces(cube: Any) -> None:
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


def test_skinned_meshes_follow_their_joints(cube: Any) -> None:
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
