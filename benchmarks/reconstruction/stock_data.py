"""Posed views as data of nerfstudio's stock models: every pixel, nothing known of the shape.

Importing this module imports nerfstudio, which takes seconds.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.datamanagers.base_datamanager import DataManager, DataManagerConfig
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs as ParserOutputs
from nerfstudio.data.datasets.base_dataset import InputDataset
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import (
    TrainingCallback,
    TrainingCallbackAttributes,
    TrainingCallbackLocation,
)
from torch import Tensor
from torch.nn import Parameter

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.part_data import nerfstudio_cameras

# The part fits the unit sphere; the rest is room for what a model puts beside it.
REACH = 1.1


class ViewDataset(InputDataset):
    """Views from memory instead of files."""

    def __init__(self, views: PosedViews) -> None:
        box = torch.tensor([[-REACH] * 3, [REACH] * 3])
        names = [Path(f"view-{index}") for index in range(len(views.cameras))]
        cameras = nerfstudio_cameras(views.cameras)
        super().__init__(ParserOutputs(names, cameras, scene_box=SceneBox(aabb=box)))
        self._views = views

    def get_numpy_image(self, image_idx: int) -> UInt8[np.ndarray, "H W 4"]:
        """One view's pixels."""
        return self._views.rgba[image_idx]


@dataclass
class PixelsConfig(DataManagerConfig):
    """Where pixels come from, how many are drawn, and when to stop."""

    _target: type = field(default_factory=lambda: Pixels)
    views: PosedViews | None = None
    rays_per_batch: int = 1024
    seed: int = 0
    stop_at: float | None = None
    """``time.process_time()`` from which no further step is begun; None for all steps."""


class Pixels(DataManager):
    """Draws pixels of all views alike, as nerfstudio's own data managers do."""

    config: PixelsConfig

    def __init__(
        self,
        config: PixelsConfig,
        device: str = "cpu",
        test_mode: str = "val",
        world_size: int = 1,
        local_rank: int = 0,
    ) -> None:
        del world_size, local_rank
        if config.views is None:
            raise ValueError("PixelsConfig.views is not set")
        self.config, self.device, self.test_mode = config, device, test_mode
        self._views = config.views
        self.train_dataset = self._dataset = ViewDataset(config.views)
        super().__init__()

    def setup_train(self) -> None:
        """All pixels as floats."""
        self._images = torch.from_numpy(self._views.rgba).float() / 255.0
        self._generator = torch.Generator().manual_seed(self.config.seed)

    def setup_eval(self) -> None:
        """Nothing is held out."""

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """Random pixels of random views: ``image`` (R, 4), and their rays."""
        del step
        self.train_count += 1
        limit = torch.tensor(self._images.shape[:3])
        drawn = torch.rand((self.config.rays_per_batch, 3), generator=self._generator)
        index = torch.minimum((drawn * limit).long(), limit - 1)
        view, row, column = index.unbind(dim=1)
        rays = self._dataset.cameras.generate_rays(
            camera_indices=view[:, None], coords=torch.stack([row, column], dim=1) + 0.5
        )
        return rays, {"image": self._images[view, row, column], "indices": index}

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """As ``next_train``."""
        return self.next_train(step)

    def next_eval_image(self, step: int) -> tuple[Cameras, dict[str, Tensor]]:
        """A view's camera and image, in turn."""
        at = step % len(self._dataset)
        return self._dataset.cameras[at : at + 1], {"image": self._images[at]}

    def get_train_rays_per_batch(self) -> int:
        """Rays per batch."""
        return self.config.rays_per_batch

    def get_eval_rays_per_batch(self) -> int:
        """Rays per batch."""
        return self.config.rays_per_batch

    def get_datapath(self) -> Path:
        """No folder: the views are in memory."""
        return Path()

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """None: poses are given."""
        return {}

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """Stops the trainer when its seconds are used up."""
        trainer: Any = training_callback_attributes.trainer

        def stop_in_time(step: int) -> None:
            del step
            if self.config.stop_at is not None and time.process_time() >= self.config.stop_at:
                trainer.stop_training = True

        where = [TrainingCallbackLocation.AFTER_TRAIN_ITERATION]
        return [TrainingCallback(where, stop_in_time, update_every_num_iters=1)]
