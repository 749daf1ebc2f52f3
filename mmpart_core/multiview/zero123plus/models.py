"""The networks of one Zero123++ checkpoint, by the names that the checkpoint gives them."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmpart_core.errors import ConfigError

# The keys of model_index.json that generation needs.
NETWORKS = ("vae", "text_encoder", "unet", "vision_encoder")
OTHERS = (
    "tokenizer",
    "scheduler",
    "feature_extractor_clip",
    "feature_extractor_vae",
    "ramping_coefficients",
)


@dataclass(frozen=True)
class Models:
    """What one checkpoint holds. Networks are of diffusers and transformers, in evaluation mode.

    Attributes:
        vae: AutoencoderKL.
        text_encoder: CLIPTextModel; it only ever reads the empty prompt.
        tokenizer: CLIPTokenizer.
        unet: UNet2DConditionModel.
        scheduler: EulerAncestralDiscreteScheduler; used as it is configured, and not changed.
        vision_encoder: CLIPVisionModelWithProjection.
        feature_extractor_clip: image processor of the vision encoder.
        feature_extractor_vae: image processor of the VAE.
        ramping_coefficients: weight of the image's embedding at each token of the prompt.
        controlnet: ControlNetModel, where one is used.
    """

    vae: Any
    text_encoder: Any
    tokenizer: Any
    unet: Any
    scheduler: Any
    vision_encoder: Any
    feature_extractor_clip: Any
    feature_extractor_vae: Any
    ramping_coefficients: tuple[float, ...]
    controlnet: Any = None

    @property
    def latent_factor(self) -> int:
        """Pixels of a picture per latent pixel, along a side: 8 for the published VAE."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)


def models_from(components: Mapping[str, Any]) -> Models:
    """The networks, checked for being all there and put in evaluation mode.

    Args:
        components: by the checkpoint's own keys; others are ignored.

    Raises:
        ConfigError: a component is missing.
    """
    missing = [key for key in (*NETWORKS, *OTHERS) if components.get(key) is None]
    if missing:
        raise ConfigError(
            f"Zero123++ components: missing {', '.join(missing)}; expected "
            f"{', '.join((*NETWORKS, *OTHERS))}, and controlnet where one is used"
        )
    for key in (*NETWORKS, "controlnet"):
        if components.get(key) is not None:
            components[key].eval()
    named = {key: components[key] for key in (*NETWORKS, *OTHERS)}
    named["ramping_coefficients"] = tuple(float(each) for each in named["ramping_coefficients"])
    return Models(**named, controlnet=components.get("controlnet"))


@dataclass(frozen=True)
class Mover:
    """Brings networks to the device for as long as they are used, and back to the CPU.

    Attributes:
        device: a PyTorch device; None leaves every network where it is.
    """

    device: str | None = None

    @contextmanager
    def using(self, *networks: Any) -> Generator[None]:
        """Within: the networks are on the device. None among them is passed over."""
        if self.device is None:
            yield
            return
        used = [network for network in networks if network is not None]
        for network in used:
            network.to(self.device)
        try:
            yield
        finally:
            for network in used:
                network.to("cpu")
