"""Posed views as data of nerfstudio's own models: every pixel, nothing known of the shape.

Importing this module imports nerfstudio, which takes seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
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

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS
from mmpart_core.reconstruct.part_data import nerfstudio_cameras

# Where a ray may begin at the earliest, part units: nothing lies within a camera.
_NEAREST = 0.05


class ViewDataset(InputDataset):
    """Views from memory instead of files, in the box that the models live in."""

    def __init__(self, views: PosedViews) -> None:
        box = torch.tensor([[-DOMAIN_RADIUS] * 3, [DOMAIN_RADIUS] * 3])
        names = [Path(f"view-{index}") for index in range(len(views.cameras))]
        given = nerfstudio_cameras(views.cameras)
        super().__init__(ParserOutputs(names, given, scene_box=SceneBox(aabb=box)))
        self._views = views

    def get_numpy_image(self, image_idx: int) -> UInt8[np.ndarray, "H W 4"]:
        """One view's pixels."""
        return self._views.rgba[image_idx]


@dataclass(frozen=True)
class PixelRays:
    """The rays of all pixels of all views, view by view and row by row.

    Attributes:
        origins: part frame, float32.
        directions: unit length, part frame, float32.
        rgba: sRGB colour and straight alpha in [0, 1].
        views: int64 index of each ray's view.
    """

    origins: Float[Tensor, "R 3"]
    directions: Float[Tensor, "R 3"]
    rgba: Float[Tensor, "R 4"]
    views: Tensor

    def bundle(self, index: Tensor) -> RayBundle:
        """Some rays, each of which begins and ends at the ball that the part lies in.

        Args:
            index: which, int64.
        """
        origins, directions = self.origins[index], self.directions[index]
        middle = -(origins * directions).sum(dim=1, keepdim=True)
        return RayBundle(
            origins=origins,
            directions=directions,
            pixel_area=torch.ones_like(middle),
            camera_indices=self.views[index, None],
            nears=(middle - DOMAIN_RADIUS).clamp(min=_NEAREST),
            fars=(middle + DOMAIN_RADIUS).clamp(min=2.0 * _NEAREST),
        )


def all_pixels(views: PosedViews, device: str) -> PixelRays:
    """The rays of all pixels.

    Args:
        views: posed views, part frame.
        device: where the tensors are put.
    """
    count, height, width, _ = views.rgba.shape
    rows, columns = np.mgrid[0:height, 0:width].reshape(2, -1) + 0.5
    rays = [cameras.pixel_rays(camera, columns, rows) for camera in views.cameras]
    origins, directions = (np.concatenate(each) for each in zip(*rays, strict=True))
    return PixelRays(
        origins=torch.from_numpy(origins).float().to(device),
        directions=torch.from_numpy(directions).float().to(device),
        rgba=torch.from_numpy(views.rgba.reshape(-1, 4)).to(device).float() / 255.0,
        views=torch.arange(count, device=device).repeat_interleave(height * width),
    )


@dataclass
class PixelsConfig(DataManagerConfig):
    """Where pixels come from, how many are drawn, and when to stop."""

    _target: type = field(default_factory=lambda: Pixels)
    views: PosedViews | None = None
    rays_per_batch: int = 1024
    seed: int = 0
    ends: Callable[[int, Any], bool] | None = None
    """Asked after each batch with the number of batches and the model; true ends training."""


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
        """All rays and their pixels, on the device."""
        self._rays = all_pixels(self._views, self.device)
        self._generator = torch.Generator().manual_seed(self.config.seed)

    def setup_eval(self) -> None:
        """Nothing is held out."""

    def next_train(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """Random pixels of random views: ``image`` (R, 4), and their rays."""
        del step
        self.train_count += 1
        rays, count = self._rays, self.config.rays_per_batch
        drawn = torch.randint(len(rays.rgba), (count,), generator=self._generator)
        drawn = drawn.to(self.device)
        return rays.bundle(drawn), {"image": rays.rgba[drawn]}

    def next_eval(self, step: int) -> tuple[RayBundle, dict[str, Tensor]]:
        """As ``next_train``."""
        return self.next_train(step)

    def next_eval_image(self, step: int) -> tuple[Cameras, dict[str, Tensor]]:
        """A view's camera and image, in turn."""
        at = step % len(self._dataset)
        image = torch.from_numpy(self._views.rgba[at]).float() / 255.0
        return self._dataset.cameras[at : at + 1], {"image": image}

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
        """Stops the trainer where the configuration says so."""
        trainer: Any = training_callback_attributes.trainer
        ends = self.config.ends
        if ends is None:
            return []

        def stop_where_told(step: int) -> None:
            if ends(step + 1, trainer.pipeline.model):
                trainer.stop_training = True

        where = [TrainingCallbackLocation.AFTER_TRAIN_ITERATION]
        return [TrainingCallback(where, stop_where_told, update_every_num_iters=1)]
