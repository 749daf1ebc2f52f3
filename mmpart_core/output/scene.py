"""The assembled object in memory, for the pictures and files of a bundle."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.output.explode import explode_offsets
from mmpart_core.output.glb_edit import GlbFile
from mmpart_core.records import Camera, ObjectResult
from mmpart_core.storage import glb
from mmpart_core.storage.blob_store import BlobStore


@dataclass(frozen=True)
class BundleScene:
    """The assembled parts, +Z-up world.

    Attributes:
        file: the stored GLB, taken apart.
        names: node names, in the file's order.
        meshes: one per node, placed.
        camera: the input camera.
    """

    file: GlbFile
    names: tuple[str, ...]
    meshes: tuple[TriangleMesh, ...]
    camera: Camera

    @cached_property
    def offsets(self) -> Float[np.ndarray, "K 3"]:
        """Translation of each part in the exploded view."""
        return explode_offsets(self.meshes)

    @cached_property
    def exploded(self) -> tuple[TriangleMesh, ...]:
        """The parts pushed apart."""
        return tuple(
            TriangleMesh(mesh.vertices + offset, mesh.faces, mesh.uv, mesh.texture, mesh.colors)
            for mesh, offset in zip(self.meshes, self.offsets, strict=True)
        )

    @cached_property
    def rendered(self) -> RenderScene:
        """The object ready to be looked at."""
        return RenderScene(self.meshes)

    @cached_property
    def rendered_exploded(self) -> RenderScene:
        """The exploded object ready to be looked at."""
        return RenderScene(self.exploded)


def read_scene(result: ObjectResult, store: BlobStore) -> BundleScene | None:
    """The assembled object of a result; None where nothing was assembled.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
    """
    if result.assembled is None:
        return None
    data = store.get(result.assembled.glb)
    nodes = glb.decode_glb(data)
    return BundleScene(
        file=GlbFile.read(data),
        names=tuple(node.name for node in nodes),
        meshes=tuple(node.world_mesh() for node in nodes),
        camera=result.assembled.camera,
    )
