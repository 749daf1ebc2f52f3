"""Named meshes to a glTF document and buffer."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mmpart_core.errors import GeometryError, InputError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.normals import smooth_normals
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import codecs
from mmpart_core.storage.gltf import colors
from mmpart_core.storage.gltf.node import GlbNode

_ARRAY_BUFFER, _ELEMENT_BUFFER = 34962, 34963
_COMPONENT_TYPES = {
    np.dtype(np.float32): 5126,
    np.dtype(np.uint32): 5125,
    np.dtype(np.uint16): 5123,
}
_MID_GREY = 128
_SIMILARITY_TOLERANCE = 1e-7


class DocumentWriter:
    """Grows a glTF document node by node; equal textures are stored once."""

    def __init__(self) -> None:
        self._binary = bytearray()
        self._texture_of_png: dict[bytes, int] = {}
        self.document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "MMPart"},
            "scene": 0,
            "scenes": [{"nodes": []}],
            "nodes": [],
            "meshes": [],
            "materials": [],
            "accessors": [],
            "bufferViews": [],
        }

    def add(self, node: GlbNode) -> None:
        """Append one node with its mesh and material.

        Raises:
            GeometryError: no faces, or a value that is not finite.
            InputError: extras that are not JSON-safe.
        """
        _check(node)
        placement = _placement(node.world_from_node)
        mesh = node.mesh if placement is not None else node.world_mesh()
        index = len(self.document["nodes"])
        entry: dict[str, Any] = {"name": node.name, "mesh": index, **(placement or {})}
        if node.extras:
            entry["extras"] = _plain_json(node)
        self.document["nodes"].append(entry)
        self.document["scenes"][0]["nodes"].append(index)
        self.document["materials"].append(self._material(node.name, mesh))
        self.document["meshes"].append(
            {"name": node.name, "primitives": [self._primitive(mesh, index)]}
        )

    def finish(self) -> tuple[dict[str, Any], bytes]:
        """The document and its buffer."""
        self.document["buffers"] = [{"byteLength": len(self._binary)}]
        return self.document, bytes(self._binary)

    def _primitive(self, mesh: TriangleMesh, material: int) -> dict[str, Any]:
        to_gltf = transforms.GLTF_FROM_WORLD[:3, :3].T
        positions = (mesh.vertices @ to_gltf).astype(np.float32)
        normals = (smooth_normals(mesh.vertices, mesh.faces) @ to_gltf).astype(np.float32)
        attributes = {
            "POSITION": self._accessor(positions, "VEC3", bounds=True),
            "NORMAL": self._accessor(normals, "VEC3"),
        }
        if mesh.uv is not None and mesh.texture is not None:
            # TriangleMesh counts v from the bottom, glTF from the top.
            flipped = np.stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]], axis=1).astype(np.float32)
            attributes["TEXCOORD_0"] = self._accessor(flipped, "VEC2")
        elif mesh.colors is not None:
            linear = np.rint(colors.linear_rgba(mesh.colors) * 65535.0).astype(np.uint16)
            attributes["COLOR_0"] = self._accessor(linear, "VEC4")
        indices = mesh.faces.astype(np.uint32).reshape(-1)
        return {
            "attributes": attributes,
            "indices": self._accessor(indices, "SCALAR"),
            "material": material,
            "mode": 4,
        }

    def _material(self, name: str, mesh: TriangleMesh) -> dict[str, Any]:
        surface: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 1.0}
        material = {"name": name, "pbrMetallicRoughness": surface}
        alpha = mesh.colors
        if mesh.uv is not None and mesh.texture is not None:
            surface["baseColorTexture"] = {"index": self._texture(mesh)}
            alpha = mesh.texture
        elif mesh.colors is None:
            grey = float(colors.linear_from_srgb(np.array(_MID_GREY, dtype=np.uint8)))
            surface["baseColorFactor"] = [grey, grey, grey, 1.0]
        if alpha is not None and alpha.shape[-1] == 4 and bool((alpha[..., 3] < 255).any()):
            material["alphaMode"] = "BLEND"
        return material

    def _texture(self, mesh: TriangleMesh) -> int:
        pixels = mesh.texture
        if pixels is None:
            raise GeometryError("mesh without a texture image")
        if pixels.shape[-1] not in (3, 4):
            raise GeometryError(
                f"texture: expected 3 or 4 channels, got {pixels.shape[-1]}; convert it to RGB"
            )
        if pixels.shape[-1] == 4 and bool((pixels[..., 3] == 255).all()):
            pixels = np.ascontiguousarray(pixels[..., :3])
        png = codecs.encode_png(pixels)
        if png not in self._texture_of_png:
            images = self.document.setdefault("images", [])
            images.append({"bufferView": self._view(png, None), "mimeType": codecs.PNG_MEDIA})
            textures = self.document.setdefault("textures", [])
            textures.append({"source": len(images) - 1, "sampler": 0})
            self.document["samplers"] = [
                {"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}
            ]
            self._texture_of_png[png] = len(textures) - 1
        return self._texture_of_png[png]

    def _accessor(self, values: np.ndarray, kind: str, bounds: bool = False) -> int:
        target = _ELEMENT_BUFFER if kind == "SCALAR" else _ARRAY_BUFFER
        entry: dict[str, Any] = {
            "bufferView": self._view(np.ascontiguousarray(values).tobytes(), target),
            "componentType": _COMPONENT_TYPES[values.dtype],
            "count": len(values),
            "type": kind,
        }
        if values.dtype == np.uint16:
            entry["normalized"] = True
        if bounds:
            entry["min"] = [float(value) for value in values.min(axis=0)]
            entry["max"] = [float(value) for value in values.max(axis=0)]
        self.document["accessors"].append(entry)
        return len(self.document["accessors"]) - 1

    def _view(self, data: bytes, target: int | None) -> int:
        view: dict[str, Any] = {
            "buffer": 0,
            "byteOffset": len(self._binary),
            "byteLength": len(data),
        }
        if target is not None:
            view["target"] = target
        self._binary += data + b"\0" * (-len(data) % 4)
        self.document["bufferViews"].append(view)
        return len(self.document["bufferViews"]) - 1


def encode_document(nodes: Sequence[GlbNode]) -> tuple[dict[str, Any], bytes]:
    """A glTF document and its buffer; see ``storage.glb.encode_glb``."""
    writer = DocumentWriter()
    for node in nodes:
        writer.add(node)
    return writer.finish()


def _plain_json(node: GlbNode) -> Any:
    try:
        return json.loads(json.dumps(dict(node.extras), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise InputError(f"node '{node.name}': extras are not JSON-safe ({error})") from error


def _check(node: GlbNode) -> None:
    mesh = node.mesh
    if not len(mesh.faces) or not len(mesh.vertices):
        raise GeometryError(f"node '{node.name}': expected at least one face, got an empty mesh")
    arrays = (mesh.vertices, node.world_from_node, *(() if mesh.uv is None else (mesh.uv,)))
    if not all(np.isfinite(array).all() for array in arrays):
        raise GeometryError(f"node '{node.name}': a position, uv or transform is not finite")
    if mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices):
        raise GeometryError(f"node '{node.name}': a face names a vertex that does not exist")


def _placement(world_from_node: Float[np.ndarray, "4 4"]) -> dict[str, Any] | None:
    """Translation, rotation and scale in glTF axes; None where it is no similarity."""
    if np.array_equal(world_from_node, np.eye(4)):
        return {}
    local = transforms.GLTF_FROM_WORLD @ world_from_node @ transforms.WORLD_FROM_GLTF
    scale = transforms.similarity_scale(local)
    if scale <= 0:
        return None
    rotation = local[:3, :3] / scale
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=_SIMILARITY_TOLERANCE):
        return None
    quaternion = Rotation.from_matrix(rotation).as_quat(canonical=True)
    return {
        "translation": [float(value) for value in local[:3, 3]],
        "rotation": [float(value) for value in quaternion],
        "scale": [scale, scale, scale],
    }
