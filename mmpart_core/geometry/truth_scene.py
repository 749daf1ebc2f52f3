"""A known scene: a GLB whose nodes are the true parts."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from mmpart_core.errors import InputError
from mmpart_core.geometry import bounds, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.quoting import quoted, quoted_list
from mmpart_core.records import TruthPart, TruthScene
from mmpart_core.storage import glb
from mmpart_core.storage.blob_store import BlobStore

_SCENES_KEPT = 4


@dataclass(frozen=True)
class TruthGeometry:
    """The parts of a known scene in its normalised frame.

    The frame is +Z up with the front at +X; the scene's bounding box is centred and its farthest
    vertex lies on the unit sphere.

    Attributes:
        parts: mesh per node name, in the file's order.
        scene_from_normalised: similarity to the scene's own coordinates, in world axes (+Z up).
    """

    parts: Mapping[str, TriangleMesh]
    scene_from_normalised: Float[np.ndarray, "4 4"]

    @cached_property
    def render_scene(self) -> RenderScene:
        """All parts, ready to be looked at; mesh indices follow ``names``."""
        return RenderScene(list(self.parts.values()))

    @property
    def names(self) -> tuple[str, ...]:
        """Node names in the file's order."""
        return tuple(self.parts)

    def part(self, node: str) -> TriangleMesh:
        """One part in the normalised frame.

        Raises:
            InputError: the scene has no such node.
        """
        if node not in self.parts:
            raise InputError(
                f"known scene: no node named {quoted(node)}; it has {quoted_list(self.parts)}; "
                "name the components after the nodes"
            )
        return self.parts[node]

    def part_frame(
        self, node: str, azimuth_deg: float
    ) -> tuple[TriangleMesh, Float[np.ndarray, "4 4"]]:
        """One part in its own frame: input camera at azimuth 0, centred, in the unit sphere.

        Args:
            node: the part's name.
            azimuth_deg: azimuth of the input camera in the scene's frame.

        Returns:
            The mesh in the part frame, and normalised_from_part.

        Raises:
            InputError: the scene has no such node.
            GeometryError: the part has no extent.
        """
        turned = self.part(node).transformed(transforms.rotation_z(-azimuth_deg))
        turned_from_part = bounds.points_from_unit(turned.vertices[turned.faces.ravel()])
        mesh = turned.transformed(np.linalg.inv(turned_from_part))
        return mesh, transforms.rotation_z(azimuth_deg) @ turned_from_part


_scenes: dict[str, TruthGeometry] = {}
_scenes_lock = threading.Lock()


def load_truth(store: BlobStore, truth: TruthPart | TruthScene | None) -> TruthGeometry | None:
    """The known scene that a record refers to; the last few are kept in memory.

    Args:
        store: where the GLB is.
        truth: a node of a known scene, or the scene; None gives None.

    Raises:
        BlobMissingError, BlobCorruptError: see ``BlobStore.get``.
        InputError: the blob is no GLB, or has no meshes.
    """
    if truth is None:
        return None
    digest = truth.scene.sha256
    with _scenes_lock:
        if digest not in _scenes:
            geometry = read_truth(store.get(truth.scene), f"known scene {digest[:12]}")
            while len(_scenes) >= _SCENES_KEPT:
                del _scenes[next(iter(_scenes))]
            _scenes[digest] = geometry
        return _scenes[digest]


def read_truth(data: bytes, what: str) -> TruthGeometry:
    """Parts of a GLB in the normalised frame.

    Args:
        data: the GLB.
        what: what it is called in messages.

    Raises:
        InputError: not a GLB, or no triangles in it.
        GeometryError: the scene has no extent.
    """
    try:
        nodes = glb.decode_glb(data)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error
    meshes = {node.name: node.world_mesh() for node in nodes}
    used = np.concatenate([mesh.vertices[mesh.faces.ravel()] for mesh in meshes.values()])
    scene_from_normalised = bounds.points_from_unit(used)
    inverse = np.linalg.inv(scene_from_normalised)
    parts = {name: mesh.transformed(inverse) for name, mesh in meshes.items()}
    return TruthGeometry(parts, scene_from_normalised)
