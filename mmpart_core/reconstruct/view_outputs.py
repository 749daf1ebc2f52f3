"""What nerfstudio's viewer, evaluation and exporters want to see of a rendered view."""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from mmpart_core.reconstruct.rendering import Rendered, surface_normals
from mmpart_core.reconstruct.voxel_field import VoxelField

# Half the light: from there on a ray meets the part.
_SOLID = 0.5


@torch.no_grad()
def surface_outputs(
    field: VoxelField,
    origins: Float[Tensor, "R 3"],
    directions: Float[Tensor, "R 3"],
    seen: Rendered,
) -> dict[str, Tensor]:
    """Depth and normals along rays.

    Args:
        field: what is seen.
        origins: part frame.
        directions: unit length.
        seen: what the rays show.

    Returns:
        ``depth`` (R, 1): distance along the ray; of rays that miss the part, where they have left
        the unit sphere, so that a truncated distance field carves what they pass. ``normals``
        (R, 3): unit normals in the part frame, mapped from [-1, 1] to [0, 1]; 0.5 throughout where
        the part is missed.
    """
    solid = seen.accumulation >= _SOLID
    beyond = origins.norm(dim=-1, keepdim=True) + 1.5
    depth = torch.where(solid, seen.depth, beyond)
    normals = surface_normals(field, origins + directions * depth) * 0.5 + 0.5
    return {
        "depth": depth,
        "normals": torch.where(solid, normals, torch.full_like(normals, 0.5)).clamp(0.0, 1.0),
    }


def image_metrics(
    outputs: dict[str, Tensor], rgba: Float[Tensor, "H W 4"]
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Compare a rendered view with the given one, both over black.

    LPIPS, which nerfstudio's own models report, needs downloaded weights and is left out.

    Args:
        outputs: ``rgb`` (H, W, 3) premultiplied, ``accumulation`` (H, W, 1), ``depth``,
            ``normals``.
        rgba: the given view, straight alpha.

    Returns:
        ``psnr`` and ``ssim`` over the whole image, ``psnr_foreground`` over the pixels of the mask
        (dB), ``silhouette_iou``; and pictures (H, W or 2 W, C): given beside rendered, opacity,
        normals.
    """
    alpha, accumulation = rgba[..., 3:], outputs["accumulation"]
    given, shown = rgba[..., :3] * alpha, outputs["rgb"].clamp(0.0, 1.0)
    error = (given - shown).square()
    inside = alpha[..., 0] >= _SOLID
    solid = accumulation[..., 0] >= _SOLID
    ssim = structural_similarity_index_measure(
        shown.permute(2, 0, 1)[None], given.permute(2, 0, 1)[None], data_range=1.0
    )
    union = (inside | solid).sum().clamp(min=1)
    metrics = {
        "psnr": _decibels(error.mean()),
        "psnr_foreground": _decibels(error[inside].mean()) if inside.any() else 100.0,
        "ssim": float(ssim[0] if isinstance(ssim, tuple) else ssim),
        "silhouette_iou": float((inside & solid).sum() / union),
    }
    images = {
        "img": torch.cat([given, shown], dim=1),
        "accumulation": accumulation.clamp(0.0, 1.0),
        "normals": outputs["normals"],
    }
    return metrics, images


def _decibels(error: Tensor) -> float:
    """Peak signal-to-noise ratio, 100 dB at most."""
    return -10.0 * float(torch.log10(error.clamp(min=1e-10)))
