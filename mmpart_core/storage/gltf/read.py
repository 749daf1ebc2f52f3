"""A glTF document to named meshes in +Z-up axes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from mmpart_core.errors import InputError
from mmpart_core.geometry import transforms
from mmpart_core.quoting import quoted_list, shortened
from mmpart_core.storage.gltf.accessors import Buffers
from mmpart_core.storage.gltf.appearance import read_appearance
from mmpart_core.storage.gltf.merge import Primitive, merge_primitives
from mmpart_core.storage.gltf.node import GlbNode

_READABLE_EXTENSIONS = {
    "EXT_texture_webp",
    "KHR_lights_punctual",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_unlit",
    "KHR_mesh_quantization",
    "KHR_texture_transform",
}
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
# What a document raises whose values are of other kinds or sizes than the specification allows.
_BROKEN = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)


class DocumentReader:
    """Reads the nodes of one document."""

    def __init__(self, document: dict[str, Any], binary: bytes) -> None:
        self._document = document
        self._buffers = Buffers(document, binary)
        self._world: dict[int, Float[np.ndarray, "4 4"]] = dict(_world_matrices(document))

    def nodes(self) -> list[GlbNode]:
        """All nodes with triangles, in the document's order; names made unique."""
        taken: set[str] = set()
        found: list[GlbNode] = []
        for index in sorted(self._world):
            entry = self._document["nodes"][index]
            if "mesh" not in entry:
                continue
            node = self._node(entry, index, taken)
            if node is not None:
                taken.add(node.name)
                found.append(node)
        return found

    def _node(self, entry: dict[str, Any], index: int, taken: set[str]) -> GlbNode | None:
        mesh_entry = self._document["meshes"][entry["mesh"]]
        primitives = [
            primitive
            for raw in mesh_entry["primitives"]
            if (primitive := self._primitive(raw, entry.get("skin"))) is not None
        ]
        if not primitives:
            return None
        # A skinned mesh is placed by its joints alone (specification, section 3.7.3.3).
        matrix = np.eye(4) if "skin" in entry else self._world[index]
        mesh = merge_primitives(primitives)
        if np.linalg.det(matrix[:3, :3]) < 0:
            mesh, matrix = GlbNode("", mesh, matrix).world_mesh(), np.eye(4)
        name = entry.get("name") or mesh_entry.get("name") or f"node_{index}"
        extras = entry.get("extras", {})
        return GlbNode(
            name=_unique(name, taken),
            mesh=mesh,
            world_from_node=matrix,
            extras=extras if isinstance(extras, dict) else {"extras": extras},
        )

    def _primitive(self, raw: dict[str, Any], skin: int | None) -> Primitive | None:
        mode = raw.get("mode", _TRIANGLES)
        if mode not in (_TRIANGLES, _STRIP, _FAN):
            return None
        positions = self._buffers.floats(raw["attributes"]["POSITION"])
        if skin is not None:
            positions = self._skinned(positions, raw["attributes"], skin)
        order = (
            self._buffers.array(raw["indices"]).astype(np.int64)
            if "indices" in raw
            else np.arange(len(positions))
        )
        faces = _triangles(order, mode)
        if not len(faces):
            return None
        if faces.max() >= len(positions):
            raise InputError("GLB: a face names a vertex that does not exist; export it again")
        appearance = read_appearance(self._document, self._buffers, raw, len(positions))
        vertices = positions @ transforms.WORLD_FROM_GLTF[:3, :3].T
        return Primitive(vertices, faces, appearance)

    def _skinned(
        self, positions: Float[np.ndarray, "V 3"], attributes: dict[str, Any], skin: int
    ) -> Float[np.ndarray, "V 3"]:
        """Positions in the pose that the joints stand in."""
        entry = self._document["skins"][skin]
        joints = np.stack([_gltf_matrix(self._world, joint) for joint in entry["joints"]])
        if "inverseBindMatrices" in entry:
            stored = self._buffers.floats(entry["inverseBindMatrices"])
            joints = joints @ stored.reshape(-1, 4, 4).transpose(0, 2, 1)
        weights = self._buffers.floats(attributes["WEIGHTS_0"])
        weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
        which = self._buffers.array(attributes["JOINTS_0"]).astype(np.int64)
        blended = np.einsum("vj,vjab->vab", weights, joints[which])
        return np.einsum("vab,vb->va", blended[:, :3, :3], positions) + blended[:, :3, 3]


