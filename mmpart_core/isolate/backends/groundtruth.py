"""Isolation of a known scene's parts: the true part drawn alone from the input camera."""

from typing import ClassVar

import numpy as np

from mmpart_core.drawing import LitDrawingSettings
from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.isolate.protocol import Isolation, IsolationTask


class Settings(LitDrawingSettings):
    """How the part is drawn."""


class GroundTruthIsolator:
    """Draws the true part, in place; what other parts cover counts as imagined."""

    VERSION: ClassVar[str] = "1"
    READS_PROMPTS: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        """Draw the part from the input camera.

        Raises:
            BackendError: no known scene, or the part is nowhere in the frame.
            InputError: the scene has no node of that name.
        """
        truth, reference = task.truth, task.prompt.truth
        if truth is None or reference is None or reference.node is None:
            raise BackendError(
                f"part {task.prompt.component!r}: isolate 'groundtruth' needs a known scene and "
                "the request has none; give a GLB with one node per component, or choose another "
                "isolate.kind"
            )
        scene_from_object = transforms.rotation_z(reference.azimuth_deg)
        camera = cameras.camera_in_frame(task.prompt.camera, scene_from_object)
        alone = RenderScene([truth.part(reference.node)]).render(
            camera, supersample=self._settings.supersample, shading=self._settings.shading
        )
        if not alone.rgba[..., 3].any():
            raise BackendError(
                f"part {task.prompt.component!r}: no pixel of it is inside the input camera's "
                "frame or it has no area; move the camera or leave the part out"
            )
        nearest = truth.render_scene.ids(camera)
        visible = nearest == truth.names.index(reference.node)
        imagined = (alone.node_index >= 0) & ~visible
        return Isolation(alone.rgba, visible, imagined, _warnings(visible, imagined))


def _warnings(visible: np.ndarray, imagined: np.ndarray) -> tuple[str, ...]:
    if visible.any():
        return ()
    return (
        "entirely hidden in the source image: nothing of it is seen, all "
        f"{int(imagined.sum())} pixels are taken from the known scene",
    )


BACKEND = GroundTruthIsolator
