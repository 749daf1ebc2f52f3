"""One part from posed views to a sampled field: hull, rays, training, extraction.

Importing this module imports nerfstudio, which takes seconds; the back-end does so in ``open``.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct import extraction, training
from mmpart_core.reconstruct.extraction import Agreement
from mmpart_core.reconstruct.frontier import ConvexBody, supported_body
from mmpart_core.reconstruct.hull import GridSpec, VisualHull, fit_grid
from mmpart_core.reconstruct.masks import check_masks
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.part_data import PartDataManagerConfig, PartParserConfig, PartScene
from mmpart_core.reconstruct.part_model import PartModelConfig
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.ray_cache import RayCache, build_ray_cache
from mmpart_core.reconstruct.rendering import Rendered, render_rays, spread_distances
from mmpart_core.reconstruct.view_colors import project_colors
from mmpart_core.reconstruct.voxel_field import VoxelField

_EVALUATION_RAYS = 8192  # rendered at once: bounds memory, no more
# Confidence below which, and share of a view's foreground without a ray above which, is warned of.
# By hand.
_LOW_CONFIDENCE = 0.5
_MISSED_SHARE = 0.02
# Corners this many spacings from the hull's surface take part in interpolation at the surface.
_COLORED_BAND = 2.5
# Times the first sharpness, for the thinnest: at 200 a sheet of .08 keeps its thickness, at 50 it
# swells to three times that.
_SHARPEST = 4.0


def train_part(views: PosedViews, options: TrainingOptions, seed: int) -> TrainedField:
    """Reconstruct one part.

    Args:
        views: posed views in the part's frame; alpha is the foreground.
        options: how.
        seed: every random choice follows from it.

    Returns:
        The field on the fine grid; with no steps, the first shape with the views' colours.

    Raises:
        BackendError: masks that nothing can be made from.
    """
    warnings = check_masks(views)
    hull = VisualHull(views, options.slack_px)
    fine_spec, limit = fit_grid(hull, options.resolutions[1], options.margin)
    rays = build_ray_cache(views, hull, fine_spec, limit)
    known = np.ones(fine_spec.shape, dtype=bool)
    body = supported_body(views) if options.convex_start else None
    coarse_spec, coarse_limit = fit_grid(hull, options.resolutions[0], options.margin)
    first = _first_shape(coarse_spec, coarse_limit, body)
    options = replace(options, sharpness=sharpness_for(first, options))
    if options.steps == 0:
        field, known = _colored_shape(views, fine_spec, _first_shape(fine_spec, limit, body))
    else:
        scene = PartScene(views, rays, coarse_spec, first, fine_spec)
        field = _train(scene, options, seed)
    agreement, touched = _evaluate(field, rays, options)
    grid = extraction.finish_grid(
        fine_spec,
        torch.maximum(field.sdf.detach()[0, 0], limit),
        torch.sigmoid(field.color.detach()[0]).permute(1, 2, 3, 0),
        touched & known,
    )
    return TrainedField(
        grid=grid,
        train_psnr_db=agreement.psnr_db,
        confidence=agreement.confidence,
        warnings=(*warnings, *_warnings(agreement, rays)),
    )


def _train(scene: PartScene, options: TrainingOptions, seed: int) -> VoxelField:
    """Train through nerfstudio; the field comes back on the CPU."""
    trainer = training.run_training(
        PartDataManagerConfig(
            parser=PartParserConfig(scene=scene), rays_per_batch=options.rays, seed=seed
        ),
        PartModelConfig(
            seed=seed,
            steps=options.steps,
            refine_step=options.steps // 2,
            samples=options.samples,
            sharpness=options.sharpness,
            mask_weight=options.mask_weight,
            eikonal_weight=options.eikonal_weight,
            laplacian_weights=options.laplacian_weights,
            color_smoothing=options.color_smoothing,
        ),
        steps=options.steps,
        sdf_rate=options.sdf_rate,
        color_rate=options.color_rate,
        device=options.device,
    )
    return training.trained_field(trainer)


def sharpness_for(first: Float[Tensor, "X Y Z"], options: TrainingOptions) -> tuple[float, float]:
    """Inverse surface widths at the first and the last step, higher for a thin part.

    NeuS opacities spread over a few widths to both sides of a surface: where two surfaces are that
    near, their opacities add up before either is reached, and training pushes them apart.

    Args:
        first: distances of the shape that training starts from, negative inside; part units.
        options: the widths to start from, and how many of them a part is to be thick.
    """
    thickness = max(-2.0 * float(first.min()), 1e-6)
    wanted = options.thin_widths / (options.sharpness[0] * thickness)
    factor = min(max(wanted, 1.0), _SHARPEST)
    return options.sharpness[0] * factor, options.sharpness[1] * factor**0.5


def _first_shape(
    spec: GridSpec, limit: Float[Tensor, "X Y Z"], body: ConvexBody | None
) -> Float[Tensor, "X Y Z"]:
    """The visual hull on a grid, cut by the convex body that the outlines ask for.

    Where the two have nothing in common on this grid the hull stays whole.
    """
    if body is None:
        return limit
    cut = torch.maximum(limit, body.sdf(spec.positions()).view(spec.shape))
    return cut if bool((cut < 0).any()) else limit


def _colored_shape(
    views: PosedViews, spec: GridSpec, sdf: Float[Tensor, "X Y Z"]
) -> tuple[VoxelField, Bool[np.ndarray, "X Y Z"]]:
    """A shape as a field with the views' colours, and the corners that have one."""
    field = VoxelField(spec, sdf)
    near = torch.nonzero((sdf.abs() < _COLORED_BAND * spec.spacing).reshape(-1))[:, 0]
    colors, seen = project_colors(views, spec, sdf, spec.positions()[near])
    known = torch.zeros(sdf.numel(), dtype=torch.bool)
    known[near] = seen
    with torch.no_grad():
        field.color.view(3, -1)[:, near] = torch.logit(colors, eps=1e-3).T
    return field, known.view(sdf.shape).numpy()


@torch.no_grad()
def _evaluate(
    field: VoxelField, rays: RayCache, options: TrainingOptions
) -> tuple[Agreement, Bool[np.ndarray, "X Y Z"]]:
    """Render every fourth pixel; the corners touched are those whose colour is known."""
    index = torch.nonzero(rays.on_stride)[:, 0]
    pieces: list[Rendered] = []
    for some in index.split(_EVALUATION_RAYS):
        within = torch.full((len(some), options.samples), 0.5)
        distances = spread_distances(rays.nears[some], rays.fars[some], within)
        pieces.append(
            render_rays(
                field, rays.origins[some], rays.directions[some], distances, options.sharpness[1]
            )
        )
    seen = Rendered(
        torch.cat([piece.rgb for piece in pieces]),
        torch.cat([piece.accumulation for piece in pieces]),
        torch.cat([piece.visible for piece in pieces]),
    )
    touched = extraction.touched_corners(field.spec, seen.visible)
    return extraction.measure_agreement(rays, index, seen), touched


def _warnings(agreement: Agreement, rays: RayCache) -> tuple[str, ...]:
    """What the user should know about the views."""
    warnings: list[str] = []
    lost = [
        f"view {view} ({share * 100.0:.0f} %)"
        for view, share in enumerate(rays.missed)
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
