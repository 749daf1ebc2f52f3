"""Reads mesh files into named meshes, +Z up; every error names the file."""

import csv
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import trimesh
from jaxtyping import Float, Int

from evaluation.objects import DataIssue
from mmpart_core.errors import InputError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb
from mmpart_core.storage.gltf import container
from mmpart_core.storage.gltf.node import GlbNode
from mmpart_core.storage.gltf.read import DocumentReader

UpAxis = Literal["y", "z"]
MESH_ENDINGS = (".glb", ".gltf", ".ply", ".obj", ".stl", ".off")
_BROKEN = (KeyError, IndexError, TypeError, ValueError, AttributeError, OSError)


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read ({error.strerror})") from error


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises:
        InputError: it cannot be read or is no JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path.name}: expected JSON ({error})") from error


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with a header.

    Raises:
        InputError: it cannot be read or is not UTF-8 text.
    """
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name}: expected UTF-8 text ({error})") from error
    return list(csv.DictReader(text.splitlines()))


def read_glb_nodes(path: Path) -> dict[str, TriangleMesh]:
    """Meshes of a GLB by node name, node transforms applied.

    A node with vertices that are not finite is kept as it is, so that it can be reported as the
    one bad part; the others are good.

    Raises:
        InputError: not a readable GLB.
    """
    data = read_bytes(path)
    try:
        nodes = glb.decode_glb(data)
    except InputError as error:
        nodes = _broken_nodes(data)
        if nodes is None:
            raise InputError(f"{path.name}: {error}") from error
    return {node.name: node.world_mesh() for node in nodes}


def read_meshes(path: Path, up: UpAxis = "y") -> list[tuple[str, TriangleMesh]]:
    """All meshes of a file of any format, in trimesh's order, faces in the file's order.

    Args:
        path: GLB, glTF, OBJ, PLY, STL or OFF.
        up: the file's upright axis; GLB and glTF are +Y up whatever is said.

    Raises:
        InputError: it cannot be read, or holds no triangles.
    """
    if path.suffix.lower() == ".glb":
        return list(read_glb_nodes(path).items())
    scene = read_scene(path)
    axis: UpAxis = "y" if path.suffix.lower() == ".gltf" else up
    names = list(scene.graph.nodes_geometry)
    return [
        (name, upright(np.asarray(mesh.vertices), np.asarray(mesh.faces), axis))
        for name, mesh in zip(names, dump_meshes(scene), strict=True)
    ]


def read_scene(path: Path) -> trimesh.Scene:
    """A file as a trimesh scene; nothing is merged, sorted or removed.

    Raises:
        InputError: it cannot be read, or holds no triangles.
    """
    read_bytes(path)
    try:
        scene = trimesh.load_scene(str(path), process=False, maintain_order=True)
        meshes = dump_meshes(scene)
    except _BROKEN as error:
        raise InputError(
            f"{path.name}: cannot be read as a mesh ({type(error).__name__}: {error})"
        ) from error
    if not meshes:
        raise InputError(f"{path.name}: expected at least one mesh with triangles, got none")
    return scene


def dump_meshes(scene: trimesh.Scene) -> list[trimesh.Trimesh]:
    """Meshes of a scene with transforms applied, in the order labels by face refer to."""
    return [mesh for mesh in scene.dump() if isinstance(mesh, trimesh.Trimesh)]


def upright(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], up: UpAxis
) -> TriangleMesh:
    """A mesh in +Z-up axes."""
    positions = np.array(vertices, dtype=np.float64)
    if up == "y":
        positions = positions @ transforms.WORLD_FROM_GLTF[:3, :3].T
    return TriangleMesh(positions, np.array(faces, dtype=np.int64))


def split_by_label(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    labels: Int[np.ndarray, "F"],
    up: UpAxis = "y",
) -> dict[int, TriangleMesh]:
    """One mesh per label that is not negative, in rising order; vertices are shared."""
    return {
        int(label): upright(vertices, faces[labels == label], up)
        for label in np.unique(labels[labels >= 0])
    }


def unique_name(name: str, taken: dict[str, Any]) -> str:
    """A name that is not taken yet: the name, or with a number behind it."""
    number, candidate = 2, name
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def part_issue(path: Path, part: str, error: Exception) -> DataIssue:
    """A part whose file could not be read."""
    return DataIssue(path.name, str(error), part)


def empty_mesh() -> TriangleMesh:
    """What stands for a part that could not be read: no faces, which counts as a fault."""
    return TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))


def _broken_nodes(data: bytes) -> list[GlbNode] | None:
    """Nodes of a GLB that is only wrong in that some vertices are not finite; else None."""
    try:
        nodes = DocumentReader(*container.unpack(data)).nodes()
    except (*_BROKEN, InputError):
        return None
    sound = all(np.isfinite(node.mesh.vertices).all() for node in nodes)
    return None if sound or not nodes else nodes


def known(paths: dict[str, Path], object_id: str, dataset: str) -> Path:
    """The path of an object.

    Raises:
        InputError: there is no such object.
    """
    if object_id not in paths:
        raise InputError(f"{dataset}: no object '{object_id}' among {len(paths)}")
    return paths[object_id]


def join(
    meshes: list[tuple[Float[np.ndarray, "_V 3"], Int[np.ndarray, "_F 3"]]], up: UpAxis = "z"
) -> TriangleMesh:
    """Several meshes as one, faces in order.

    Args:
        meshes: vertices and faces of each.
        up: upright axis of the vertices.
    """
    if not meshes:
        return empty_mesh()
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    vertices = np.concatenate([np.asarray(vertices) for vertices, _ in meshes])
    moved = [np.asarray(f) + start for (_, f), start in zip(meshes, starts[:-1], strict=True)]
    return upright(vertices, np.concatenate(moved), up)
