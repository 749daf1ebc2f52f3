"""Runs nerfstudio's Trainer on one part, in memory and quietly.

Importing this module imports nerfstudio, which takes seconds; the back-end does so in ``open``.

nerfstudio's Trainer expects to be alone in its process: its set-up resets event buffers and a
profiler list that are global to the module ``nerfstudio.utils.writer`` and ``profiler``, prints to
a global console and ends by writing a checkpoint. Two parts may train in two threads, so
``QuietTrainer`` builds the same pieces without touching the globals; the loop, the step, the
optimizers and the schedules are nerfstudio's. Events still pass through the global list, whose
single operations are atomic, and no writer listens.
"""

import tempfile
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# Declares torchvision's operators, which nerfstudio's imports below ask for.
from mmpart_core.reconstruct import part_trainer  # isort: split

from nerfstudio.configs.base_config import (
    LocalWriterConfig,
    LoggingConfig,
    MachineConfig,
    ViewerConfig,
)
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.options import METHOD_NAME, TrainingOptions
from mmpart_core.reconstruct.part_trainer import PartTrainer, PartTrainerConfig

_quiet_lock = threading.Lock()


@dataclass
class QuietTrainerConfig(PartTrainerConfig):
    """nerfstudio's configuration, for ``QuietTrainer``."""

    _target: type = field(default_factory=lambda: QuietTrainer)
    # None of nerfstudio's, all of which write files or open ports.
    vis: str = "none"  # pyright: ignore[reportIncompatibleVariableOverride]


class QuietTrainer(PartTrainer):
    """``PartTrainer`` without viewer, files, prints or shared state."""

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Build pipeline, optimizers and callbacks, as the base class does; nothing global."""
        part_trainer.follow_run(self.config)
        self.pipeline = self.config.pipeline.setup(
            device=self.device,
            test_mode=test_mode,
            world_size=self.world_size,
            local_rank=self.local_rank,
            grad_scaler=self.grad_scaler,
        )
        self.optimizers = self.setup_optimizers()
        self.callbacks = self.pipeline.get_training_callbacks(
            TrainingCallbackAttributes(
                optimizers=self.optimizers,
                grad_scaler=self.grad_scaler,
                pipeline=self.pipeline,
                trainer=self,
            )
        )

    def save_checkpoint(self, step: int) -> None:
        """Keep nothing: the field is sampled from the model itself."""

    def _after_train(self) -> None:
        self.training_state = "completed"
        for callback in self.callbacks:
            callback.run_callback_at_location(self.step, TrainingCallbackLocation.AFTER_TRAIN)


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
    prepare_events()
    with tempfile.TemporaryDirectory(prefix="mmpart-reconstruct-") as folder:
        trainer = _build(_config(views, options, seed, Path(folder)))
        trainer.setup()
        try:
            trainer.train()
        finally:
            writer.EVENT_STORAGE.clear()
    return trainer


def prepare_events() -> None:
    """Give nerfstudio's event functions the buffer they write to; once, never reset."""
    with _quiet_lock:
        if not writer.is_initialized():
            quiet, CONSOLE.quiet = CONSOLE.quiet, True
            try:
                writer.setup_local_writer(_logging(), max_iter=1)
            finally:
                CONSOLE.quiet = quiet


def _config(
    views: PosedViews, options: TrainingOptions, seed: int, folder: Path
) -> QuietTrainerConfig:
    """A run that says, shows and saves nothing."""
    pipeline = part_trainer.pipeline_config(options)
    pipeline.datamanager.dataparser.views = views  # pyright: ignore[reportAttributeAccessIssue]
    return QuietTrainerConfig(
        method_name=METHOD_NAME,
        experiment_name="part",
        timestamp="run",
        output_dir=folder,
        machine=MachineConfig(seed=seed, device_type=options.device),  # pyright: ignore[reportArgumentType]
        logging=_logging(),
        viewer=ViewerConfig(quit_on_train_completion=True),
        max_num_iterations=options.steps,
        steps_per_save=0,
        steps_per_eval_batch=0,
        steps_per_eval_image=0,
        steps_per_eval_all_images=0,
        pipeline=pipeline,
        optimizers=part_trainer.optimizer_configs(options),
    )


def _logging() -> LoggingConfig:
    """No writer, no profiler, no periodic log."""
    return LoggingConfig(
        steps_per_log=0, local_writer=LocalWriterConfig(enable=False), profiler="none"
    )


def _build(config: QuietTrainerConfig) -> PartTrainer:
    """Construct the trainer without its greetings on the global console."""
    with _quiet_lock:
        quiet, CONSOLE.quiet = CONSOLE.quiet, True
        try:
            # Not catch_warnings, which would undo what other threads do to the filters meanwhile.
            warnings.filterwarnings(
                "ignore", r"`torch\.cuda\.amp\.GradScaler", FutureWarning, r"nerfstudio\."
            )
            return config.setup()
        finally:
            CONSOLE.quiet = quiet
