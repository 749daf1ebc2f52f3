"""PartObjaverse-Tiny (Yang et al., SAMPart3D, 2024): labels per face; parts are open surfaces."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from evaluation.loaders import files
from evaluation.objects import GroundTruthObject
from mmpart_core.errors import InputError

LICENCE = "CC-BY-NC-4.0"


class PartObjaverseTiny:
    """Meshes with a label per face: ``PartObjaverse-Tiny_mesh/<uid>.glb``.

    Beside them ``_semantic.json`` (label names), ``_semantic_gt/<uid>.npy`` and, for instances,
    ``_instance_gt/<uid>.npy`` (one int per face, -1 for none).

    Parts are instances where there is an instance file (named ``<label>`` or ``<label>_<n>``),
    else semantic labels.

    Args:
        folder: holds the four.

    Raises:
        InputError: the table of labels cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.name = "PartObjaverse-Tiny"
        self._folder = folder
        table = files.read_json(folder / "PartObjaverse-Tiny_semantic.json")
        self._labels: dict[str, list[str]] = {}
        self._category: dict[str, str] = {}
        for category, objects in table.items():
            self._labels.update(objects)
            self._category.update(dict.fromkeys(objects, category))

    def object_ids(self) -> list[str]:
        """Uids, category by category."""
        return list(self._labels)

    def load(self, object_id: str) -> GroundTruthObject:
        """One object; its faces in the order of ``Scene.dump``.

        Raises:
            InputError: a file cannot be read, or labels do not match the faces.
        """
        if object_id not in self._labels:
            raise InputError(f"{self.name}: no object '{object_id}' among {len(self._labels)}")
        path = self._folder / "PartObjaverse-Tiny_mesh" / f"{object_id}.glb"
        meshes = files.dump_meshes(files.read_scene(path))
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
        vertices = np.concatenate([np.asarray(mesh.vertices) for mesh in meshes])
        faces = np.concatenate(
            [np.asarray(m.faces) + start for m, start in zip(meshes, starts[:-1], strict=True)]
        )
        semantic = self._read_labels("semantic_gt", object_id, len(faces))
        instance = semantic
        if (self._folder / "PartObjaverse-Tiny_instance_gt" / f"{object_id}.npy").is_file():
            instance = self._read_labels("instance_gt", object_id, len(faces))
        split = files.split_by_label(vertices, faces, instance)
        parts, labels = {}, {}
        for index, mesh in split.items():
            label = self._label(object_id, semantic[instance == index])
            name = files.unique_name(label, parts)
            parts[name], labels[name] = mesh, label
        return GroundTruthObject(
            object_id, parts, labels,
            category=self._category[object_id], source=path.name, licence=LICENCE,
        )  # fmt: skip

    def _label(self, object_id: str, values: Int[np.ndarray, "M"]) -> str:
        known = values[values >= 0]
        index = int(np.bincount(known).argmax()) if len(known) else -1
        labels = self._labels[object_id]
        return labels[index] if 0 <= index < len(labels) else f"label {index}"

    def _read_labels(self, kind: str, object_id: str, faces: int) -> Int[np.ndarray, "F"]:
        path = self._folder / f"PartObjaverse-Tiny_{kind}" / f"{object_id}.npy"
        return read_face_labels(path, faces)


def read_face_labels(path: Path, faces: int) -> Int[np.ndarray, "F"]:
    """Labels of a ``.npy`` file, one per face.

    Raises:
        InputError: it cannot be read, or does not hold one integer per face.
    """
    files.read_bytes(path)
    try:
        labels = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path.name}: expected a numpy array ({error})") from error
    labels = np.asarray(labels).reshape(-1)
    if len(labels) != faces:
        raise InputError(
            f"{path.name}: {len(labels)} labels for {faces} faces; one label per face was "
            "expected, in the order of the file's faces"
        )
    if labels.dtype.kind not in "iuf" or not np.array_equal(labels, np.round(labels)):
        raise InputError(f"{path.name}: labels of type {labels.dtype}, integers were expected")
    return labels.astype(np.int64)
