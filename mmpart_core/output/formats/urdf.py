"""URDF for simulators of robots: a link per part, with visual and collision meshes and inertia.

URDF is +Z up, as the object's world is. All links hang on ``base_link`` by fixed joints: which
parts move, and about which axis, one image does not say. Collision bodies are convex pieces by
V-HACD (Mamou and Ghorbel, 2009), through trimesh.
"""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import trimesh
from trimesh.exchange.stl import export_stl

from mmpart_core.errors import InputError
from mmpart_core.output.formats.obj import obj_files
from mmpart_core.output.formats.parts import NamedPart, as_trimesh

BASE = "base_link"
# Hulls per part and voxels that V-HACD divides into: enough for a handle or the rungs of a chair,
# a second or two per part.
_HULLS, _VOXELS = 16, 100_000


def write_urdf(
    parts: list[NamedPart], name: str, *, size_m: float = 0.5, density: float = 500.0
) -> dict[str, bytes]:
    """The files of an object.

    Args:
        parts: where they stand in their object.
        name: file-safe name of the object, and the robot's.
        size_m: longest side of the object's box in metres: an image says no size.
        density: kilograms per cubic metre of every part; 500 is wood.

    Returns:
        File name -> content: ``<name>.urdf``, ``meshes/visual/<part>.obj`` with its
        material and texture, and ``meshes/collision/<part>-<n>.stl``.

    Raises:
        InputError: the object has no extent.
    """
    corners = np.concatenate([part.mesh.vertices for part in parts])
    extent = float(np.ptp(corners, axis=0).max())
    if not extent > 0.0:
        raise InputError(f"object '{name}': a box with sides expected, got a point")
    robot = ElementTree.Element("robot", name=name)
    base = BASE
    while any(part.name == base for part in parts):
        base += "_"
    ElementTree.SubElement(robot, "link", name=base)
    files: dict[str, bytes] = {}
    for part in parts:
        files |= _add_part(robot, base, part, size_m / extent, density)
    ElementTree.indent(robot)
    text = ElementTree.tostring(robot, encoding="utf-8", xml_declaration=True)
    return {f"{name}.urdf": text, **files}


def _add_part(
    robot: ElementTree.Element, base: str, part: NamedPart, scale: float, density: float
) -> dict[str, bytes]:
    """Append link and joint; give the files they name."""
    mesh = as_trimesh(part.mesh, part.slug)
    mesh.apply_scale(scale)
    middle = mesh.bounds.mean(axis=0)
    mesh.apply_translation(-middle)
    mesh.metadata["name"] = part.slug
    pieces = _convex_pieces(mesh)
    link = ElementTree.SubElement(robot, "link", name=part.name)
    _add_inertia(link, pieces, density)
    visual = f"meshes/visual/{part.slug}.obj"
    _add_mesh(ElementTree.SubElement(link, "visual", name=part.name), visual)
    files = {f"meshes/visual/{name}": data for name, data in obj_files([mesh], part.slug).items()}
    for number, piece in enumerate(pieces, 1):
        path = f"meshes/collision/{part.slug}-{number}.stl"
        _add_mesh(ElementTree.SubElement(link, "collision", name=f"{part.name} {number}"), path)
        files[path] = bytes(export_stl(piece))
    joint = ElementTree.SubElement(robot, "joint", name=f"{base} to {part.name}", type="fixed")
    ElementTree.SubElement(joint, "origin", xyz=_numbers(middle), rpy="0 0 0")
    ElementTree.SubElement(joint, "parent", link=base)
    ElementTree.SubElement(joint, "child", link=part.name)
    return files


def _convex_pieces(mesh: trimesh.Trimesh) -> list[trimesh.Trimesh]:
    """Convex bodies that cover a part; its hull where V-HACD gives none."""
    # Corners that a texture's seam splits are one corner for the body.
    body = trimesh.Trimesh(mesh.vertices, mesh.faces, process=True)
    given = trimesh.decomposition.convex_decomposition(
        body, maxConvexHulls=_HULLS, resolution=_VOXELS, asyncACD=False
    )
    hulls = [trimesh.Trimesh(**each).convex_hull for each in given]
    return [each for each in hulls if each.volume > 0.0] or [body.convex_hull]


def _add_inertia(link: ElementTree.Element, pieces: list[trimesh.Trimesh], density: float) -> None:
    """Mass, centre and moments of the convex pieces together."""
    solid: Any = trimesh.util.concatenate(pieces)
    solid.density = density
    inertial = ElementTree.SubElement(link, "inertial")
    ElementTree.SubElement(inertial, "origin", xyz=_numbers(solid.center_mass), rpy="0 0 0")
    ElementTree.SubElement(inertial, "mass", value=f"{solid.mass:.9g}")
    moments = np.asarray(solid.moment_inertia)
    axes = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2),
            "izz": (2, 2)}  # fmt: skip
    values = {axis: f"{moments[place]:.9g}" for axis, place in axes.items()}
    ElementTree.SubElement(inertial, "inertia", values)


def _add_mesh(holder: ElementTree.Element, path: str) -> None:
    geometry = ElementTree.SubElement(holder, "geometry")
    ElementTree.SubElement(geometry, "mesh", filename=path)


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.9g}" for value in values)
