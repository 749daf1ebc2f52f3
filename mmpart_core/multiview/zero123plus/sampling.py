"""From an input image to six views in one picture: the published pipeline, step by step.

Written from the report (Shi et al., 2023, arXiv:2310.15110) and checked against the published
``pipeline.py``: reference attention, global conditioning by a ramp over the empty prompt, latents
and pictures in the scaled ranges that the checkpoints were trained in, ControlNets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.errors import InputError
from mmpart_core.multiview.zero123plus.conditions import Conditions, encode_conditions
from mmpart_core.multiview.zero123plus.control import BoundControl, Control, check_controls
from mmpart_core.multiview.zero123plus.euler_ancestral import Schedule, schedule_of
from mmpart_core.multiview.zero123plus.models import Models, Mover
from mmpart_core.multiview.zero123plus.noise import NoiseSource, drawn
from mmpart_core.multiview.zero123plus.reference_attention import reference_attention

# The checkpoints were trained on (latents - 0.22) * 0.75 and on pictures times 0.5 / 0.8: a wider
# range than Stable Diffusion's, for white and grey grounds (pipeline.py).
_LATENT_SHIFT, _LATENT_SCALE = 0.22, 0.75
_PICTURE_SCALE = 0.5 / 0.8


@dataclass(frozen=True)
class Drawing:
    """What is to be drawn.

    Attributes:
        steps: of the sampler.
        guidance: scale of classifier-free guidance; at most 1 for none.
        num_images: pictures per input image.
        height: of a picture, in pixels.
        width: of a picture, in pixels.
    """

    steps: int
    guidance: float
    num_images: int = 1
    height: int = 960
    width: int = 640

    @property
    def guided(self) -> bool:
        """Whether there is an unguided half."""
        return self.guidance > 1.0


def draw_grids(
    models: Models,
    images: Sequence[Any],
    noises: Sequence[NoiseSource],
    drawing: Drawing,
    controls: Sequence[Control] = (),
    mover: Mover | None = None,
) -> tuple[Float[Tensor, "N C h w"], Float[Tensor, "N H W 3"]]:
    """Draw several pictures of each of several inputs, all in one batch.

    A noise source is called for: the latents of its image; where guided, those of zeros; the first
    latents; then, at each step, the condition pass (both halves at once) and the ancestral update.

    Args:
        models: the networks of a checkpoint.
        images: inputs; see ``conditions.rgb_on_grey``.
        noises: one per input.
        drawing: size, steps and guidance.
        controls: one per input, or none, when ``models.controlnet`` is not used.
        mover: brings networks to their device; by default they stay where they are.

    Returns:
        Latents in the VAE's range (not yet divided by its scaling factor), and pictures in
        [0, 1]; both float32 on the CPU, the pictures of one input after each other.

    Raises:
        InputError: an image, a size or a control that cannot be used.
        ConfigError: networks that do not go together.
    """
    _check(models, len(images), drawing, controls)
    mover = mover or Mover()
    with torch.no_grad():
        conditions = encode_conditions(
            models, images, noises, guided=drawing.guided, each=drawing.num_images, mover=mover
        )
        schedule = schedule_of(models.scheduler, drawing.steps)
        with mover.using(models.unet, models.controlnet if controls else None):
            latents = _denoised(models, conditions, schedule, noises, drawing, controls)
        latents = latents.cpu() / _LATENT_SCALE + _LATENT_SHIFT
        with mover.using(models.vae):
            return latents, _decoded(models, latents)


def _denoised(
    models: Models,
    conditions: Conditions,
    schedule: Schedule,
    noises: Sequence[NoiseSource],
    drawing: Drawing,
    controls: Sequence[Control],
) -> Float[Tensor, "N C h w"]:
    """Latents in the range that the UNet was trained in, from noise."""
    unet, factor = models.unet, models.latent_factor
    device, each, halves = unet.device, drawing.num_images, conditions.halves
    shape = (int(unet.config.in_channels), drawing.height // factor, drawing.width // factor)
    latents = (drawn(noises, 1, each, shape) * schedule.first).to(device)
    given = conditions.latents.to(device)
    context = conditions.context.to(device, unet.dtype)
    control = BoundControl(models.controlnet, controls, each, halves) if controls else None
    with reference_attention(unet) as bank:
        for step, timestep in enumerate(schedule.timesteps.to(device)):
            noise = drawn(noises, halves, each, tuple(given.shape[1:])).to(device)
            noised = schedule.scaled(given + schedule.sigmas[step] * noise, step)
            with bank.filled():
                _predicted(unet, noised, timestep, context)
            scaled = schedule.scaled(torch.cat([latents] * halves), step)
            added = control.residuals(scaled, timestep, context, unet.dtype) if control else {}
            predicted = _predicted(unet, scaled, timestep, context, **added)
            if drawing.guided:
                without, with_image = predicted.chunk(2)
                predicted = without + drawing.guidance * (with_image - without)
            ancestral = drawn(noises, 1, each, shape).to(device)
            latents = schedule.stepped(latents, predicted, ancestral, step)
    return latents


def _predicted(
    unet: Any, latents: Tensor, timestep: Tensor, context: Tensor, **added: Any
) -> Tensor:
    """One pass of the UNet; float32."""
    out = unet(
        latents.to(unet.dtype), timestep, encoder_hidden_states=context, return_dict=False, **added
    )
    return out[0].float()


def _decoded(models: Models, latents: Float[Tensor, "N C h w"]) -> Float[Tensor, "N H W 3"]:
    """Pictures in [0, 1], decoded one by one: the decoder needs more memory than the UNet."""
    vae = models.vae
    scaled = (latents / vae.config.scaling_factor).to(vae.device, vae.dtype)
    pictures = torch.cat(
        [vae.decode(one[None], return_dict=False)[0].float().cpu() for one in scaled]
    )
    return (pictures / _PICTURE_SCALE / 2.0 + 0.5).clamp(0.0, 1.0).permute(0, 2, 3, 1)


def _check(models: Models, inputs: int, drawing: Drawing, controls: Sequence[Control]) -> None:
    factor = models.latent_factor
    size = f"{drawing.width}x{drawing.height}"
    if drawing.steps < 1 or drawing.num_images < 1 or inputs < 1:
        raise InputError(
            f"Zero123++: got {inputs} images, {drawing.num_images} pictures of each and "
            f"{drawing.steps} steps, at least one of each expected"
        )
    if (
        min(drawing.width, drawing.height) < factor
        or drawing.width % factor
        or (drawing.height % factor)
    ):
        raise InputError(
            f"Zero123++ picture: got {size} px, multiples of {factor} expected; the checkpoints "
            "were trained on 640x960"
        )
    if controls:
        check_controls(models.controlnet, controls, inputs, (drawing.width, drawing.height))
