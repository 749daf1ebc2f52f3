"""PartNeXt (Wang et al., 2025): faces per part over a GLB, with a hierarchy of names."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from pyarrow import ipc

from evaluation.loaders import files
from evaluation.objects import GroundTruthObject
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh

_MASK_KEYS = ("maskId", "mask_id", "maskID", "id")


class PartNeXt:
    """``glbs/<type_id>/<model_id>.glb`` with annotations.

    Annotations are what ``datasets.save_to_disk`` writes (Arrow files in a folder beside
    ``glbs``), or ``annotations/**/<model_id>.json``; each has ``masks`` (mask -> mesh -> faces)
    and ``hierarchyList``, as values or as text, the way the published toolkit stores them. Meshes
    count in the order of the scene's geometry.

    Args:
        folder: holds ``glbs`` and the annotations.

    Raises:
        InputError: an annotation file cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.name = "PartNeXt"
        self._glbs = {path.stem: path for path in sorted((folder / "glbs").rglob("*.glb"))}
        self._rows: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.rglob("*.arrow")):
            for row in _read_arrow(path):
                self._rows[str(row["model_id"])] = row
        self._json = {path.stem: path for path in sorted(folder.rglob("annotations/**/*.json"))}

    def object_ids(self) -> list[str]:
        """Model ids that have annotations, sorted."""
        return sorted(set(self._rows) | (set(self._json) & set(self._glbs)))

    def load(self, object_id: str) -> GroundTruthObject:
        """One object.

        Raises:
            InputError: a file cannot be read, or a mask names faces that do not exist.
        """
        row = self._rows.get(object_id)
        if row is None:
            row = files.read_json(files.known(self._json, object_id, self.name))
        path = files.known(self._glbs, object_id, self.name)
        scene = files.read_scene(path)
        meshes = _meshes_by_geometry(scene)
        masks, names = _parsed(row["masks"], path), _names(_parsed(row["hierarchyList"], path))
        parts: dict[str, TriangleMesh] = {}
        labels: dict[str, str] = {}
        for mask_id, chosen in masks.items():
            label = names.get(str(mask_id), f"part {mask_id}")
            name = files.unique_name(label, parts)
            labels[name] = label
            parts[name] = _take_faces(meshes, chosen, path.name, name)
        return GroundTruthObject(
            object_id, parts, labels, category=path.parent.name, source=path.name
        )


def _meshes_by_geometry(scene: Any) -> list[tuple[Any, Any]]:
    """World vertices and faces, in the order of the scene's geometry."""
    found: list[tuple[Any, Any]] = []
    for name, mesh in scene.geometry.items():
        node = scene.graph.geometry_nodes[name][0]
        moved = mesh.copy()
        moved.apply_transform(scene.graph[node][0])
        found.append((np.asarray(moved.vertices), np.asarray(moved.faces)))
    return found


def _take_faces(
    meshes: list[tuple[Any, Any]], chosen: dict[Any, list[int]], file: str, part: str
) -> TriangleMesh:
    pieces: list[tuple[Any, Any]] = []
    for key, numbers in chosen.items():
        index, wanted = int(key), np.asarray(numbers, dtype=np.int64)
        if not 0 <= index < len(meshes):
            raise InputError(f"{file}, part '{part}': no mesh {index} among {len(meshes)}")
        vertices, faces = meshes[index]
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= len(faces)):
            raise InputError(
                f"{file}, part '{part}': face {int(wanted.max())} of mesh {index}, which has "
                f"{len(faces)}"
            )
        pieces.append((vertices, faces[wanted]))
    return files.join(pieces, "y")


def _read_arrow(path: Path) -> list[dict[str, Any]]:
    try:
        with pyarrow.memory_map(str(path)) as source:
            return ipc.open_stream(source).read_all().to_pylist()
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{path.name}: expected an Arrow stream ({error})") from error


def _parsed(value: Any, path: Path) -> Any:
    """Annotations are stored as Python or JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError) as error:
        raise InputError(f"{path.name}: its annotation cannot be read ({error})") from error


def _names(hierarchy: Any) -> dict[str, str]:
    """Name per mask over a tree of nodes."""
    found: dict[str, str] = {}
    for node in _nodes(hierarchy):
        key = next((node[key] for key in _MASK_KEYS if node.get(key) is not None), None)
        if key is not None and node.get("name"):
            found[str(key)] = str(node["name"])
    return found


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, list):
        for item in tree:
            yield from _nodes(item)
    elif isinstance(tree, dict):
        yield tree
        yield from _nodes(tree.get("children", []))
