"""PartNet-Mobility (Xiang et al., SAPIEN, 2020): links of a URDF as parts, all joints at zero."""

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from evaluation.loaders import files
from evaluation.objects import DataIssue, GroundTruthObject
from mmpart_core.errors import InputError
from mmpart_core.geometry.surface import TriangleMesh


class PartNetMobility:
    """Articulated objects: ``<id>/mobility.urdf`` over ``textured_objs/*.obj``.

    ``semantics.txt`` beside it names the links (``link joint name`` a line). Each link with
    visuals is a part, named and labelled by it. The URDF's frames are applied; its world is +Z up.

    Args:
        folder: holds the ids.
    """

    def __init__(self, folder: Path) -> None:
        self.name = "PartNet-Mobility"
        self._objects = {
            path.parent.name: path.parent for path in sorted(folder.glob("*/mobility.urdf"))
        }

    def object_ids(self) -> list[str]:
        """Ids, sorted."""
        return list(self._objects)

    def load(self, object_id: str) -> GroundTruthObject:
        """One object; an OBJ that cannot be read becomes an issue of its part.

        Raises:
            InputError: the URDF cannot be read, or there is no such object.
        """
        folder = files.known(self._objects, object_id, self.name)
        robot = _read_urdf(folder / "mobility.urdf")
        names = _read_semantics(folder / "semantics.txt")
        frames = _link_frames(robot)
        parts: dict[str, TriangleMesh] = {}
        labels: dict[str, str] = {}
        issues: list[DataIssue] = []
        for link in robot.findall("link"):
            if link.find("visual") is None:
                continue
            link_name = link.get("name", "")
            label = names.get(link_name, link_name)
            name = files.unique_name(label, parts)
            labels[name], parts[name] = label, files.empty_mesh()
            try:
                parts[name] = _read_link(link, frames.get(link_name, np.eye(4)), folder)
            except InputError as error:
                issues.append(files.part_issue(folder / "mobility.urdf", name, error))
        return GroundTruthObject(
            object_id, parts, labels, source=f"{object_id}/mobility.urdf", issues=tuple(issues)
        )


def _read_urdf(path: Path) -> ElementTree.Element:
    text = files.read_bytes(path)
    # Entities are how small XML files blow up; a URDF has none.
    if b"<!ENTITY" in text:
        raise InputError(f"{path.name}: a URDF without entity declarations was expected")
    try:
        return ElementTree.fromstring(text)  # noqa: S314
    except ElementTree.ParseError as error:
        raise InputError(f"{path.name}: expected a URDF ({error})") from error


def _read_semantics(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = files.read_bytes(path).decode("utf-8", "replace").splitlines()
    rows = [line.split() for line in lines]
    return {row[0]: " ".join(row[2:]) for row in rows if len(row) >= 3}


def _link_frames(robot: ElementTree.Element) -> dict[str, Float[np.ndarray, "4 4"]]:
    """World pose of each link with all joints at zero."""
    parents = {
        joint.find("child").get("link", ""): (joint.find("parent").get("link", ""), joint)  # pyright: ignore[reportOptionalMemberAccess]
        for joint in robot.findall("joint")
        if joint.find("child") is not None and joint.find("parent") is not None
    }
    frames: dict[str, Float[np.ndarray, "4 4"]] = {}
    for link in parents:
        matrix, current = np.eye(4), link
        for _ in range(len(parents)):
            if current not in parents:
                break
            current, joint = parents[current]
            matrix = _origin(joint) @ matrix
        frames[link] = matrix
    return frames


def _read_link(
    link: ElementTree.Element, frame: Float[np.ndarray, "4 4"], folder: Path
) -> TriangleMesh:
    found: list[tuple[Float[np.ndarray, "V 3"], Float[np.ndarray, "F 3"]]] = []
    for visual in link.findall("visual"):
        mesh_tag = visual.find("geometry/mesh")
        if mesh_tag is None:
            continue
        matrix = frame @ _origin(visual)
        scale = np.array([float(word) for word in mesh_tag.get("scale", "1 1 1").split()])
        # the URDF's frames do the turning upright, so the OBJ's axes are taken as they are
        for _, mesh in files.read_meshes(folder / mesh_tag.get("filename", ""), "z"):
            moved = TriangleMesh(mesh.vertices * scale, mesh.faces).transformed(matrix)
            found.append((moved.vertices, moved.faces))
    return files.join(found)


def _origin(tag: ElementTree.Element) -> Float[np.ndarray, "4 4"]:
    """The ``<origin xyz rpy>`` of a joint or visual."""
    matrix = np.eye(4)
    origin = tag.find("origin")
    if origin is None:
        return matrix
    try:
        xyz, rpy = (
            [float(word) for word in origin.get(key, "0 0 0").split()] for key in ("xyz", "rpy")
        )
        if len(xyz) != 3 or not all(math.isfinite(value) for value in xyz + rpy):
            raise ValueError("three finite numbers were expected")
        matrix[:3, :3] = Rotation.from_euler("xyz", rpy).as_matrix()
    except ValueError as error:
        raise InputError(f"mobility.urdf: a broken origin ({error})") from error
    matrix[:3, 3] = xyz
    return matrix
