"""Wavefront OBJ through trimesh: one object per part, one material file, a PNG per texture.

+Y up with the front at +Z, as in the GLB: what programs that read OBJ expect.
"""

import trimesh
from trimesh.exchange.obj import export_obj

from mmpart_core.geometry.transforms import GLTF_FROM_WORLD
from mmpart_core.output.formats.parts import NamedPart, as_trimesh


def write_obj(parts: list[NamedPart], name: str) -> dict[str, bytes]:
    """The files of an object.

    Args:
        parts: where they stand in their object.
        name: file-safe name of the object.

    Returns:
        File name -> content; ``<name>.obj``, ``<name>.mtl`` and a PNG per part with a texture.
        Spaces in parts' names are underscores, as a space ends a name in OBJ.
    """
    meshes: list[trimesh.Trimesh] = []
    for part in parts:
        mesh = as_trimesh(part.mesh.transformed(GLTF_FROM_WORLD), part.slug)
        mesh.metadata["name"] = "_".join(part.name.split())
        meshes.append(mesh)
    return obj_files(meshes, name)


def obj_files(meshes: list[trimesh.Trimesh], name: str) -> dict[str, bytes]:
    """Meshes as an OBJ, in the axes they have.

    Args:
        meshes: each called by its ``metadata["name"]``.
        name: file-safe name of the OBJ and its materials.
    """
    scene = trimesh.Scene()
    for mesh in meshes:
        scene.add_geometry(mesh, geom_name=str(mesh.metadata["name"]))
    text, files = export_obj(scene, return_texture=True, mtl_name=f"{name}.mtl", header="MMPart")
    data = text if isinstance(text, bytes) else text.encode("utf-8")
    return {f"{name}.obj": data, **files}
