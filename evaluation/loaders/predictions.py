"""Predictions of any method: folders of meshes, scenes of geometries, point-coloured meshes."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from trimesh.visual.color import ColorVisuals

from evaluation.loaders import files
from evaluation.loaders.files import UpAxis
from evaluation.loaders.own_output import is_own_output, read_own_output
from evaluation.loaders.part_verse import merge_meshes
from evaluation.objects import Prediction, PredictionFrame
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh

_PART_FILE = re.compile(r"^(part|mesh)_|_part", re.IGNORECASE)
_WHOLE_FILE = re.compile(r"^mesh_combined$|_vol[01]$", re.IGNORECASE)


class PredictionFolder:
    """Predictions of one method, one folder or file per object.

    ``<root>/<object id>/`` holds MMPart's output, a folder of meshes (``part_*``, ``*_part*``,
    ``mesh_*``), or one scene; ``<root>/<object id>.glb`` (or .ply, .obj, ...) is one scene. Known
    whole-object files (``mesh_combined``, ``*_vol0``, ``*_vol1``) are left out. A PLY is split by
    its colours.

    Args:
        root: of all objects.
        frame: what the coordinates are; MMPart's output says it itself.
        up: upright axis of formats that do not say it.
    """

    def __init__(self, root: Path, *, frame: PredictionFrame = "truth", up: UpAxis = "y") -> None:
        self.name = root.name
        self._root = root
        self._frame: PredictionFrame = frame
        self._up: UpAxis = up

    def find(self, object_id: str) -> Path | None:
        """The folder or file of an object; None when there is none."""
        folder = self._root / object_id
        if folder.is_dir():
            return folder
        candidates = [self._root / f"{object_id}{ending}" for ending in files.MESH_ENDINGS]
        return next((path for path in candidates if path.is_file()), None)

    def load(self, object_id: str) -> Prediction | None:
        """The prediction of an object; None when there is none.

        Raises:
            InputError: nothing of it can be read; the message names the file.
        """
        path = self.find(object_id)
        if path is None:
            return None
        if path.is_dir() and is_own_output(path):
            return read_own_output(path, object_id)
        parts, failures = self._read_folder(path) if path.is_dir() else (self._read_one(path), {})
        return Prediction(object_id, parts, failures, frame=self._frame, source=path.name)

    def _read_folder(self, folder: Path) -> tuple[dict[str, TriangleMesh], dict[str, str]]:
        chosen = part_files(folder)
        if not chosen:
            raise InputError(f"{folder.name}: no mesh files of parts in this folder")
        if len(chosen) == 1 and not _PART_FILE.search(chosen[0].stem):
            return self._read_one(chosen[0]), {}
        parts: dict[str, TriangleMesh] = {}
        failures: dict[str, str] = {}
        for path in chosen:
            try:
                meshes = [mesh for _, mesh in files.read_meshes(path, self._up)]
            except InputError as error:
                failures[path.stem] = str(error)
            else:
                parts[path.stem] = merge_meshes(meshes)
        return parts, failures

    def _read_one(self, path: Path) -> dict[str, TriangleMesh]:
        if path.suffix.lower() == ".ply":
            return split_by_colour(path, self._up)
        parts: dict[str, TriangleMesh] = {}
        for name, mesh in files.read_meshes(path, self._up):
            parts[files.unique_name(name, parts)] = mesh
        return parts


def part_files(folder: Path) -> list[Path]:
    """Mesh files of parts in a folder: those named like parts, else all that are not the whole."""
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in files.MESH_ENDINGS]
    found = [path for path in found if not _WHOLE_FILE.search(path.stem)]
    named = [path for path in found if _PART_FILE.search(path.stem)]
    return named or found


def split_by_colour(path: Path, up: UpAxis = "y") -> dict[str, TriangleMesh]:
    """Parts of a PLY whose faces, or else vertices, are coloured by part.

    A face between two colours of vertices goes to the one that most of its corners have. Without
    colours the whole is one part.

    Raises:
        InputError: the file cannot be read.
    """
    (mesh,) = files.dump_meshes(files.read_scene(path))
    faces = np.asarray(mesh.faces)
    visual: Any = mesh.visual
    if not isinstance(visual, ColorVisuals) or visual.kind is None:
        return {path.stem: files.upright(np.asarray(mesh.vertices), faces, up)}
    if visual.kind == "face":
        colours, labels = np.unique(np.asarray(visual.face_colors), axis=0, return_inverse=True)
        labels = labels.reshape(-1)
    else:
        colours, corners = np.unique(np.asarray(visual.vertex_colors), axis=0, return_inverse=True)
        corner = corners.reshape(-1)[faces]
        # of three corners, the first decides unless the other two agree against it
        labels = np.where(corner[:, 1] == corner[:, 2], corner[:, 1], corner[:, 0])
    split = files.split_by_label(np.asarray(mesh.vertices), faces, labels, up)
    return {
        "color_" + "".join(f"{int(value):02x}" for value in colours[label][:3]): part
        for label, part in split.items()
    }
