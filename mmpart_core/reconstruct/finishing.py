"""From a trained field to what the stage gives: limited by the hull, with an honest word on it."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool

from mmpart_core.reconstruct import extraction
from mmpart_core.reconstruct.extraction import Agreement
from mmpart_core.reconstruct.part_scene import PartScene
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.ray_cache import RayCache
from mmpart_core.reconstruct.rendering import Rendered, render_rays, spread_distances
from mmpart_core.reconstruct.thin_cover import cover_masks
from mmpart_core.reconstruct.voxel_field import VoxelField

_EVALUATION_RAYS = 8192  # rendered at once: bounds memory, no more
# Confidence below which, and share of a view's foreground without a ray above which, is warned of.
# By hand.
_LOW_CONFIDENCE = 0.5
_MISSED_SHARE = 0.02
_DARKEST = 1e-3  # of colours kept as logits


def finish_field(
    field: VoxelField,
    scene: PartScene,
    rays: RayCache,
    *,
    samples: int,
    sharpness: float,
    doubt: float = 1.0,
    known: Bool[np.ndarray, "X Y Z"] | None = None,
) -> TrainedField:
    """Complete, limit and judge a field.

    Args:
        field: on the scene's fine grid, on the CPU; it gains what the masks show and it does not.
        scene: the part.
        rays: its views' rays.
        samples: per ray, to judge by.
        sharpness: inverse surface width that the field is rendered with.
        doubt: disagreement of the views' colours, as a multiple of what consistent ones leave.
        known: corners whose colour may be kept; all where none is given.
    """
    added = _add_missing(field, scene, doubt)
    agreement, touched = _evaluate(field, rays, samples, sharpness)
    agreeing = len(scene.kept) / (len(scene.kept) + len(scene.left_out))
    grid = extraction.finish_grid(
        scene.fine_spec,
        torch.maximum(field.sdf.detach()[0, 0], scene.limit),
        torch.sigmoid(field.color.detach()[0]).permute(1, 2, 3, 0),
        touched if known is None else touched & (known | added),
    )
    return TrainedField(
        grid=replace(grid, doubt=max(doubt, 1.0)),
        train_psnr_db=agreement.psnr_db,
        confidence=agreement.confidence * agreeing,
        warnings=(*scene.warnings, *_warnings(agreement, rays, scene.kept)),
        left_out=scene.left_out,
    )


@torch.no_grad()
def _add_missing(field: VoxelField, scene: PartScene, doubt: float) -> Bool[np.ndarray, "X Y Z"]:
    """Bring thin matter that the masks show into a field; the corners that it changes.

    Rims wear off by as many pixels as the views disagree more than consistent ones do.
    """
    limited = torch.maximum(field.sdf[0, 0], scene.limit)
    worn_px = max(doubt, 1.0)
    cover = cover_masks(scene.views, scene.fine_spec, limited, scene.limit, worn_px)
    field.sdf[0, 0][cover.lowered] = cover.sdf[cover.lowered]
    colors = torch.logit(cover.rgb[cover.lowered], eps=_DARKEST)
    field.color[0].permute(1, 2, 3, 0)[cover.lowered] = colors
    return cover.lowered.numpy()


@torch.no_grad()
def _evaluate(
    field: VoxelField, rays: RayCache, samples: int, sharpness: float
) -> tuple[Agreement, Bool[np.ndarray, "X Y Z"]]:
    """Render every fourth pixel; the corners touched are those whose colour is known."""
    index = torch.nonzero(rays.on_stride)[:, 0]
    pieces: list[Rendered] = []
    for some in index.split(_EVALUATION_RAYS):
        within = torch.full((len(some), samples), 0.5)
        distances = spread_distances(rays.nears[some], rays.fars[some], within)
        pieces.append(
            render_rays(field, rays.origins[some], rays.directions[some], distances, sharpness)
        )
    rgb = torch.cat([piece.rgb for piece in pieces])
    accumulation = torch.cat([piece.accumulation for piece in pieces])
    visible = torch.cat([piece.visible for piece in pieces])
    agreement = extraction.measure_agreement(rays, index, rgb, accumulation)
    return agreement, extraction.touched_corners(field.spec, visible)


def _warnings(agreement: Agreement, rays: RayCache, kept: tuple[int, ...]) -> tuple[str, ...]:
    """What the user should know about the views."""
    warnings: list[str] = []
    lost = [
        f"view {view} ({share * 100.0:.0f} %)"
        for view, share in zip(kept, rays.missed, strict=True)
        if share > _MISSED_SHARE
    ]
    if lost:
        warnings.append(
            f"the other views leave no room for part of the foreground of {', '.join(lost)}; "
            "the views disagree, and the shape is what they have in common"
        )
    if agreement.confidence < _LOW_CONFIDENCE:
        warnings.append(
            f"the shape agrees poorly with its views (silhouettes {agreement.silhouette_iou:.2f}, "
            f"colours {agreement.psnr_db:.1f} dB): compare them in sheet.png; where the views "
            "agree with each other, train finer (reconstruct.steps, reconstruct.resolution), where "
            "not, isolate the part more cleanly or make other views"
        )
    return tuple(warnings)
