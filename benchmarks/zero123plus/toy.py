"""A Zero123++ of toy width with random weights, in the layout of the published checkpoints.

Every part is of the published class and configured as published, but narrow: the VAE halves a
picture three times, the UNet has both kinds of blocks, the prompt is 77 tokens long.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPVisionConfig

from mmpart_core.multiview.zero123plus.libraries import (
    AutoencoderKL,
    CLIPImageProcessorPil,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
    ControlNetModel,
    EulerAncestralDiscreteScheduler,
    UNet2DConditionModel,
)

TOKENS = 77
_WIDTH = 32  # channels of the prompt, of the image's embedding, and of the UNet's first block
# Weights of fresh networks are multiplied by these, by a piece of their name: an untrained
# attention layer changes a picture by thousandths, and so would most mistakes.
_LARGER = {
    "attn1.to_q": 4.0,
    "attn1.to_k": 4.0,
    "attn1.to_v": 4.0,
    "attn1.to_out": 4.0,
    "attn2.to_q": 4.0,
    "attn2.to_k": 4.0,
    "attn2.to_v": 4.0,
    "attn2.to_out": 4.0,
    "visual_projection": 20.0,
    "quant_conv.weight": 4.0,
    "patch_embedding": 10.0,
}
_START, _END = "<|startoftext|>", "<|endoftext|>"
_CLASS_NAMES = {
    "vae": ("diffusers", "AutoencoderKL"),
    "text_encoder": ("transformers", "CLIPTextModel"),
    "tokenizer": ("transformers", "CLIPTokenizer"),
    "unet": ("diffusers", "UNet2DConditionModel"),
    "scheduler": ("diffusers", "EulerAncestralDiscreteScheduler"),
    "vision_encoder": ("transformers", "CLIPVisionModelWithProjection"),
    "feature_extractor_clip": ("transformers", "CLIPImageProcessor"),
    "feature_extractor_vae": ("transformers", "CLIPImageProcessor"),
}


def toy_components(seed: int = 0, spacing: str = "trailing", vae_px: int = 64) -> dict[str, Any]:
    """Random networks by the checkpoint's keys, in evaluation mode.

    Args:
        seed: of the weights.
        spacing: of the scheduler's timesteps; the published file says linspace.
        vae_px: side of the input image as the VAE sees it; 512 in the published checkpoints.
    """
    torch.manual_seed(seed)
    components: dict[str, Any] = {
        "vae": _vae(),
        "text_encoder": _text_encoder(),
        "tokenizer": _tokenizer(),
        "unet": _unet(),
        "scheduler": EulerAncestralDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="linear",
            prediction_type="v_prediction",
            steps_offset=1,
            timestep_spacing=spacing,
        ),
        "vision_encoder": _vision_encoder(),
        "feature_extractor_clip": CLIPImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
        "feature_extractor_vae": CLIPImageProcessorPil(
            size={"shortest_edge": vae_px},
            crop_size={"height": vae_px, "width": vae_px},
            resample=2,
            image_mean=0.5,
            image_std=0.8,
        ),
        "ramping_coefficients": [0.003 + 1.195 * (token / (TOKENS - 1)) for token in range(TOKENS)],
    }
    for key in ("vae", "text_encoder", "unet", "vision_encoder"):
        _sharpened(components[key]).eval()
    return components


def toy_controlnet(unet: Any, seed: int = 1) -> ControlNetModel:
    """A ControlNet for a toy UNet whose zero convolutions are not zero, so that it matters."""
    torch.manual_seed(seed)
    network = ControlNetModel.from_unet(unet, conditioning_channels=3, load_weights_from_unet=False)
    for name, weights in network.named_parameters():
        if name.startswith(("controlnet_down", "controlnet_mid", "controlnet_cond_embedding")):
            torch.nn.init.normal_(weights, std=0.2)
    return network.eval()


def save_toy(components: dict[str, Any], folder: Path, weights: str = "safetensors") -> None:
    """Write components as the published checkpoints lie on disk, names of their time included.

    Args:
        components: as ``toy_components`` gives them.
        folder: where to; made where it is not.
        weights: safetensors as in v1.2, or bin as in v1.1.
    """
    index: dict[str, Any] = {
        "_class_name": "Zero123PlusPipeline",
        "_diffusers_version": "0.20.2",
        "ramping_coefficients": list(components["ramping_coefficients"]),
        "safety_checker": [None, None],
    }
    for key, (library, name) in _CLASS_NAMES.items():
        components[key].save_pretrained(folder / key)
        index[key] = [library, name]
    (folder / "model_index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    _write_old_tokenizer(folder / "tokenizer")
    for key, rename in _OLD_NAMES.items():
        file = next((folder / key).glob("*.safetensors"))
        state = {rename(name): value for name, value in load_file(file).items()}
        if key in _POSITIONS:  # buffers that were once saved
            name, count = _POSITIONS[key]
            state[f"{name}.embeddings.position_ids"] = torch.arange(count)[None]
        if weights == "safetensors":
            save_file(state, file, {"format": "pt"})
            continue
        stem = "pytorch_model" if file.stem == "model" else file.stem
        torch.save(state, file.with_name(f"{stem}.bin"))
        file.unlink()


def _write_old_tokenizer(folder: Path) -> None:
    """The vocabulary in two files instead of one."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"][
        "vocab"
    ]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    kind = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    special = {
        "bos_token": {"content": _START, **kind},
        "eos_token": {"content": _END, **kind},
        "pad_token": "!",
        "unk_token": {"content": _END, **kind},
    }
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")


