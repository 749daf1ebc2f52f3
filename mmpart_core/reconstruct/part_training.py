"""One part from posed views to a sampled field: hull, rays, training, extraction.

Importing this module imports nerfstudio, which takes seconds; the back-end does so in ``open``.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct import training
from mmpart_core.reconstruct.finishing import finish_field
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.part_scene import scene_of, sharpness_for
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.view_colors import project_colors
from mmpart_core.reconstruct.voxel_field import VoxelField

# Corners this many spacings from the hull's surface take part in interpolation at the surface.
_COLORED_BAND = 2.5


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
    if options.steps > 0:
        return training.run_training(views, options, seed).finished_field()
    scene = scene_of(views, options)
    field, known = _colored_shape(scene.views, scene.fine_spec, scene.fine_first())
    return finish_field(
        field,
        scene,
        scene.rays(),
        samples=options.samples,
        sharpness=sharpness_for(scene.first, options.sharpness, options.thin_widths)[1],
        known=known,
    )


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
