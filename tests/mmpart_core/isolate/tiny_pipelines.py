"""Tiny image-edit pipelines of random weights, saved in the layout of published checkpoints."""

# ruff: noqa: E402 - diffusers imports torchvision, whose operators are to be declared before.

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

import diffusers
import transformers
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

from tests.mmpart_core.plan import tiny_models

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}"
    "<|im_end|>\n{% endfor %}"
)


def byte_alphabet() -> list[str]:
    """The 256 characters that byte-level tokenizers stand bytes for."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def clip_tokenizer() -> Any:
    letters = byte_alphabet()
    words = [*letters, *(f"{letter}</w>" for letter in letters),
             "<|startoftext|>", "<|endoftext|>"]  # fmt: skip
    vocabulary = {word: index for index, word in enumerate(words)}
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def clip_text_model(words: int, hidden: int) -> Any:
    config = transformers.CLIPTextConfig(
        hidden_size=hidden, intermediate_size=2 * hidden, num_attention_heads=2,
        num_hidden_layers=2, vocab_size=words, projection_dim=hidden,
        bos_token_id=words - 2, eos_token_id=words - 1, pad_token_id=words - 1,
    )  # fmt: skip
    return transformers.CLIPTextModel(config)


def pix2pix() -> Any:
    words = clip_tokenizer()
    return diffusers.StableDiffusionInstructPix2PixPipeline(
        vae=diffusers.AutoencoderKL(
            block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        ),
        text_encoder=clip_text_model(len(words), 16),
        tokenizer=words,
        unet=diffusers.UNet2DConditionModel(
            block_out_channels=(8, 16), layers_per_block=1, sample_size=8, in_channels=8,
            out_channels=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=16,
            attention_head_dim=4, norm_num_groups=4,
        ),
        scheduler=diffusers.DDIMScheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def klein() -> Any:
    """Its text encoder has the depth that three of the real one's layers are read at."""
    words = [*byte_alphabet(), "<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Qwen2Tokenizer(
        vocab={word: index for index, word in enumerate(words)}, merges=[],
        unk_token="<|endoftext|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
    )  # fmt: skip
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHAT
    text = transformers.Qwen3Config(
        vocab_size=len(words), hidden_size=8, intermediate_size=16, num_hidden_layers=28,
        num_attention_heads=2, num_key_value_heads=2, head_dim=4, max_position_embeddings=1024,
    )  # fmt: skip
    return diffusers.Flux2KleinPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKLFlux2(
            block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1, sample_size=32,
        ),
        text_encoder=transformers.Qwen3ForCausalLM(text),
        tokenizer=tokenizer,
        transformer=diffusers.Flux2Transformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=24,
            timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=False,
        ),
        is_distilled=True,
    )  # fmt: skip


def kontext() -> Any:
    words = clip_tokenizer()
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0)]
    pieces += [(letter, -2.0) for letter in "abcdefghijklmnopqrstuvwxyz,.:"]
    t5 = transformers.T5Config(
        vocab_size=len(pieces) + 100, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2
    )
    return diffusers.FluxKontextPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=diffusers.AutoencoderKL(
            block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4,
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            use_quant_conv=False, use_post_quant_conv=False, shift_factor=0.1, scaling_factor=0.3,
        ),
        text_encoder=clip_text_model(len(words), 16), tokenizer=words,
        text_encoder_2=transformers.T5EncoderModel(t5),
        tokenizer_2=transformers.T5Tokenizer(vocab=pieces),
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1, in_channels=16, num_layers=1, num_single_layers=1,
            attention_head_dim=16, num_attention_heads=2, joint_attention_dim=16,
            pooled_projection_dim=16, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
        ),
    )  # fmt: skip


def vision_model(kind: str) -> tuple[Any, Any]:
    """A tiny model that reads pictures and words, and its processor."""
    with TemporaryDirectory() as folder:
        tiny_models.save_tiny(Path(folder), kind)
        if kind == "qwen3_vl":
            reader: Any = transformers.Qwen3VLForConditionalGeneration
            processor: Any = transformers.Qwen3VLProcessor
        else:  # checkpoints of Qwen-Image-Edit have the processor of the family before
            reader = transformers.Qwen2_5_VLForConditionalGeneration
            processor = transformers.Qwen2VLProcessor
        return reader.from_pretrained(folder), processor.from_pretrained(folder)


def louder(pipeline: Any, factor: float) -> Any:
    """Weights so large that words, picture and noise all show in what is drawn."""
    with torch.no_grad():
        for network in (pipeline.transformer, pipeline.vae):
            for weight in network.parameters():
                if weight.dim() > 1:
                    weight.mul_(factor)
    return pipeline


def qwen_edit() -> Any:
    reader, processor = vision_model("qwen2_5_vl")
    pipeline = diffusers.QwenImageEditPlusPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        text_encoder=reader, tokenizer=processor.tokenizer, processor=processor,
        transformer=diffusers.QwenImageTransformer2DModel(
            in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16,
            num_attention_heads=2, joint_attention_dim=32, axes_dims_rope=(4, 6, 6),
        ),
    )  # fmt: skip
    return louder(pipeline, 2.0)


def qwen_rgba() -> Any:
    """Pictures come and go with alpha."""
    reader, processor = vision_model("qwen3_vl")
    pipeline = diffusers.QwenImage21Pipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        vae=diffusers.AutoencoderKLQwenImage21(
            base_dim=4, decoder_base_dim=4, z_dim=4, dim_mult=[1, 1, 1, 1, 1], num_res_blocks=1,
            latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
        ),
        text_encoder=reader, processor=processor,
        transformer=diffusers.QwenImage21Transformer2DModel(
            in_channels=4, out_channels=4, num_layers=1, attention_head_dim=16,
            num_attention_heads=2, context_in_dim=32, axes_dims_rope=(4, 6, 6),
        ),
    )  # fmt: skip
    return louder(pipeline, 2.0)


KINDS = {
    "Flux2KleinPipeline": klein,
    "FluxKontextPipeline": kontext,
    "QwenImage21Pipeline": qwen_rgba,
    "QwenImageEditPlusPipeline": qwen_edit,
    "StableDiffusionInstructPix2PixPipeline": pix2pix,
}


def save_tiny(folder: Path, kind: str) -> Path:
    """A pipeline of one class, saved."""
    torch.manual_seed(0)
    KINDS[kind]().save_pretrained(folder, safe_serialization=True)
    return folder
