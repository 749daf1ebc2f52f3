"""The radiance field as a nerfstudio Model: voxel distances rendered with NeuS opacities.

Importing this module imports nerfstudio, which takes seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import tyro
from jaxtyping import Float
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

from mmpart_core.reconstruct.band import Band, band_around
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.marching import march_rays
from mmpart_core.reconstruct.neus_alpha import annealed
from mmpart_core.reconstruct.part_scene import PartScene, sharpness_for
from mmpart_core.reconstruct.penalties import color_variation, roughness
from mmpart_core.reconstruct.ray_cache import occupied_spans
from mmpart_core.reconstruct.rendering import render_rays, spread_distances
from mmpart_core.reconstruct.view_colors import paint
from mmpart_core.reconstruct.view_outputs import image_metrics, surface_outputs
from mmpart_core.reconstruct.voxel_field import VoxelField

_COLOR_SMOOTHING_EVERY = 2  # steps; it costs as much as the rays do
# Views whose colours differ from the carved field's by this much on average, of 1, are taken for
# consistent. Those of a generator differ by five times as much: their shading contradicts itself,
# and training on it makes bumps. Smoothing grows with the square.
_CONSISTENT = 0.0125
_SMOOTHEST = 40.0
_FOREGROUND = 0.5  # opacity
_FORGET = 0.95  # per step, of the mean difference
# This far from the first shape colours begin as in the views: grey surface moves for no reason.
_PAINTED = 0.1
_BAND_EVERY = 50  # steps, in which the surface moves by less than the band is wide


@dataclass
class PartModelConfig(ModelConfig):
    """What the model is made of; see the back-end's Settings for the meaning of the numbers."""

    _target: type = field(default_factory=lambda: PartModel)
    enable_collider: bool = False
    samples: int = 40
    """Samples along each ray."""
    render_samples: int = 96
    """The same in whole images, whose rays are bounded less closely."""
    sharpness: tuple[float, float] = (50.0, 1500.0)
    """Inverse surface width at the first and the last step."""
    thin_widths: float = 24.0
    """Parts thinner than so many surface widths are trained sharper."""
    mask_weight: float = 0.2
    """Weight of the mask loss."""
    eikonal_weight: float = 0.01
    """Weight of the pull towards unit gradients of distance."""
    laplacian_weights: tuple[float, float] = (0.0005, 0.05)
    """Weight of the pull towards a smooth surface at the first and the last step."""
    color_smoothing: float = 0.06
    """Weight of the total variation of colour."""
    carving_share: float = 0.25
    """Share of the steps that carve, on the coarse grid."""
    carved: float = 0.025
    """What carving moved by less goes back to the first shape, in part units."""
    steps: tyro.conf.Suppress[int] = 400
    """Length of the schedules; the trainer fills in ``max_num_iterations``."""
    seed: tyro.conf.Suppress[int] = 0
    """Of the model's random numbers; the trainer fills in ``machine.seed``."""


