"""nerfstudio's Trainer in memory and quietly, also several times at once.

Importing this module imports nerfstudio, which takes seconds.

nerfstudio's Trainer expects to be alone in its process: its set-up resets event buffers and a
profiler list that are global to the module ``nerfstudio.utils.writer`` and ``profiler``, prints to
a global console and ends by writing a checkpoint. Two parts may train in two threads, so
``QuietTrainer`` builds the same pieces without touching the globals; the loop, the step, the
optimizers and the schedules are nerfstudio's. Events still pass through the global list, whose
single operations are atomic, and no writer listens.
"""

# ruff: noqa: E402 - nerfstudio imports torchvision, whose operators are to be declared before.

import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any, Literal, TypeVar

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

from nerfstudio.configs.base_config import (
    LocalWriterConfig,
    LoggingConfig,
    MachineConfig,
    ViewerConfig,
)
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE

from mmpart_core.progress import report_progress

_quiet_lock = threading.Lock()


class QuietTrainer(Trainer):
    """nerfstudio's Trainer without viewer, files, prints or shared state."""

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
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

    def train_iteration(self, step: int) -> Any:
        """One step, as nerfstudio makes it; how far training is can be heard."""
        made = super().train_iteration(step)
        report_progress((step + 1) / self.config.max_num_iterations)
        return made

    def save_checkpoint(self, step: int) -> None:
        """Keep nothing: the field is sampled from the model itself."""

    def _after_train(self) -> None:
        self.training_state = "completed"
        for callback in self.callbacks:
            callback.run_callback_at_location(self.step, TrainingCallbackLocation.AFTER_TRAIN)


AnyTrainer = TypeVar("AnyTrainer", bound=QuietTrainer)


def quiet_settings(*, steps: int, seed: int, device: str) -> dict[str, Any]:
    """Fields of a ``TrainerConfig`` for a run that says, shows and saves nothing.

    Args:
        steps: batches.
        seed: what the configuration calls ``machine.seed``; nerfstudio's Trainer does not read it.
        device: ``cpu`` or ``cuda``.
    """
    return {
        "experiment_name": "part",
        "timestamp": "run",
        "machine": MachineConfig(seed=seed, device_type=device),  # pyright: ignore[reportArgumentType]
        "logging": _logging(),
        "viewer": ViewerConfig(quit_on_train_completion=True),
        "max_num_iterations": steps,
        "steps_per_save": 0,
        "steps_per_eval_batch": 0,
        "steps_per_eval_image": 0,
        "steps_per_eval_all_images": 0,
    }


def train_quietly(kind: type[AnyTrainer], config: TrainerConfig) -> AnyTrainer:
    """Build a trainer and train to the end.

    Args:
        kind: the trainer.
        config: with ``quiet_settings``; here it gets a folder, which is removed, and no viewer.
    """
    _prepare_events()
    with tempfile.TemporaryDirectory(prefix="mmpart-reconstruct-") as folder:
        config.output_dir = Path(folder)
        # None of nerfstudio's, all of which write files or open ports.
        config.vis = "none"  # pyright: ignore[reportAttributeAccessIssue]
        trainer = _build(kind, config)
        trainer.setup()
        try:
            trainer.train()
        finally:
            writer.EVENT_STORAGE.clear()
    return trainer


def _prepare_events() -> None:
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


def _build(kind: type[AnyTrainer], config: TrainerConfig) -> AnyTrainer:
    """Construct the trainer without its greetings on the global console."""
    with _quiet_lock:
        quiet, CONSOLE.quiet = CONSOLE.quiet, True
        try:
            # Not catch_warnings, which would undo what other threads do to the filters meanwhile.
            warnings.filterwarnings(
                "ignore", r"`torch\.cuda\.amp\.GradScaler", FutureWarning, r"nerfstudio\."
            )
            return kind(config)
        finally:
            CONSOLE.quiet = quiet
