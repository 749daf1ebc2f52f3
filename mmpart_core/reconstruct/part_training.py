"""One part from posed views to a sampled field: hull, rays, training, extraction.

Importing this module imports nerfstudio, which takes seconds; the back-end does so in ``open``.
"""

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct import training
from mmpart_core.reconstruct.finishing import finish_field
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.part_scene import scene_of, sharpness_for
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.view_colors import COLORED_BAND, paint
from mmpart_core.reconstruct.voxel_field import VoxelField


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
    scene = scene_of(views, options, seed)
    field = VoxelField(scene.fine_spec, scene.fine_first)
    known = paint(field, scene.views, COLORED_BAND * scene.fine_spec.spacing)
    return finish_field(
        field,
        scene,
        scene.rays,
        samples=options.samples,
        sharpness=sharpness_for(scene.first, options.sharpness, options.thin_widths)[1],
        known=known.numpy(),
    )
