"""The classes of diffusers and transformers that the checkpoints name."""

# ruff: noqa: E402 - both import torchvision, whose operators are to be declared before.

from collections.abc import Generator
from contextlib import contextmanager

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

from diffusers.models.attention_processor import (
    AttnProcessor,
    AttnProcessor2_0,
    SlicedAttnProcessor,
    XFormersAttnProcessor,
)
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_euler_ancestral_discrete import (
    EulerAncestralDiscreteScheduler,
)
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)
from transformers.utils import logging

__all__ = [
    "AttnProcessor",
    "AttnProcessor2_0",
    "AutoencoderKL",
    "CLIPImageProcessorPil",
    "CLIPTextModel",
    "CLIPTokenizer",
    "CLIPVisionModelWithProjection",
    "ControlNetModel",
    "EulerAncestralDiscreteScheduler",
    "SlicedAttnProcessor",
    "UNet2DConditionModel",
    "XFormersAttnProcessor",
    "quiet_loading",
]


@contextmanager
def quiet_loading() -> Generator[None]:
    """Within: transformers draws no progress bars while it loads."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
