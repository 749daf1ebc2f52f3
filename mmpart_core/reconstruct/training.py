"""Runs nerfstudio's Trainer on one part, in memory and quietly.

Importing this module imports nerfstudio, which takes seconds; the back-end does so in ``open``.
"""

from typing import Literal

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct import part_trainer
from mmpart_core.reconstruct.options import METHOD_NAME, TrainingOptions
from mmpart_core.reconstruct.part_trainer import PartTrainer, PartTrainerConfig
from mmpart_core.reconstruct.quiet_trainer import QuietTrainer, quiet_settings, train_quietly


class QuietPartTrainer(QuietTrainer, PartTrainer):
    """``PartTrainer`` without viewer, files, prints or shared state."""

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Build everything, with schedules as long as the run and random numbers from its seed."""
        part_trainer.follow_run(self.config)
        super().setup(test_mode)


def run_training(views: PosedViews, options: TrainingOptions, seed: int) -> PartTrainer:
    """Train one part to the end.

    Args:
        views: posed views in the part frame; alpha is the foreground.
        options: how; at least one step.
        seed: every random choice follows from it.

    Returns:
        The trainer, whose model is trained.

    Raises:
        BackendError: masks that nothing can be made from.
    """
    pipeline = part_trainer.pipeline_config(options)
    pipeline.datamanager.dataparser.views = views  # pyright: ignore[reportAttributeAccessIssue]
    config = PartTrainerConfig(
        method_name=METHOD_NAME,
        pipeline=pipeline,
        optimizers=part_trainer.optimizer_configs(options),
        **quiet_settings(steps=options.steps, seed=seed, device=options.device),
    )
    return train_quietly(QuietPartTrainer, config)
