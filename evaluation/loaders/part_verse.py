"""PartVerse: one GLB per part, named by free captions."""

from pathlib import Path

from evaluation.loaders import files
from evaluation.objects import DataIssue, GroundTruthObject
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh


class PartVerse:
    """``textured_part_glbs/<uid>/<int>.glb`` with ``text_captions.json``.

    A part's name and label is its brief caption (numbered where two are alike), else its number.
    ``normalized_glbs/<uid>.glb`` and ``anno_infos`` hold the same object unsplit and are not
    needed.

    Args:
        folder: holds them.

    Raises:
        InputError: the captions cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self.name = "PartVerse"
        self._objects = {
            path.name: path
            for path in sorted((folder / "textured_part_glbs").glob("*"))
            if path.is_dir()
        }
        captions = folder / "text_captions.json"
        self._captions = files.read_json(captions) if captions.is_file() else {}

    def object_ids(self) -> list[str]:
        """Uids, sorted."""
        return list(self._objects)

    def load(self, object_id: str) -> GroundTruthObject:
        """One object; a part that cannot be read becomes an issue.

        Raises:
            InputError: no part of it can be read, or no such object.
        """
        folder = files.known(self._objects, object_id, self.name)
        parts: dict[str, TriangleMesh] = {}
        labels: dict[str, str] = {}
        issues: list[DataIssue] = []
        paths = sorted(folder.glob("*.glb"), key=lambda path: (len(path.stem), path.stem))
        for path in paths:
            caption = self._captions.get(object_id, {}).get(path.stem)
            label = caption[0] if caption else path.stem
            name = files.unique_name(label, parts)
            parts[name], labels[name] = files.empty_mesh(), label
            try:
                parts[name] = merge_meshes(list(files.read_glb_nodes(path).values()))
            except InputError as error:
                issues.append(files.part_issue(path, name, error))
        if len(issues) == len(paths):
            raise InputError(f"{object_id}: none of {len(paths)} part files can be read")
        return GroundTruthObject(object_id, parts, labels, source=object_id, issues=tuple(issues))


def merge_meshes(meshes: list[TriangleMesh]) -> TriangleMesh:
    """Several meshes as one, without their appearance; a single one stays as it is."""
    if len(meshes) == 1:
        return meshes[0]
    return files.join([(mesh.vertices, mesh.faces) for mesh in meshes])