class PartModel(Model):
    """A voxel field, rendered along rays that carry their own near and far distance."""

    config: PartModelConfig  # pyright: ignore[reportIncompatibleVariableOverride]

    def populate_modules(self) -> None:
        """Build the coarse field from the first shape of the scene, which the dataset carries."""
        super().populate_modules()
        metadata: dict[str, Any] = self.kwargs["metadata"]
        self.scene: PartScene = metadata["scene"]
        self.field = VoxelField(self.scene.coarse_spec, self.scene.first)
        paint(self.field, self.scene.views, _PAINTED)
        self.band: Band | None = None
        self.sharpness_range = sharpness_for(
            self.scene.first, self.config.sharpness, self.config.thin_widths
        )
        self.sharpness = self.sharpness_range[0]
        self.laplacian_weight = self.config.laplacian_weights[0]
        self.register_buffer("disagreement", torch.zeros(()))
        self.step = 0
        self._generator: torch.Generator | None = None

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """The two grids, which learn at different rates."""
        return {"sdf": [self.field.sdf], "color": [self.field.color]}

    def get_training_callbacks(
        self, training_callback_attributes: TrainingCallbackAttributes
    ) -> list[TrainingCallback]:
        """Sharpen and smooth more at every step; carve on the coarse grid, refine on the fine."""
        optimizers = training_callback_attributes.optimizers

        def sharpen(step: int) -> None:
            steps = self.config.steps
            self.sharpness = annealed(step, steps, *self.sharpness_range)
            weight = annealed(step, steps, *self.config.laplacian_weights)
            self.step = step
            self.laplacian_weight = weight if self._carving else weight * self.smoothing

        def refine(step: int) -> None:
            del step
            self._refine()
            if optimizers is not None:
                self._replace_parameters(optimizers)

        def follow(step: int) -> None:
            if self.band is None or step % _BAND_EVERY == 0:
                self.band = self._band()
                if optimizers is not None:
                    for optimizer in optimizers.optimizers.values():
                        optimizer.corners = self.band.corners

        where = [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION]
        return [
            TrainingCallback(where, sharpen, update_every_num_iters=1),
            TrainingCallback(where, refine, iters=(self._carving_steps,)),
            TrainingCallback(where, follow, update_every_num_iters=1),
        ]

    def _refine(self) -> None:
        """Go to the fine grid; what carving moved by little or unasked goes back to the start."""
        self.field.refine(self.scene.fine_spec)
        self.band = None
        values = self.field.sdf.data[0, 0]
        values.copy_(self.scene.after_carving(values.cpu(), self.config.carved))

    @property
    def _carving_steps(self) -> int:
        """How many steps run on the coarse grid."""
        return round(self.config.steps * self.config.carving_share)

    @property
    def _carving(self) -> bool:
        """Whether training is on the coarse grid."""
        return self.step < self._carving_steps

    @property
    def smoothing(self) -> float:
        """By how much more than asked for views that disagree are smoothed."""
        excess = float(self.get_buffer("disagreement")) / _CONSISTENT
        return min(max(excess**2, 1.0), _SMOOTHEST)

    def _band(self) -> Band:
        """The corners that the next steps move."""
        scene, spec = self.scene, self.field.spec
        limit = scene.limit if spec == scene.fine_spec else scene.coarse_limit
        values = self.field.sdf.detach()[0, 0]
        return band_around(values, limit.to(values.device), spec.spacing, self.sharpness)

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
            ray_bundle: R rays; those without nears and fars pass the whole field.

        Returns:
            ``rgb`` (R, 3), premultiplied; ``accumulation`` (R, 1). When not training also
            ``depth`` (R, 1), the distance along the ray, and ``normals`` (R, 3) in [0, 1]; see
            ``surface_outputs``.
        """
        if isinstance(ray_bundle, Cameras):
            raise TypeError("PartModel renders rays, not cameras")
        origins, directions = ray_bundle.origins, ray_bundle.directions
        distances = self._distances(ray_bundle)
        if self.training and origins.device.type == "cpu":
            rgb, accumulation = march_rays(
                self.field, origins, directions, distances, self.sharpness
            )
            return {"rgb": rgb, "accumulation": accumulation}
        seen = render_rays(self.field, origins, directions, distances, self.sharpness)
        outputs: dict[str, Tensor | list[Any]] = {
            "rgb": seen.rgb,
            "accumulation": seen.accumulation,
        }
        if not self.training:
            outputs |= surface_outputs(self.field, origins, directions, seen)
        return outputs

    def _distances(self, bundle: RayBundle) -> Tensor:
        """Samples (R, S) of rays between their own nears and fars, or across the whole field."""
        nears, fars, samples = bundle.nears, bundle.fars, self.config.samples
        if nears is None or fars is None:
            spec, samples = self.field.spec, self.config.render_samples
            # As wide around the surface as the rays for training are around the hull.
            occupied = self.field.sdf.detach()[0, 0] < 1.5 * spec.spacing
            near, far = occupied_spans(bundle.origins, bundle.directions, spec, occupied, True)
            nears, fars = near[:, None], far[:, None]
        within = torch.full((len(nears), samples), 0.5, device=nears.device)
        if self.training:
            within = torch.rand(within.shape, generator=self.generator).to(nears.device)
        return spread_distances(nears, fars, within)

    @property
    def generator(self) -> torch.Generator:
        """The model's own random numbers: parts may train side by side, on any device alike."""
        if self._generator is None:
            self._generator = torch.Generator().manual_seed(self.config.seed)
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
        ground = torch.rand((len(rgba), 3), generator=self.generator).to(rgba)
        seen = outputs["rgb"] + (1.0 - accumulation) * ground
        target = rgba[:, :3] * alpha + (1.0 - alpha) * ground
        difference = (seen - target).abs().mean(dim=1)
        self._follow_disagreement(difference.detach()[alpha[:, 0] > _FOREGROUND])
        losses = {
            "color": difference.mean(),
            "mask": config.mask_weight * (accumulation - alpha).square().mean(),
        }
        band, field = self.band, self.field
        if band is not None:  # there is none outside of a training's steps
            weights = (config.eikonal_weight, self.laplacian_weight)
            losses["roughness"] = roughness(field.sdf, band, field.spec.spacing, weights)
            if self.step % _COLOR_SMOOTHING_EVERY == 0:
                losses["variation"] = color_variation(field.color, band, config.color_smoothing)
        return losses

    def _follow_disagreement(self, difference: Float[Tensor, "F"]) -> None:
        """Keep a mean of how much the views' colours differ from the carved field's."""
        if self.training and self._carving and len(difference):
            before = self.get_buffer("disagreement")
            now = difference.mean()
            before.copy_(torch.where(before > 0, before.lerp(now, 1.0 - _FORGET), now))

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Straight colour and opacity, (..., 4)."""
        accumulation = outputs["accumulation"]
        straight = outputs[output_name] / accumulation.clamp(min=1e-6)
        return torch.cat([straight.clamp(max=1.0), accumulation], dim=-1)

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """How like a rendered view is to the given one; see ``image_metrics``."""
        return image_metrics(outputs, batch["rgba"].to(outputs["rgb"].device))

    def get_extra_state(self) -> Tensor:
        """What a checkpoint holds besides the grids: their place, and how sharp the surface is.

        Returns:
            Origin, spacing and sharpness, five float64.
        """
        spec = self.field.spec
        return torch.tensor([*spec.origin, spec.spacing, self.sharpness], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Take the sharpness over; ``load_state_dict`` has read the rest."""
        self.sharpness = float(state[4])

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load a checkpoint, onto the grid that it was saved with."""
        x, y, z, spacing, _ = (float(value) for value in state_dict["_extra_state"])
        sdf = state_dict["field.sdf"]
        spec = GridSpec((x, y, z), spacing, tuple(sdf.shape[2:]))
        self.field = VoxelField(spec, sdf[0, 0].detach().cpu()).to(self.device)
        return super().load_state_dict(state_dict, strict=strict, assign=assign)
