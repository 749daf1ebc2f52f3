"""Part meshes as reconstruction makes them from true views, instead of the true ones."""

from pathlib import Path

import numpy as np

from benchmarks.assembly.scenes import VIEW_PX, MeshSource
from benchmarks.reconstruction.making import make_by_stages
from benchmarks.reconstruction.methods import Method
from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage import glb


def reconstructed(preset: str, seed: int, kept: Path | None = None) -> MeshSource:
    """Reconstruction and meshing of each part from its six true views, on a CPU.

    Args:
        preset: of the reconstruct stage.
        seed: of both stages.
        kept: folder in which meshes are kept and looked for; None makes all of them.
    """
    method = Method("meshes", settings={"reconstruct": {"preset": preset, "device": "cpu"}})
    method.check()

    def make(mesh: TriangleMesh, object_id: str, node: str, azimuth_deg: float) -> TriangleMesh:
        name = f"{object_id}-{node.encode().hex()}-{azimuth_deg:.0f}-{preset}-{seed}.glb"
        file = kept / name if kept is not None else None
        if file is not None and file.exists():
            return glb.decode_glb(file.read_bytes())[0].mesh
        made = make_by_stages(method, views_of(mesh), seed).meshes[0]
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(glb.encode_glb([glb.GlbNode(node, made, np.eye(4))]))
        return made

    return make


def views_of(mesh: TriangleMesh) -> PosedViews:
    """Six views of a part alone, at the poses of Zero123++ v1.2."""
    looking = cameras.zero123plus_cameras("v1.2", VIEW_PX)
    scene = RenderScene([mesh])
    return PosedViews(np.stack([scene.render(camera).rgba for camera in looking]), looking)