def decode_document(document: dict[str, Any], binary: bytes) -> list[GlbNode]:
    """All meshes of a document; see ``storage.glb.decode_glb``."""
    unknown = sorted(set(document.get("extensionsRequired", [])) - _READABLE_EXTENSIONS)
    if unknown:
        raise InputError(
            f"GLB: it needs {quoted_list(unknown)}, which is not read here; export it without "
            "compression or extensions"
        )
    try:
        nodes = DocumentReader(document, binary).nodes()
    except _BROKEN as error:
        raise InputError(
            f"GLB: its structure is broken ({type(error).__name__}: {shortened(str(error))}); "
            "export it again"
        ) from error
    if not nodes:
        raise InputError("GLB: expected at least one mesh with triangles, got none")
    if not all(np.isfinite(node.world_mesh().vertices).all() for node in nodes):
        raise InputError("GLB: a vertex is not at a finite position; export it again")
    return nodes


def _world_matrices(
    document: dict[str, Any],
) -> Iterator[tuple[int, Float[np.ndarray, "4 4"]]]:
    """World matrix of each node of the scene, +Z-up axes on both sides."""
    entries = document.get("nodes", [])
    scenes = document.get("scenes", [])
    if scenes:
        roots = scenes[document.get("scene", 0)].get("nodes", [])
    else:
        children = {child for entry in entries for child in entry.get("children", [])}
        roots = [index for index in range(len(entries)) if index not in children]
    waiting = [(root, np.eye(4)) for root in roots]
    seen: set[int] = set()
    while waiting:
        index, parent = waiting.pop()
        if index in seen:
            raise InputError(f"GLB: node {index} has two parents; export it again")
        seen.add(index)
        matrix = parent @ _local_matrix(entries[index])
        yield index, transforms.WORLD_FROM_GLTF @ matrix @ transforms.GLTF_FROM_WORLD
        waiting += [(child, matrix) for child in entries[index].get("children", [])]


def _gltf_matrix(
    world: dict[int, Float[np.ndarray, "4 4"]], index: int
) -> Float[np.ndarray, "4 4"]:
    return transforms.GLTF_FROM_WORLD @ world[index] @ transforms.WORLD_FROM_GLTF


def _local_matrix(entry: dict[str, Any]) -> Float[np.ndarray, "4 4"]:
    if "matrix" in entry:
        return np.array(entry["matrix"], dtype=np.float64).reshape(4, 4).T
    matrix = np.eye(4)
    rotation = Rotation.from_quat(entry.get("rotation", (0.0, 0.0, 0.0, 1.0))).as_matrix()
    matrix[:3, :3] = rotation * np.array(entry.get("scale", (1.0, 1.0, 1.0)), dtype=np.float64)
    matrix[:3, 3] = entry.get("translation", (0.0, 0.0, 0.0))
    return matrix


def _triangles(order: Int[np.ndarray, "M"], mode: int) -> Int[np.ndarray, "F 3"]:
    if mode == _TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if len(order) < 3:
        return np.zeros((0, 3), dtype=np.int64)
    if mode == _FAN:
        hub = np.full(len(order) - 2, order[0])
        return np.stack([hub, order[1:-1], order[2:]], axis=1)
    faces = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
    faces[1::2] = faces[1::2, [1, 0, 2]]
    return faces[(faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2])]


def _unique(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
