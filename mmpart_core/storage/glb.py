"""Named meshes <-> GLB bytes: +Z-up world in memory, glTF's +Y up in the file.

Colours: textures are sRGB on both sides; ``COLOR_0`` and ``baseColorFactor`` are linear in the file
(glTF 2.0 specification, section 3.9.2) and sRGB in memory.
"""

from collections.abc import Sequence

from mmpart_core.errors import BlobCorruptError, InputError
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.records import BlobRef, MeshRef
from mmpart_core.storage.blob_store import BlobStore
from mmpart_core.storage.gltf import container
from mmpart_core.storage.gltf.node import GlbNode
from mmpart_core.storage.gltf.read import decode_document
from mmpart_core.storage.gltf.write import encode_document

GLB_MEDIA = "model/gltf-binary"

__all__ = [
    "GLB_MEDIA",
    "GlbNode",
    "decode_glb",
    "encode_glb",
    "get_mesh",
    "get_scene",
    "put_mesh",
    "put_scene",
]


def encode_glb(nodes: Sequence[GlbNode]) -> bytes:
    """A GLB with one node, mesh and material per ``GlbNode``, all three named alike.

    A similarity transform stays readable as translation, rotation and scale of the node; any
    other transform is applied to the vertices. Normals are smooth, the material is rough and not
    metallic, the texture is an embedded PNG. Equal input gives equal bytes.

    Raises:
        InputError: no nodes, two of one name, or extras that are not JSON-safe.
        GeometryError: a mesh without faces, or a value that is not finite.
    """
    names = [node.name for node in nodes]
    double = sorted({name for name in names if names.count(name) > 1})
    if not names:
        raise InputError("GLB: expected at least one part to write, got none")
    if double:
        raise InputError(
            f"GLB: node names must differ, but {', '.join(map(repr, double))} stand there more "
            "than once; rename the components"
        )
    return container.pack(*encode_document(nodes))


def decode_glb(data: bytes) -> list[GlbNode]:
    """All meshes of a GLB of any origin, in the order of its nodes.

    Parents' transforms are folded into ``world_from_node`` (mirroring ones into the vertices,
    with the faces turned). Meshes of several primitives become one; a node without a name gets
    its mesh's, and a name that was taken a number. Skinned meshes come in the pose they stand in.
    Normals, animations, morph targets, points and lines are left out.

    Raises:
        InputError: not a readable GLB, no triangles in it, or it needs an extension (Draco,
            meshopt, Basis) that is not read here.
    """
    return decode_document(*container.unpack(data))


def put_scene(store: BlobStore, nodes: Sequence[GlbNode]) -> MeshRef:
    """Store several named meshes as one GLB; counts go over all of them.

    Raises:
        InputError, GeometryError: see ``encode_glb``.
    """
    blob = store.put(encode_glb(nodes), GLB_MEDIA)
    return MeshRef(
        **blob.model_dump(),
        vertices=sum(len(node.mesh.vertices) for node in nodes),
        faces=sum(len(node.mesh.faces) for node in nodes),
    )


def get_scene(store: BlobStore, ref: BlobRef) -> list[GlbNode]:
    """The meshes of a stored GLB.

    Raises:
        InputError: see ``decode_glb``.
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    return decode_glb(store.get(ref))


def put_mesh(store: BlobStore, name: str, mesh: TriangleMesh) -> MeshRef:
    """Store one mesh under a name, its vertices as they are.

    Raises:
        InputError, GeometryError: see ``encode_glb``.
    """
    return put_scene(store, [GlbNode(name, mesh)])


def get_mesh(store: BlobStore, ref: MeshRef) -> TriangleMesh:
    """A mesh stored by ``put_mesh``, +Z up.

    Raises:
        BlobCorruptError: the GLB does not hold exactly one mesh.
        BlobMissingError: see ``BlobStore.get``.
    """
    nodes = get_scene(store, ref)
    if len(nodes) != 1:
        raise BlobCorruptError(
            f"blob {ref.sha256[:12]}: expected a GLB with one mesh, got {len(nodes)}; refresh mesh"
        )
    return nodes[0].world_mesh()
