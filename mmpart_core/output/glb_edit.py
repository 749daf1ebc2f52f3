"""Changes a stored GLB without touching its meshes and textures: extras, moves, one node alone.

Geometry and images stay byte for byte what assembly stored; only the JSON chunk changes, and for
one node alone the buffer keeps what that node needs.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mmpart_core.errors import InputError
from mmpart_core.geometry import transforms
from mmpart_core.storage.gltf import container


@dataclass(frozen=True)
class GlbFile:
    """A GLB as its parts: the glTF document and the buffer it points into."""

    document: dict[str, Any]
    binary: bytes

    @classmethod
    def read(cls, data: bytes) -> "GlbFile":
        """Take a GLB apart.

        Raises:
            InputError: not a GLB.
        """
        return cls(*container.unpack(data))

    def to_bytes(self) -> bytes:
        """The GLB; the same bytes every time."""
        return container.pack(self.document, self.binary)


def node_names(glb: GlbFile) -> list[str]:
    """Names of the nodes that carry a mesh, in the file's order."""
    return [node.get("name", "") for node in glb.document.get("nodes", []) if "mesh" in node]


def with_extras(glb: GlbFile, extras: Mapping[str, Mapping[str, Any]]) -> GlbFile:
    """The same scene with extras on its nodes.

    Args:
        glb: the scene.
        extras: node name -> JSON-safe values that become its extras.
    """
    document = copy.deepcopy(glb.document)
    for node in document.get("nodes", []):
        if node.get("name") in extras:
            node["extras"] = dict(extras[node["name"]])
    return GlbFile(document, glb.binary)


def with_moves(glb: GlbFile, names: Sequence[str], offsets: Float[np.ndarray, "K 3"]) -> GlbFile:
    """The same scene with nodes translated.

    Args:
        glb: the scene; the nodes have no parent and no matrix.
        names: names of the nodes to move.
        offsets: one translation per name, +Z-up world.
    """
    document = copy.deepcopy(glb.document)
    moves = dict(zip(names, offsets @ transforms.GLTF_FROM_WORLD[:3, :3].T, strict=True))
    for node in document.get("nodes", []):
        if node.get("name") in moves:
            start = node.get("translation", [0.0, 0.0, 0.0])
            node["translation"] = [
                float(value) for value in np.asarray(start) + moves[node["name"]]
            ]
    return GlbFile(document, glb.binary)


def single_node(glb: GlbFile, name: str) -> GlbFile:
    """One node of a scene, where it stands, with its mesh, material and texture alone.

    Raises:
        InputError: no node of that name carries a mesh.
    """
    source = glb.document
    nodes = [n for n in source.get("nodes", []) if n.get("name") == name and "mesh" in n]
    if not nodes:
        raise InputError(
            f"GLB: no node '{name}' with a mesh; its nodes are {', '.join(node_names(glb))}"
        )
    picker = _Picker(source, glb.binary)
    mesh = copy.deepcopy(source["meshes"][nodes[0]["mesh"]])
    for primitive in mesh["primitives"]:
        primitive["attributes"] = {
            key: picker.take("accessors", index) for key, index in primitive["attributes"].items()
        }
        if "indices" in primitive:
            primitive["indices"] = picker.take("accessors", primitive["indices"])
        if "material" in primitive:
            primitive["material"] = picker.take("materials", primitive["material"])
    return picker.finish({**copy.deepcopy(nodes[0]), "mesh": 0}, mesh)


class _Picker:
    """Copies what is asked for, and what that points at, into a new document."""

    def __init__(self, source: dict[str, Any], binary: bytes) -> None:
        self._source = source
        self._binary = binary
        self._kept: dict[str, list[Any]] = {}
        self._moved: dict[tuple[str, int], int] = {}
        self._buffer = bytearray()

    def take(self, kind: str, index: int) -> int:
        """Copy one entry of a list of the document; gives its new index."""
        if (kind, index) not in self._moved:
            entry = copy.deepcopy(self._source[kind][index])
            self._follow(kind, entry)
            kept = self._kept.setdefault(kind, [])
            kept.append(entry)
            self._moved[kind, index] = len(kept) - 1
        return self._moved[kind, index]

    def _follow(self, kind: str, entry: dict[str, Any]) -> None:
        if kind in ("accessors", "images") and "bufferView" in entry:
            entry["bufferView"] = self.take("bufferViews", entry["bufferView"])
        elif kind == "bufferViews":
            start = entry.get("byteOffset", 0)
            data = self._binary[start : start + entry["byteLength"]]
            entry["byteOffset"] = len(self._buffer)
            self._buffer += data + b"\0" * (-len(data) % 4)
        elif kind == "materials":
            texture = entry.get("pbrMetallicRoughness", {}).get("baseColorTexture")
            if texture is not None:
                texture["index"] = self.take("textures", texture["index"])
        elif kind == "textures":
            entry["source"] = self.take("images", entry["source"])
            if "sampler" in entry:
                entry["sampler"] = self.take("samplers", entry["sampler"])

    def finish(self, node: dict[str, Any], mesh: dict[str, Any]) -> GlbFile:
        """The new document with one node."""
        document = {
            "asset": copy.deepcopy(self._source["asset"]),
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [node],
            "meshes": [mesh],
            **self._kept,
            "buffers": [{"byteLength": len(self._buffer)}],
        }
        return GlbFile(document, bytes(self._buffer))
