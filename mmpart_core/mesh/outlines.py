"""Masks of views as signed distances and rims, with their cameras, for gradients."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from skimage.measure import find_contours

from mmpart_core.geometry import transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.silhouette import FOREGROUND, rim_distance
from mmpart_core.records import Camera

_LEAST_DEPTH = 1e-3


@dataclass(frozen=True)
class Outline:
    """One view's mask.

    Attributes:
        camera: of the view, part frame.
        camera_from_world: float32.
        signed_px: distance to the mask's rim at pixel centres, negative inside.
        rim: points on the rim, column and row with the image's corner at 0, about a pixel apart;
            none where the image's border cuts the mask.
    """

    camera: Camera
    camera_from_world: Float[torch.Tensor, "4 4"]
    signed_px: Float[torch.Tensor, "H W"]
    rim: Float[torch.Tensor, "R 2"]

    def project(
        self, world: Float[torch.Tensor, "P 3"]
    ) -> tuple[Float[torch.Tensor, "P 2"], Float[torch.Tensor, "P"]]:
        """Column and row of points as ``geometry.cameras.project`` has them, and a pixel's size."""
        camera = self.camera
        local = world @ self.camera_from_world[:3, :3].T + self.camera_from_world[:3, 3]
        depth = (-local[:, 2]).clamp(min=_LEAST_DEPTH)
        if camera.projection == "orthographic":
            depth = torch.ones_like(depth)
        scale = camera.focal_px / depth
        column = camera.principal_px[0] + local[:, 0] * scale
        row = camera.principal_px[1] - local[:, 1] * scale
        return torch.stack([column, row], dim=1), 1.0 / scale

    def distance(self, place: Float[torch.Tensor, "P 2"]) -> Float[torch.Tensor, "P"]:
        """Signed distance to the rim at image positions, in pixels; 0 beyond the image."""
        size = place.new_tensor([self.camera.width_px, self.camera.height_px])
        found = torch.nn.functional.grid_sample(
            self.signed_px[None, None],
            (place / size * 2 - 1)[None, None],
            align_corners=False,
            padding_mode="border",
        ).reshape(-1)
        within = ((place >= 0) & (place <= size)).all(dim=1)
        return torch.where(within, found, 0.0)


def find_outlines(views: PosedViews, device: str) -> list[Outline]:
    """Outlines of all views that show anything."""
    found: list[Outline] = []
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        mask = rgba[..., 3] >= FOREGROUND
        if not mask.any() or mask.all():
            continue
        pose = np.linalg.inv(transforms.to_array(camera.world_from_camera))
        found.append(
            Outline(
                camera,
                torch.as_tensor(pose, dtype=torch.float32, device=device),
                torch.as_tensor(rim_distance(mask), dtype=torch.float32, device=device),
                torch.as_tensor(_rim(rgba[..., 3]), dtype=torch.float32, device=device),
            )
        )
    return found


def _rim(alpha: UInt8[np.ndarray, "H W"]) -> Float[np.ndarray, "R 2"]:
    """Where alpha passes a half, to a fraction of a pixel."""
    lines = find_contours(alpha.astype(np.float64), FOREGROUND - 0.5)
    points = np.concatenate(lines) if lines else np.zeros((0, 2))
    return points[::2, ::-1] + 0.5