def _old_vae_name(name: str) -> str:
    for new, old in (
        (".to_q.", ".query."),
        (".to_k.", ".key."),
        (".to_v.", ".value."),
        (".to_out.0.", ".proj_attn."),
    ):
        name = name.replace(new, old)
    return name


# What weights were called when the checkpoints were saved.
_OLD_NAMES: dict[str, Callable[[str], str]] = {
    "vae": _old_vae_name,
    "text_encoder": lambda name: f"text_model.{name.removeprefix('text_model.')}",
    "unet": lambda name: name,
    "vision_encoder": lambda name: name,
}
_POSITIONS = {"text_encoder": ("text_model", TOKENS), "vision_encoder": ("vision_model", 17)}


def _sharpened(network: Any) -> Any:
    """Larger weights where fresh networks hardly listen: attention, embeddings, latents."""
    for name, weights in network.named_parameters():
        factor = next((f for words, f in _LARGER.items() if words in name), 1.0)
        with torch.no_grad():
            weights.mul_(factor)
    return network


def _vae() -> Any:
    # The library annotates tuples of any length as of one.
    kind: Any = AutoencoderKL
    return kind(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=4,
        scaling_factor=0.18215,
    )


def _unet() -> Any:
    kind: Any = UNet2DConditionModel
    return kind(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        block_out_channels=(_WIDTH, 2 * _WIDTH),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        attention_head_dim=(2, 4),
        cross_attention_dim=_WIDTH,
        norm_num_groups=8,
        use_linear_projection=True,
    )


def _text_encoder() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=32,
            hidden_size=_WIDTH,
            intermediate_size=2 * _WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TOKENS,
            pad_token_id=0,
            bos_token_id=30,
            eos_token_id=31,
        )
    )


def _tokenizer() -> CLIPTokenizer:
    words = [chr(33 + at) for at in range(15)] + [f"{chr(33 + at)}</w>" for at in range(15)]
    vocabulary = {word: at for at, word in enumerate([*words, _START, _END])}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=[],
        bos_token=_START,
        eos_token=_END,
        unk_token=_END,
        pad_token="!",
        model_max_length=TOKENS,
    )


def _vision_encoder() -> CLIPVisionModelWithProjection:
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=_WIDTH,
            intermediate_size=2 * _WIDTH,
            projection_dim=_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=32,
            patch_size=8,
        )
    )
