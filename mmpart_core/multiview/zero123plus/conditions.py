"""What Zero123++ knows of the input image: its latents, and its embedding in the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from mmpart_core.errors import ConfigError, InputError
from mmpart_core.multiview.zero123plus.models import Models, Mover
from mmpart_core.multiview.zero123plus.noise import NoiseSource, drawn

# The ground that clear pixels stand for in training (its pipeline.py); InstantMesh's is white.
GREY = (127, 127, 127)


@dataclass(frozen=True)
class Conditions:
    """The guided half of a batch and, where there is guidance, the unguided one.

    Attributes:
        latents: of the input image, not scaled; the unguided half has those of a picture of zeros.
        context: what cross-attention sees; the unguided half has the empty prompt alone.
        halves: 2 with guidance, unguided half first, else 1.
    """

    latents: Float[Tensor, "B C h w"]
    context: Float[Tensor, "B T D"]
    halves: int


def rgb_on_grey(image: Any) -> Image.Image:
    """An image as the checkpoint was trained to see it: RGB, clear pixels on mid grey.

    Args:
        image: a PIL image of any mode, or a uint8 array, H x W with 1, 3 or 4 channels.

    Raises:
        InputError: something else, or an image without pixels.
    """
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim in (2, 3):
        image = Image.fromarray(image)
    if not isinstance(image, Image.Image) or min(image.size) == 0:
        raise InputError(
            f"Zero123++ image: expected a PIL image or a uint8 array with pixels, got "
            f"{type(image).__name__}; convert it first"
        )
    if image.mode == "RGB":
        return image
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    ground = Image.new("RGB", rgba.size, GREY)
    ground.paste(rgba, mask=rgba.getchannel("A"))
    return ground


def encode_conditions(
    models: Models,
    images: Sequence[Any],
    noises: Sequence[NoiseSource],
    *,
    guided: bool,
    each: int,
    mover: Mover,
) -> Conditions:
    """Encode the input images for a batch that draws each of them several times.

    Noise is drawn for the image's latents and then, where guided, for those of zeros.

    Args:
        models: the networks.
        images: one per object; see ``rgb_on_grey``.
        noises: one per image.
        guided: whether the unguided half is needed.
        each: pictures per image.
        mover: brings networks to their device.

    Raises:
        ConfigError: the ramp does not fit the prompt.
        InputError: an image that cannot be used.
    """
    pictures = [rgb_on_grey(image) for image in images]
    with mover.using(models.vae):
        pairs = [
            _latents(models, picture, noise, guided)
            for picture, noise in zip(pictures, noises, strict=True)
        ]
    with mover.using(models.text_encoder):
        empty = _empty_prompt(models)
    with mover.using(models.vision_encoder):
        contexts = [empty + _ramped(models, picture, empty) for picture in pictures]
    # Along the batch: unguided half first; in each half one object after the other.
    halves = range(2 if guided else 1)
    latents = [pair[half] for half in halves for pair in pairs]
    context = contexts if not guided else [empty] * len(contexts) + contexts
    return Conditions(
        torch.cat(latents).repeat_interleave(each, dim=0),
        torch.cat(context).repeat_interleave(each, dim=0),
        len(halves),
    )


def _latents(
    models: Models, picture: Image.Image, noise: NoiseSource, guided: bool
) -> tuple[Tensor, ...]:
    """Sampled latents of a picture, after those of zeros where guided; float32 on the CPU."""
    pixels = models.feature_extractor_vae(images=picture, return_tensors="pt").pixel_values
    pixels = pixels.to(models.vae.device, models.vae.dtype)
    own = _sampled(models, pixels, noise)
    return (_sampled(models, torch.zeros_like(pixels), noise), own) if guided else (own,)


def _sampled(models: Models, pixels: Tensor, noise: NoiseSource) -> Tensor:
    """A sample of the VAE's posterior: mean + std * noise."""
    posterior = models.vae.encode(pixels).latent_dist
    mean, std = posterior.mean.float().cpu(), posterior.std.float().cpu()
    return mean + std * drawn([noise], 1, 1, tuple(mean.shape[1:]))


def _empty_prompt(models: Models) -> Tensor:
    """Last hidden state of the empty prompt, 1 x tokens x channels; float32 on the CPU."""
    encoder = models.text_encoder
    tokens = models.tokenizer(
        [""],
        padding="max_length",
        max_length=models.tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    masked = getattr(encoder.config, "use_attention_mask", False)
    mask = tokens.attention_mask.to(encoder.device) if masked else None
    states = encoder(tokens.input_ids.to(encoder.device), attention_mask=mask)[0]
    if len(models.ramping_coefficients) != states.shape[1]:
        raise ConfigError(
            f"Zero123++ components: {len(models.ramping_coefficients)} ramping_coefficients, one "
            f"per token of the prompt expected, {states.shape[1]}; read them from the "
            "model_index.json of the checkpoint that the tokenizer is from"
        )
    return states.float().cpu()


def _ramped(models: Models, picture: Image.Image, empty: Tensor) -> Tensor:
    """The image's embedding, weighted at each token of the prompt."""
    encoder = models.vision_encoder
    pixels = models.feature_extractor_clip(images=picture, return_tensors="pt").pixel_values
    embedding = encoder(pixels.to(encoder.device, encoder.dtype)).image_embeds.float().cpu()
    if embedding.shape[-1] != empty.shape[-1]:
        raise ConfigError(
            f"Zero123++ components: the vision encoder's embedding has {embedding.shape[-1]} "
            f"channels, as many as the text encoder's expected, {empty.shape[-1]}; take both from "
            "one checkpoint"
        )
    ramp = torch.tensor(models.ramping_coefficients, dtype=torch.float32)
    return embedding[:, None, :] * ramp[None, :, None]
