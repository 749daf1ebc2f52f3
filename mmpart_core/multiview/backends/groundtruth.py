"""Views of a known scene: the true part drawn at Zero123++'s poses."""

from typing import ClassVar

import numpy as np

from mmpart_core.drawing import LitDrawingSettings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.geometry.truth_scene import TruthGeometry
from mmpart_core.multiview.poses import PosedDrawingSettings
from mmpart_core.multiview.protocol import GeneratedViews, PartImage


class Settings(PosedDrawingSettings, LitDrawingSettings):
    """Which poses, and how they are drawn."""


class GroundTruthViews:
    """Draws the true part, or the whole scene, at six fixed poses."""

    VERSION: ClassVar[str] = "2"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def generate(self, part: PartImage, seed: int) -> GeneratedViews:
        """Draw the views.

        Raises:
            BackendError: there is no known scene.
            InputError: the scene has no node of that name.
        """
        if part.truth is None:
            raise BackendError(
                "multiview 'groundtruth' needs a known scene and the request has none; give a GLB "
                "with one node per component, or choose another multiview.kind"
            )
        options = self._settings
        scene = RenderScene(_meshes(part.truth, part.node, part.azimuth_deg))
        poses = cameras.zero123plus_cameras(options.version, options.size_px)
        rgba = [
            scene.render(pose, supersample=options.supersample, shading=options.shading).rgba
            for pose in poses
        ]
        what = "the whole known scene" if part.node is None else f"known node {part.node!r}"
        method = f"{what} drawn at the six poses of Zero123++ {options.version}"
        return GeneratedViews(PosedViews(np.stack(rgba), poses), method, framed_by_truth=True)


def _meshes(truth: TruthGeometry, node: str | None, azimuth_deg: float) -> list[TriangleMesh]:
    """What to draw, turned so that the input camera is at azimuth 0."""
    if node is not None:
        return [truth.part_frame(node, azimuth_deg)[0]]
    turn = transforms.rotation_z(-azimuth_deg)
    return [mesh.transformed(turn) for mesh in truth.parts.values()]


BACKEND = GroundTruthViews
