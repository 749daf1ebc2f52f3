"""Zero123++ restated plainly, in double precision, to compare the pipeline with.

Nothing is shared with ``mmpart_core.multiview.zero123plus``: noise levels come from the betas,
attention is led to the other picture's tokens by hooks on the layers, the two halves of guidance
are run one after the other, and so are the pictures. It can also make one mistake on purpose, to
show by how much results then differ.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.zero123plus.hooks import tokens_added, tokens_kept

# What is easily got wrong: name -> what is done instead.
MISTAKES = {
    "condition_scaled": "latents of the input image multiplied by the VAE's scaling factor",
    "condition_mode": "the posterior's mean instead of a sample",
    "condition_clean": "no noise on the input image's latents",
    "condition_noise_once": "the same noise on them at every step",
    "condition_unscaled": "noised latents of the input image not brought to unit variance",
    "condition_first": "the condition pass told of the first step's noise at every step",
    "no_reference": "self-attention to the picture's own tokens alone",
    "reference_before": "the condition pass also attends to what the last one left",
    "cross_attention": "the reference's tokens in cross-attention instead",
    "unguided_sees_image": "the unguided half attends to the input image",
    "unguided_black": "the unguided half attends to a black image instead of zeros",
    "ramp_both": "the image's embedding in the unguided half, too",
    "ramp_flat": "the same weight of the embedding at every token",
    "latents_unscaled": "latents decoded in the UNet's range",
    "picture_unscaled": "pictures left in the VAE's range",
    "white_ground": "clear pixels of the input on white",
    "linspace": "timesteps from 999 to 0 evenly, instead of trailing",
    "no_ancestral_noise": "Euler's steps without fresh noise",
    "guidance_around_image": "guidance counted from the guided prediction",
    "control_unit": "control image in [0, 1]",
    "control_unscaled": "weight of the ControlNet left out",
    "control_in_condition": "the ControlNet's residuals in the condition pass, too",
}


def draw_reference(
    components: dict[str, Any],
    image: Image.Image,
    *,
    steps: int,
    guidance: float,
    num_images: int,
    height: int,
    width: int,
    noise: Callable[[tuple[int, ...]], Tensor],
    control_image: Image.Image | None = None,
    control_scale: float = 1.0,
    mistake: str = "",
) -> tuple[np.ndarray, np.ndarray]:
    """Latents and pictures, float64; arguments as those of the back-end's ``run``.

    Args:
        components: by the checkpoint's keys; copied, not changed.
        image: RGB or RGBA.
        steps: of the sampler; noise levels are trailing.
        guidance: scale; at most 1 for none.
        num_images: pictures of the one image.
        height: of a picture.
        width: of a picture.
        noise: gives standard normal numbers of a shape.
        control_image: RGB, of the picture's size.
        control_scale: its weight.
        mistake: one of ``MISTAKES``.
    """
    own = {
        key: copy.deepcopy(value).double() if isinstance(value, torch.nn.Module) else value
        for key, value in components.items()
    }
    with torch.no_grad():
        return _Restatement(own, guidance > 1, num_images, noise, mistake).draw(
            image, steps, guidance, (height, width), control_image, control_scale
        )


class _Restatement:
    def __init__(
        self,
        parts: dict[str, Any],
        guided: bool,
        count: int,
        noise: Callable[[tuple[int, ...]], Tensor],
        mistake: str,
    ) -> None:
        self.parts, self.guided, self.count, self.mistake = parts, guided, count, mistake
        self.source = noise
        self.left: dict[str, Tensor] = {}  # tokens of the last condition pass

    def noise(self, shape: tuple[int, ...]) -> Tensor:
        return torch.as_tensor(self.source(tuple(shape))).double()

    def draw(
        self,
        image: Image.Image,
        steps: int,
        guidance: float,
        size: tuple[int, int],
        control_image: Image.Image | None,
        control_scale: float,
    ) -> tuple[np.ndarray, np.ndarray]:
        rgb = self._rgb(image)
        given = self._image_latents(rgb)
        contexts = self._contexts(rgb)
        factor = 2 ** (len(self.parts["vae"].config.block_out_channels) - 1)
        shape = (self.count, 4, size[0] // factor, size[1] // factor)
        times, sigmas = self._levels(steps)
        x = self.noise(shape) * sigmas[0]
        kept: Tensor | None = None
        for k in range(steps):
            fresh = self.noise((len(given) * self.count, *given[0].shape[1:]))
            if self.mistake == "condition_noise_once":
                kept = fresh if kept is None else kept
                fresh = kept
            predicted = torch.cat(
                [
                    self._one(x, i, k, times, sigmas, given, fresh, contexts, guidance,
                              control_image, control_scale)
                    for i in range(self.count)
                ]
            )  # fmt: skip
            x = self._ancestral(x, predicted, sigmas[k], sigmas[k + 1], self.noise(shape))
        return self._finished(x)

    def _rgb(self, image: Image.Image) -> Image.Image:
        if image.mode == "RGB":
            return image
        ground = 255 if self.mistake == "white_ground" else 127
        pixels = np.array(image, dtype=np.int64)
        alpha = pixels[..., 3:]
        # Blending in integers, rounded as PIL rounds: t + 128, plus its own 256th, over 256.
        t = pixels[..., :3] * alpha + ground * (255 - alpha) + 128
        return Image.fromarray((((t >> 8) + t) >> 8).astype(np.uint8))

    def _image_latents(self, rgb: Image.Image) -> list[Tensor]:
        """Of the image and then, with guidance, of zeros."""
        pixels = self.parts["feature_extractor_vae"](images=rgb, return_tensors="pt").pixel_values
        vae = self.parts["vae"]
        found: list[Tensor] = []
        zeros = torch.zeros_like(pixels)
        if self.mistake == "unguided_black":
            zeros -= 0.5 / 0.8
        for each in [pixels, zeros][: 2 if self.guided else 1]:
            moments = vae.quant_conv(vae.encoder(each.double()))
            mean, log_variance = moments.chunk(2, dim=1)
            drawn = self.noise(mean.shape)
            if self.mistake == "condition_mode":
                drawn = drawn * 0
            latents = mean + torch.exp(0.5 * log_variance.clamp(-30, 20)) * drawn
            if self.mistake == "condition_scaled":
                latents = latents * vae.config.scaling_factor
            found.append(latents)
        return found

    def _contexts(self, rgb: Image.Image) -> list[Tensor]:
        """With the image and, with guidance, without."""
        tokenizer = self.parts["tokenizer"]
        first, last = tokenizer.bos_token_id, tokenizer.eos_token_id
        ids = [first, last] + [tokenizer.pad_token_id] * (tokenizer.model_max_length - 2)
        empty = self.parts["text_encoder"](torch.tensor([ids])).last_hidden_state
        pixels = self.parts["feature_extractor_clip"](images=rgb, return_tensors="pt").pixel_values
        embedding = self.parts["vision_encoder"](pixels.double()).image_embeds
        ramp = torch.tensor(self.parts["ramping_coefficients"], dtype=torch.float64)
        if self.mistake == "ramp_flat":
            ramp = ramp * 0 + ramp.mean()
        full = empty + torch.einsum("t,bc->btc", ramp, embedding)
        without = full if self.mistake == "ramp_both" else empty
        return [full, without] if self.guided else [full]

    def _levels(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        config = self.parts["scheduler"].config
        count = config.num_train_timesteps
        kept = np.cumprod(1 - np.linspace(config.beta_start, config.beta_end, count))
        times = np.array([round(count - count / steps * k) - 1 for k in range(steps)])
        if self.mistake == "linspace":
            times = np.linspace(count - 1, 0, steps).round().astype(int)
        return times, np.append(np.sqrt(1 / kept[times] - 1), 0.0)

    def _one(
        self,
        x: Tensor,
        i: int,
        k: int,
        times: np.ndarray,
        sigmas: np.ndarray,
        given: list[Tensor],
        fresh: Tensor,
        contexts: list[Tensor],
        guidance: float,
        control_image: Image.Image | None,
        control_scale: float,
    ) -> Tensor:
        """What is predicted of one picture at one step."""
        at = 0 if self.mistake == "condition_first" else k
        sigma = sigmas[k]
        predictions: list[Tensor] = []
        for half in range(len(given)):
            # Unguided noise comes first in what was drawn, though its latents were drawn last.
            row = (len(given) - 1 - half) * self.count + i
            shown = 0 if self.mistake == "unguided_sees_image" else half
            noised = given[shown] + sigmas[at] * fresh[row : row + 1]
            if self.mistake == "condition_clean":
                noised = given[shown]
            if self.mistake != "condition_unscaled":
                noised = noised / np.sqrt(sigmas[at] ** 2 + 1)
            own = x[i : i + 1] / np.sqrt(sigma**2 + 1)
            time, context = torch.tensor(float(times[k])), contexts[half]
            added: dict[str, Any] = {}
            if control_image is not None:
                added = self._control(control_image, control_scale, own, time, context)
            predictions.append(
                self._attended(own, noised, time, torch.tensor(float(times[at])), context, added)
            )
        if not self.guided:
            return predictions[0]
        full, without = predictions
        start = full if self.mistake == "guidance_around_image" else without
        return start + guidance * (full - without)

    def _attended(
        self,
        own: Tensor,
        noised: Tensor,
        time: Tensor,
        condition_time: Tensor,
        context: Tensor,
        added: dict[str, Any],
    ) -> Tensor:
        """The UNet on ``own``, attending to what it saw of ``noised``."""
        unet = self.parts["unet"]
        with tokens_kept(unet, self.left if self.mistake == "reference_before" else {}) as (tokens):
            extra = {}
            if self.mistake == "control_in_condition" and added and own.shape == noised.shape:
                extra = added
            unet(noised, condition_time, encoder_hidden_states=context, **_copied(extra))
        if self.mistake == "reference_before":
            self.left = tokens
        if self.mistake == "no_reference":
            tokens = {}
        with tokens_added(unet, tokens, "attn2" if self.mistake == "cross_attention" else "attn1"):
            return unet(own, time, encoder_hidden_states=context, **_copied(added)).sample

    def _control(
        self, image: Image.Image, scale: float, own: Tensor, time: Tensor, context: Tensor
    ) -> dict[str, Any]:
        pixels = torch.from_numpy(np.array(image, dtype=np.float64) / 255).permute(2, 0, 1)[None]
        if self.mistake != "control_unit":
            pixels = pixels * 2 - 1
        if self.mistake == "control_unscaled":
            scale = 1.0
        out = self.parts["controlnet"](
            own, time, encoder_hidden_states=context, controlnet_cond=pixels
        )
        return {
            "down_block_additional_residuals": [scale * d for d in out.down_block_res_samples],
            "mid_block_additional_residual": scale * out.mid_block_res_sample,
        }

    def _ancestral(
        self, x: Tensor, predicted: Tensor, sigma: float, after: float, drawn: Tensor
    ) -> Tensor:
        clean = x / (sigma**2 + 1) - predicted * sigma / np.sqrt(sigma**2 + 1)
        fresh = np.sqrt(after**2 * (1 - after**2 / sigma**2))
        if self.mistake == "no_ancestral_noise":
            fresh = 0.0
        left = np.sqrt(after**2 - fresh**2)
        return clean + (left / sigma) * (x - clean) + fresh * drawn

    def _finished(self, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
        latents = x if self.mistake == "latents_unscaled" else x / 0.75 + 0.22
        vae = self.parts["vae"]
        pictures = vae.decoder(vae.post_quant_conv(latents / vae.config.scaling_factor))
        if self.mistake != "picture_unscaled":
            pictures = pictures * 1.6
        return latents.numpy(), ((pictures + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def _copied(added: dict[str, Any]) -> dict[str, Any]:
    """The UNet consumes lists that it is given."""
    return {key: list(value) if isinstance(value, list) else value for key, value in added.items()}
