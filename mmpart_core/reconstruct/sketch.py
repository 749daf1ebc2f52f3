"""A short, coarse training: what views have in common, for ``view_registration``.

Importing this module imports nerfstudio, which takes seconds.
"""

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.progress import progress_heard
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.settings import Settings, training_options
from mmpart_core.reconstruct.voxel_field import VoxelField

# Masks of small views are widened by this much at least: more than those of a part, so that the
# body is less their intersection's.
_SLACK_PX = 2.0


def sketch_options(slack_px: float) -> TrainingOptions:
    """How it is trained, on a CPU, with a part's own widening of the masks."""
    settings = Settings(
        preset="cpu", device="cpu", steps=80, density_steps=0, coarse_resolution=48, resolution=48,
        slack_px=max(slack_px, _SLACK_PX), register_views=False,
    )  # fmt: skip
    return training_options(settings, "cpu")


def sketch(views: PosedViews, slack_px: float, seed: int) -> tuple[VoxelField, float]:
    """Train a field of 48 corners for 80 steps.

    Args:
        views: small posed views, part frame.
        slack_px: by how many pixels the part's own masks are widened.
        seed: every random choice follows from it.

    Returns:
        The field, and the inverse width that its surface has at the end.
    """
    # Registration is part of how training reads its views, and itself needs a training.
    from mmpart_core.reconstruct.training import run_training

    with progress_heard(lambda share: None):  # the training that follows is what is waited for
        model = run_training(views, sketch_options(slack_px), seed).model
    return model.field, model.sharpness
