"""From a trained model to the grid that meshing reads, and an honest word on its quality."""

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from torch import Tensor

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.ray_cache import RayCache


@dataclass(frozen=True)
class Agreement:
    """How well a field agrees with its training views.

    Attributes:
        psnr_db: over the foreground's pixels, on a black ground.
        silhouette_iou: mean over the views of the overlap of rendered and given masks.
    """

    psnr_db: float
    silhouette_iou: float

    @property
    def confidence(self) -> float:
        """Silhouette overlap times how far the colours agree: 0 at 10 dB, 1 at 30 dB and more.

        Views that contradict each other lose silhouette overlap (the common body is smaller than
        each mask) and colour agreement (one colour per point cannot serve all views). It says
        nothing about surface that no view sees.
        """
        color = min(max((self.psnr_db - 10.0) / 20.0, 0.0), 1.0)
        return float(self.silhouette_iou * color)


def measure_agreement(
    rays: RayCache,
    index: Int[Tensor, "R"],
    rgb: Float[Tensor, "R 3"],
    accumulation: Float[Tensor, "R 1"],
) -> Agreement:
    """Compare rendered rays with their pixels.

    Args:
        rays: all rays.
        index: which of them were rendered.
        rgb: the colour they show, premultiplied.
        accumulation: the opacity they show.
    """
    rgba, views = rays.rgba[index], rays.views[index]
    given = rgba[:, 3] >= 0.5
    shown = accumulation[:, 0] >= 0.5
    difference = (rgb - rgba[:, :3] * rgba[:, 3:]).square().mean(dim=1)
    overlaps: list[float] = []
    errors, pixels = 0.0, 0.0
    for view, missed in enumerate(rays.missed):
        here = views == view
        foreground = float((given & here).sum())
        # Foreground that no ray stands for is foreground that was not shown.
        unseen = foreground * missed / max(1.0 - missed, 1e-6)
        both = float((given & shown & here).sum())
        either = float(((given | shown) & here).sum()) + unseen
        overlaps.append(both / max(either, 1.0))
        errors += float(difference[given & here].sum()) + unseen
        pixels += foreground + unseen
    psnr = -10.0 * float(np.log10(max(errors / max(pixels, 1.0), 1e-10)))
    return Agreement(psnr, float(np.mean(overlaps)))


def touched_corners(spec: GridSpec, positions: Float[Tensor, "P 3"]) -> Bool[np.ndarray, "X Y Z"]:
    """Grid corners around points: those whose colour the views have determined.

    Args:
        spec: the grid.
        positions: as ``VoxelField.normalized`` gives them.
    """
    limit = torch.tensor(spec.shape) - 1
    cell = ((positions.flip(-1) + 1.0) * 0.5 * limit).floor().long()
    cell = torch.minimum(cell.clamp(min=0), limit - 1)
    touched = torch.zeros(spec.shape, dtype=torch.bool)
    for offset in itertools.product((0, 1), repeat=3):
        x, y, z = (cell + torch.tensor(offset)).unbind(dim=1)
        touched[x, y, z] = True
    return touched.numpy()


def finish_grid(
    spec: GridSpec,
    sdf: Float[Tensor, "X Y Z"],
    rgb: Float[Tensor, "X Y Z 3"],
    touched: Bool[np.ndarray, "X Y Z"],
) -> FieldGrid:
    """The grid that meshing reads.

    Colour is kept where views determined it and spread from the nearest such corner elsewhere, so
    that a texture baked a little off the surface, or where no view looks, is not grey.
    """
    colors = rgb.numpy()
    if touched.any() and not touched.all():
        nearest = np.asarray(
            ndimage.distance_transform_edt(~touched, return_distances=False, return_indices=True)
        )
        colors = colors[nearest[0], nearest[1], nearest[2]]
    return FieldGrid(
        sdf=np.ascontiguousarray(sdf.numpy(), dtype=np.float32),
        rgb=np.ascontiguousarray(colors.clip(0.0, 1.0), dtype=np.float32),
        origin=np.array(spec.origin, dtype=np.float64),
        spacing=spec.spacing,
    )
