"""Pictures that are compared: colours on white, and where anything is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from evaluation.functional import images
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera


@dataclass(frozen=True)
class Look:
    """One view of one side: colours in [0, 1] on white, and where anything is."""

    rgb: Float[np.ndarray, "H W 3"]
    silhouette: Bool[np.ndarray, "H W"]


def look(scene: RenderScene, camera: Camera) -> Look:
    """A scene seen by a camera, on white."""
    rgba = scene.render(camera, supersample=1).rgba.astype(np.float64) / 255.0
    alpha = rgba[..., 3:]
    return Look(rgba[..., :3] * alpha + (1.0 - alpha), rgba[..., 3] > 0)


def covered_psnr(prediction: Look, truth: Look) -> float:
    """PSNR over pixels that either side covers: empty ground does not flatter."""
    covered = prediction.silhouette | truth.silhouette
    return images.psnr(prediction.rgb, truth.rgb, covered) if covered.any() else 0.0
