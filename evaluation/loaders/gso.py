"""Google Scanned Objects (Downs et al., 2022): whole objects without parts."""

from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from evaluation.loaders import files
from evaluation.objects import DataIssue, GroundTruthObject
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh

LICENCE = "CC-BY-4.0"
WHOLE = "object"


class GoogleScannedObjects:
    """``<Name>/meshes/model.obj`` with ``materials/textures/texture.png``; +Z up.

    The .mtl names the texture as if it lay beside it; it is read from where it is.

    Args:
        folder: holds the names.
    """

    def __init__(self, folder: Path) -> None:
        self.name = "Google Scanned Objects"
        self._objects = {
            path.parents[1].name: path for path in sorted(folder.glob("*/meshes/model.obj"))
        }

    def object_ids(self) -> list[str]:
        """Names, sorted."""
        return list(self._objects)

    def load(self, object_id: str) -> GroundTruthObject:
        """One object with a single part, ``object``.

        Raises:
            InputError: the mesh cannot be read, or there is no such object.
        """
        path = files.known(self._objects, object_id, self.name)
        files.read_bytes(path)
        try:
            loaded = trimesh.load_mesh(
                str(path), process=False, maintain_order=True, skip_materials=True
            )
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise InputError(f"{object_id}/meshes/{path.name}: no OBJ ({error})") from error
        mesh, issues = _textured(loaded, path, object_id)
        return GroundTruthObject(
            object_id, {WHOLE: mesh}, source=f"{object_id}/meshes/model.obj", licence=LICENCE,
            issues=issues,
        )  # fmt: skip


def _textured(
    loaded: trimesh.Trimesh, path: Path, object_id: str
) -> tuple[TriangleMesh, tuple[DataIssue, ...]]:
    plain = files.upright(np.asarray(loaded.vertices), np.asarray(loaded.faces), "z")
    texture = path.parents[1] / "materials" / "textures" / "texture.png"
    uv = getattr(loaded.visual, "uv", None)
    file = f"{object_id}/materials/textures/{texture.name}"
    if uv is None or not texture.is_file():
        return plain, (DataIssue(file, "there is no texture; the shape is used without colour"),)
    try:
        with Image.open(texture) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        return plain, (DataIssue(file, f"cannot be read ({error})"),)
    return TriangleMesh(plain.vertices, plain.faces, np.array(uv, dtype=np.float64), pixels), ()
