"""The radiance field as a nerfstudio Model: voxel distances rendered with NeuS opacities.

Importing this module imports nerfstudio, which takes seconds; ``training`` is its only user.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import (
    TrainingCallback,
    TrainingCallbackAttributes,
    TrainingCallbackLocation,
)
from nerfstudio.models.base_model import Model, ModelConfig
from torch import Tensor
from torch.nn import Parameter

from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.neus_alpha import annealed
from mmpart_core.reconstruct.rendering import render_rays, spread_distances
from mmpart_core.reconstruct.voxel_field import VoxelField

_COLOR_SMOOTHING_EVERY = 2  # steps; it takes the whole grid, so it is left out every other time


@dataclass
class PartModelConfig(ModelConfig):
    """What the model is made of; see the back-end's Settings for the meaning of the numbers."""

    _target: type = field(default_factory=lambda: PartModel)
    enable_collider: bool = False
    seed: int = 0
    steps: int = 400
    refine_step: int = 200
    samples: int = 40
    sharpness: tuple[float, float] = (50.0, 500.0)
    mask_weight: float = 0.5
    eikonal_weight: float = 0.01
    laplacian_weights: tuple[float, float] = (0.02, 0.5)
    color_smoothing: float = 0.06


class PartModel(Model):
    """A voxel field, rendered along rays that carry their own near and far distance."""

    config: PartModelConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def populate_modules(self) -> None:
        """Build the coarse field from the hull that the dataset carries as metadata."""
        super().populate_modules()
        metadata: dict[str, Any] = self.kwargs["metadata"]
        self.fine_spec: GridSpec = metadata["fine_spec"]
        self.field = VoxelField(metadata["coarse_spec"], metadata["coarse_sdf"])
        self.sharpness = self.config.sharpness[0]
        self.laplacian_weight = self.config.laplacian_weights[0]
        self.step = 0
        self._generator: torch.Generator | None = None

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """The two grids, which learn at different rates."""
        return {"sdf": [self.field.sdf], "color": [self.field.color]}

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """Sharpen and smooth the surface more at every step; go to the fine grid once."""
        optimizers = training_callback_attributes.optimizers

        def sharpen(step: int) -> None:
            steps = self.config.steps
            self.sharpness = annealed(step, steps, *self.config.sharpness)
            self.laplacian_weight = annealed(step, steps, *self.config.laplacian_weights)
            self.step = step

        def refine(step: int) -> None:
            del step
            self.field.refine(self.fine_spec)
            if optimizers is not None:
                self._replace_parameters(optimizers)

        where = [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION]
        return [
            TrainingCallback(where, sharpen, update_every_num_iters=1),
            TrainingCallback(where, refine, iters=(self.config.refine_step,)),
        ]

    def _replace_parameters(self, optimizers: Any) -> None:
        """Give the optimizers the new grids, without the old ones' moments; schedules go on."""
        for name, parameters in self.get_param_groups().items():
            optimizer = optimizers.optimizers[name]
            optimizer.state.clear()
            optimizer.param_groups[0]["params"] = parameters
            optimizers.parameters[name] = parameters

    def get_outputs(self, ray_bundle: RayBundle | Cameras) -> dict[str, Tensor | list[Any]]:
        """Render rays.

        Args:
            ray_bundle: R rays with nears and fars.

        Returns:
            ``rgb`` (R, 3), premultiplied; ``accumulation`` (R, 1).
        """
        if isinstance(ray_bundle, Cameras):
            raise TypeError("PartModel renders rays, not cameras")
        nears, fars = ray_bundle.nears, ray_bundle.fars
        if nears is None or fars is None:
            raise ValueError("PartModel renders rays with nears and fars only")
        within = torch.full((len(nears), self.config.samples), 0.5, device=nears.device)
        if self.training:
            within = torch.rand(within.shape, generator=self.generator, device=nears.device)
        distances = spread_distances(nears, fars, within)
        seen = render_rays(
            self.field, ray_bundle.origins, ray_bundle.directions, distances, self.sharpness
        )
        return {"rgb": seen.rgb, "accumulation": seen.accumulation}

    @property
    def generator(self) -> torch.Generator:
        """The model's own random numbers, so that parts may train side by side."""
        if self._generator is None:
            self._generator = torch.Generator(device=self.device)
            self._generator.manual_seed(self.config.seed)
        return self._generator

    def get_loss_dict(
        self,
        outputs: dict[str, Tensor],
        batch: dict[str, Tensor],
        metrics_dict: dict[str, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Losses: colour over a random ground, mask, smoothness of both grids."""
        del metrics_dict
        config, rgba = self.config, batch["rgba"]
        alpha, accumulation = rgba[:, 3:], outputs["accumulation"]
        ground = torch.rand(
            (len(rgba), 3), generator=self.generator, device=rgba.device, dtype=rgba.dtype
        )
        seen = outputs["rgb"] + (1.0 - accumulation) * ground
        target = rgba[:, :3] * alpha + (1.0 - alpha) * ground
        losses = {
            "color": (seen - target).abs().mean(),
            "mask": config.mask_weight * (accumulation - alpha).square().mean(),
            "smoothness": self.field.smoothness(config.eikonal_weight, self.laplacian_weight),
        }
        if self.step % _COLOR_SMOOTHING_EVERY == 0:
            losses["variation"] = config.color_smoothing * self.field.color_variation()
        return losses

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Peak signal-to-noise ratio of rendered rays against their pixels, over black."""
        target = batch["rgba"][:, :3] * batch["rgba"][:, 3:]
        error = float((outputs["rgb"] - target).square().mean())
        psnr = -10.0 * float(torch.log10(torch.tensor(max(error, 1e-10))))
        return {"psnr": psnr}, {"rgb": outputs["rgb"]}
