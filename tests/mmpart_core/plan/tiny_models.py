"""Tiny vision-language models of random weights, saved in the layout of published checkpoints."""

# ruff: noqa: E402 - transformers imports torchvision, whose operators are to be declared before.

from pathlib import Path
from typing import Any

import torch

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

import transformers
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

SPECIAL = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for piece in message['content'] %}{% if piece['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ piece['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_alphabet() -> list[str]:
    """The 256 characters that byte-level tokenizers stand bytes for."""
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def tokenizer() -> Any:
    words = [*byte_alphabet(), *SPECIAL]
    made = Qwen2Tokenizer(
        vocab={word: index for index, word in enumerate(words)},
        merges=[],
        unk_token="<|endoftext|>",
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
    )
    made.add_special_tokens({"additional_special_tokens": list(SPECIAL[1:])})
    return made


def save_tiny(folder: Path, family: str) -> Path:
    """A model and its processor; ``family`` is ``qwen2_5_vl`` or ``qwen3_vl``."""
    torch.manual_seed(0)
    words = tokenizer()
    ids = {word: words.convert_tokens_to_ids(word) for word in SPECIAL}
    text = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": len(words),
        "max_position_embeddings": 40000, "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"], "bos_token_id": ids["<|endoftext|>"],
    }  # fmt: skip
    common = {
        "image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
    }  # fmt: skip
    if family == "qwen2_5_vl":
        rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
        vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
                  "out_hidden_size": 32, "fullatt_block_indexes": [1]}  # fmt: skip
        config: Any = transformers.Qwen2_5_VLConfig(
            text_config={**text, "rope_parameters": rope}, vision_config=vision, **common
        )
        model: Any = transformers.Qwen2_5_VLForConditionalGeneration(config)
        kind: Any = transformers.Qwen2_5_VLProcessor
        patch = 14
    else:
        rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}
        vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2,
                  "out_hidden_size": 32, "deepstack_visual_indexes": [0],
                  "num_position_embeddings": 16}  # fmt: skip
        config = transformers.Qwen3VLConfig(
            text_config={**text, "head_dim": 8, "rope_parameters": rope}, vision_config=vision,
            **common,
        )  # fmt: skip
        model = transformers.Qwen3VLForConditionalGeneration(config)
        kind = transformers.Qwen3VLProcessor
        patch = 16
    with torch.no_grad():  # large enough that every word and pixel changes what is said
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.mul_(8.0)
    model.generation_config.eos_token_id = ids["<|im_end|>"]
    model.generation_config.pad_token_id = ids["<|endoftext|>"]
    model.save_pretrained(folder)
    images = transformers.Qwen2VLImageProcessor(patch_size=patch, min_pixels=28 * 28)
    videos: Any = (
        transformers.Qwen3VLVideoProcessor()
        if family == "qwen3_vl"
        else transformers.Qwen2VLVideoProcessor()
    )
    kind(images, words, videos, chat_template=TEMPLATE).save_pretrained(folder)
    return folder
