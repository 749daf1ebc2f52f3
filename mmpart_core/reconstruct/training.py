"""Runs nerfstudio's Trainer on one part, in memory and quietly.

Importing this module imports nerfstudio, which takes seconds; the back-end does so in ``open``.

nerfstudio's Trainer expects to be alone in its process: its set-up resets event buffers and a
profiler list that are global to the module ``nerfstudio.utils.writer`` and ``profiler``, prints to
a global console and ends by pickling a checkpoint. Two parts may train in two threads, so
``PartTrainer`` builds the same pieces without touching the globals; the loop, the step, the
optimizers and the schedules are nerfstudio's. Events still pass through the global list, whose
single operations are atomic, and no writer listens.
"""

# ruff: noqa: E402 - nerfstudio imports torchvision, whose operators are to be declared before.

import tempfile
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

from nerfstudio.configs.base_config import (
    LocalWriterConfig,
    LoggingConfig,
    MachineConfig,
    ViewerConfig,
)
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.optimizers import OptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE

from mmpart_core.reconstruct.part_data import PartDataManagerConfig
from mmpart_core.reconstruct.part_model import PartModel, PartModelConfig
from mmpart_core.reconstruct.voxel_field import VoxelField

_quiet_lock = threading.Lock()
_DECAY = 0.1  # of the learning rates, from the first step to the last


@dataclass
class FusedAdamConfig(OptimizerConfig):
    """Adam in one pass over memory, which the dense grids are bound by."""

    _target: type = torch.optim.Adam
    eps: float = 1e-15
    betas: tuple[float, float] = (0.9, 0.99)
    fused: bool = True


@dataclass
class PartTrainerConfig(TrainerConfig):
    """nerfstudio's configuration, for ``PartTrainer``."""

    _target: type = field(default_factory=lambda: PartTrainer)


class PartTrainer(Trainer):
    """nerfstudio's Trainer without viewer, files, prints or shared state."""

    def setup(self, test_mode: str = "val") -> None:
        """Build pipeline, optimizers and callbacks, as the base class does; nothing global."""
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


def prepare_events() -> None:
    """Give nerfstudio's event functions the buffer they write to; once, never reset."""
    with _quiet_lock:
        if not writer.is_initialized():
            quiet, CONSOLE.quiet = CONSOLE.quiet, True
            try:
                writer.setup_local_writer(_logging(), max_iter=1)
            finally:
                CONSOLE.quiet = quiet


def _logging() -> LoggingConfig:
    """No writer, no profiler, no periodic log."""
    return LoggingConfig(
        steps_per_log=0, local_writer=LocalWriterConfig(enable=False), profiler="none"
    )


def run_training(
    data: PartDataManagerConfig,
    model: PartModelConfig,
    *,
    steps: int,
    sdf_rate: float,
    color_rate: float,
    device: str,
) -> PartTrainer:
    """Train one part to the end.

    Args:
        data: the part's rays.
        model: the part's field.
        steps: number of batches.
        sdf_rate: learning rate of the distance grid; falls to a tenth.
        color_rate: learning rate of the colour grid; falls to a tenth.
        device: ``cpu`` or ``cuda``.

    Returns:
        The trainer; ``pipeline.model`` is trained, ``pipeline.datamanager`` holds the rays.
    """
    prepare_events()
    with tempfile.TemporaryDirectory(prefix="mmpart-reconstruct-") as folder:
        config = PartTrainerConfig(
            method_name="mmpart",
            experiment_name="part",
            timestamp="run",
            output_dir=Path(folder),
            vis="none",  # pyright: ignore[reportArgumentType]
            machine=MachineConfig(device_type=device),  # pyright: ignore[reportArgumentType]
            logging=_logging(),
            viewer=ViewerConfig(quit_on_train_completion=True),
            max_num_iterations=steps,
            steps_per_save=0,
            steps_per_eval_batch=0,
            steps_per_eval_image=0,
            steps_per_eval_all_images=0,
            pipeline=VanillaPipelineConfig(datamanager=data, model=model),
            optimizers={
                "sdf": _optimizer(sdf_rate, steps),
                "color": _optimizer(color_rate, steps),
            },
        )
        trainer = _build(config)
        trainer.setup()
        try:
            trainer.train()
        finally:
            writer.EVENT_STORAGE.clear()
    return trainer


def trained_field(trainer: PartTrainer) -> VoxelField:
    """The trained grids, on the CPU.

    Raises:
        TypeError: the trainer's model is not ours.
    """
    model = trainer.pipeline.model
    if not isinstance(model, PartModel):
        raise TypeError(f"expected a PartModel, got {type(model).__name__}")
    return model.field.cpu()


def _optimizer(rate: float, steps: int) -> dict[str, object]:
    """Adam whose rate decays exponentially to a tenth."""
    schedule = ExponentialDecaySchedulerConfig(lr_final=rate * _DECAY, max_steps=steps)
    return {"optimizer": FusedAdamConfig(lr=rate), "scheduler": schedule}


def _build(config: PartTrainerConfig) -> PartTrainer:
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
