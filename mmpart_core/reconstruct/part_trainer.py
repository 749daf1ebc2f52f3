"""nerfstudio's Trainer for parts: schedules that follow the run, checkpoints as safetensors.

Importing this module imports nerfstudio, which takes seconds.
"""

# ruff: noqa: E402 - nerfstudio imports torchvision, whose operators are to be declared before.

import copy
import logging
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

import numpy as np
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig

from mmpart_core.reconstruct import checkpoints
from mmpart_core.reconstruct.carving import undo_swelling
from mmpart_core.reconstruct.field_file import FIELD_NAME, FieldFile, write_field_file
from mmpart_core.reconstruct.finishing import finish_field
from mmpart_core.reconstruct.grid_adam import GridAdamConfig
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.part_data import (
    PartDataManager,
    PartDataManagerConfig,
    PartParserConfig,
)
from mmpart_core.reconstruct.part_model import PartModel, PartModelConfig
from mmpart_core.reconstruct.protocol import TrainedField

# Of the learning rates over a run: distances are carved in large steps and refined in small ones.
_DECAYS = {"sdf": 0.04, "color": 0.1}
_log = logging.getLogger(__name__)


@dataclass
class PartTrainerConfig(TrainerConfig):
    """nerfstudio's configuration, for ``PartTrainer``."""

    _target: type = field(default_factory=lambda: PartTrainer)


class PartTrainer(Trainer):
    """nerfstudio's Trainer, whose checkpoints torch can read back, and which keeps the field."""

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """Build everything, with schedules as long as the run and random numbers from its seed."""
        follow_run(self.config)
        super().setup(test_mode)

    @property
    def model(self) -> PartModel:
        """The model.

        Raises:
            TypeError: the pipeline was configured with another.
        """
        model = self.pipeline.model
        if not isinstance(model, PartModel):
            raise TypeError(f"expected a PartModel, got {type(model).__name__}")
        return model

    @property
    def data(self) -> PartDataManager:
        """The data manager.

        Raises:
            TypeError: the pipeline was configured with another.
        """
        data = self.pipeline.datamanager
        if not isinstance(data, PartDataManager):
            raise TypeError(f"expected a PartDataManager, got {type(data).__name__}")
        return data

    def finished_field(self) -> TrainedField:
        """The trained field, limited and judged; the model stays as it is."""
        model, scene = self.model, self.data.parsed.scene
        field = copy.deepcopy(model.field).cpu()
        if field.spec != scene.fine_spec:  # stopped while carving
            field.refine(scene.fine_spec)
        doubt = model.smoothing**0.5
        values = field.sdf.data[0, 0]
        values.copy_(undo_swelling(scene.fine_first, values, model.config.carved, doubt))
        finished = finish_field(
            field,
            scene,
            self.data.rays,
            samples=model.config.samples,
            sharpness=model.sharpness_range[1],
            doubt=doubt,
        )
        return replace(finished, deformations=self.data.parsed.deformations)

    def save_checkpoint(self, step: int) -> None:
        """Save the state of training; see ``checkpoints``."""
        checkpoints.write_checkpoint(
            self.checkpoint_dir,
            step,
            self.pipeline.state_dict(),
            self.optimizers,
            self.config.save_only_latest_checkpoint,
        )

    def _load_checkpoint(self) -> None:
        """Go on from ``--load-dir`` or ``--load-checkpoint``, if one is given.

        Raises:
            InputError: it holds no checkpoint of ours.
        """
        path = self.config.load_checkpoint
        if self.config.load_dir is not None:
            path = checkpoints.find_checkpoint(self.config.load_dir, self.config.load_step)
        if path is None:
            return
        checkpoint = checkpoints.read_checkpoint(path)
        self.pipeline.load_pipeline(checkpoint.weights, checkpoint.step)
        # The grids are new objects, perhaps of another size.
        self.optimizers = self.setup_optimizers()
        checkpoints.restore_optimizers(self.optimizers, checkpoint)
        self._start_step = checkpoint.step + 1

    def _after_train(self) -> None:
        """Keep the finished field before the viewer takes over, which may never return."""
        trained = self.finished_field()
        for warning in trained.warnings:
            _log.warning("%s", warning)
        parsed = self.data.parsed
        views = self.data.config.dataparser.data.resolve()
        self.base_dir.mkdir(parents=True, exist_ok=True)
        write_field_file(
            self.base_dir / FIELD_NAME,
            FieldFile(trained, np.linalg.inv(parsed.part_from_given), views),
        )
        super()._after_train()


def follow_run(config: TrainerConfig) -> None:
    """Set what follows from a run's length and seed: schedules, and the sources of randomness."""
    model, data = config.pipeline.model, config.pipeline.datamanager
    if isinstance(model, PartModelConfig) and isinstance(data, PartDataManagerConfig):
        model.steps = config.max_num_iterations
        model.seed = data.seed = data.dataparser.seed = config.machine.seed
    for group in config.optimizers.values():
        schedule = group["scheduler"]
        if isinstance(schedule, ExponentialDecaySchedulerConfig):
            schedule.max_steps = config.max_num_iterations


def pipeline_config(options: TrainingOptions) -> VanillaPipelineConfig:
    """Data and model of a part, without the views."""
    parser = PartParserConfig(
        slack_px=options.slack_px,
        register_views=options.register_views,
        margin=options.margin,
        coarse_resolution=options.resolutions[0],
        resolution=options.resolutions[1],
        convex_start=options.convex_start,
        density_steps=options.density_steps,
        hollow=options.hollow,
        facets=options.facets,
        recesses=options.recesses,
    )
    return VanillaPipelineConfig(
        datamanager=PartDataManagerConfig(
            dataparser=parser,
            train_num_rays_per_batch=options.rays,
            eval_num_rays_per_batch=options.rays,
        ),
        model=PartModelConfig(
            samples=options.samples,
            sharpness=options.sharpness,
            thin_widths=options.thin_widths,
            mask_weight=options.mask_weight,
            eikonal_weight=options.eikonal_weight,
            laplacian_weights=options.laplacian_weights,
            carving_share=options.carving_share,
            carved=options.carved,
            color_smoothing=options.color_smoothing,
        ),
    )


def optimizer_configs(options: TrainingOptions) -> dict[str, dict[str, object]]:
    """Both grids' optimizers; rates decay exponentially over the run."""
    return {
        name: {
            "optimizer": GridAdamConfig(lr=rate),
            "scheduler": ExponentialDecaySchedulerConfig(
                lr_final=rate * _DECAYS[name], max_steps=options.steps
            ),
        }
        for name, rate in (("sdf", options.sdf_rate), ("color", options.color_rate))
    }


def used_device(wanted: str) -> str:
    """``cuda`` where it is wanted or nothing is said, and there; else ``cpu``."""
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"
