"""Named parts of a GLB, as the writers of other formats want them."""

from dataclasses import dataclass

import trimesh
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import SimpleMaterial

from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.output.naming import part_slugs
from mmpart_core.storage.glb import decode_glb


@dataclass(frozen=True)
class NamedPart:
    """One part where it stands in its object.

    Attributes:
        name: the component's name, any Unicode.
        slug: file-safe name, different for each part of the object.
        mesh: the surface in the object's +Z-up world.
    """

    name: str
    slug: str
    mesh: TriangleMesh


def read_parts(glb: bytes) -> list[NamedPart]:
    """The parts of an object, in the order of its nodes.

    Raises:
        InputError: not a readable GLB, or no triangles in it.
    """
    nodes = decode_glb(glb)
    slugs = part_slugs([node.name for node in nodes])
    return [NamedPart(node.name, slugs[node.name], node.world_mesh()) for node in nodes]


def as_trimesh(mesh: TriangleMesh, material: str) -> trimesh.Trimesh:
    """The same surface as trimesh has it: corners in order, texture or colours kept.

    Args:
        mesh: the surface, in any frame.
        material: what to call its texture and material.
    """
    if mesh.uv is not None and mesh.texture is not None:
        look = SimpleMaterial(
            image=Image.fromarray(mesh.texture), diffuse=[255, 255, 255, 255], name=material
        )
        visual = TextureVisuals(uv=mesh.uv, material=look)
    else:
        visual = ColorVisuals(vertex_colors=mesh.colors)
    return trimesh.Trimesh(mesh.vertices, mesh.faces, visual=visual, process=False)
