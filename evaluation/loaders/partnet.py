"""PartNet (Mo et al., 2019): a tree of parts over OBJ files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation.loaders import files
from evaluation.objects import DataIssue, GroundTruthObject
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh


class PartNet:
    """``data/<id>/result.json`` (a tree of ``{id, name, children, objs}``) over ``objs/*.obj``.

    Leaves are the parts, named after their node (numbered where names are alike), labelled by
    it; +Y up as in ShapeNet.

    Args:
        folder: holds ``data``, or is it.
    """

    def __init__(self, folder: Path) -> None:
        self.name = "PartNet"
        root = folder / "data" if (folder / "data").is_dir() else folder
        self._objects = {
            path.parent.name: path.parent for path in sorted(root.glob("*/result.json"))
        }

    def object_ids(self) -> list[str]:
        """Ids, sorted."""
        return list(self._objects)

    def load(self, object_id: str) -> GroundTruthObject:
        """One object; an OBJ that cannot be read becomes an issue of its part.

        Raises:
            InputError: the tree cannot be read, has no parts, or there is no such object.
        """
        folder = files.known(self._objects, object_id, self.name)
        tree = files.read_json(folder / "result.json")
        parts: dict[str, TriangleMesh] = {}
        labels: dict[str, str] = {}
        issues: list[DataIssue] = []
        for node in _leaves(tree, folder):
            label = str(node.get("name", "part"))
            name = files.unique_name(label, parts)
            labels[name], parts[name] = label, files.empty_mesh()
            try:
                parts[name] = read_objs(
                    [folder / "objs" / f"{obj}.obj" for obj in node.get("objs", [])]
                )
            except InputError as error:
                issues.append(files.part_issue(folder / "objs", name, error))
        return GroundTruthObject(
            object_id, parts, labels, source=f"{object_id}/result.json", issues=tuple(issues)
        )


def read_objs(paths: list[Path]) -> TriangleMesh:
    """Several +Y-up OBJ files as one +Z-up mesh.

    Raises:
        InputError: one of them cannot be read.
    """
    meshes = [mesh for path in paths for _, mesh in files.read_meshes(path, "y")]
    return files.join([(mesh.vertices, mesh.faces) for mesh in meshes])


def _leaves(tree: Any, folder: Path) -> Iterator[dict[str, Any]]:
    if not isinstance(tree, list):
        raise InputError(f"{folder.name}/result.json: expected a list of nodes")
    for node in tree:
        if not isinstance(node, dict):
            raise InputError(f"{folder.name}/result.json: expected nodes with names and objs")
        if node.get("children"):
            yield from _leaves(node["children"], folder)
        else:
            yield node
