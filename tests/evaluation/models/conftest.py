"""Real models at toy size, from random weights."""

from pathlib import Path

import pytest
import torch

from mmpart_core.torchvision_compat import declare_missing_operators

CLIP_SIDE_PX = 32


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP model of two layers with its tokenizer and image processor, as published ones lie."""
    declare_missing_operators()
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPModel,
        CLIPProcessor,
        CLIPTokenizer,
    )

    folder = tmp_path_factory.mktemp("clip")
    layer = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }  # fmt: skip
    begin, end = 52, 53
    text = {
        **layer, "vocab_size": 54, "max_position_embeddings": 16, "bos_token_id": begin,
        "eos_token_id": end, "pad_token_id": end,
    }  # fmt: skip
    vision = {**layer, "image_size": CLIP_SIDE_PX, "patch_size": 8}
    torch.manual_seed(0)
    config = CLIPConfig(projection_dim=8, text_config=text, vision_config=vision)
    CLIPModel(config).save_pretrained(folder)
    letters = [chr(ord("a") + index) for index in range(26)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    vocabulary = {word: index for index, word in enumerate(words)}
    vocabulary |= {"<|startoftext|>": begin, "<|endoftext|>": end}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16)
    square = {"height": CLIP_SIDE_PX, "width": CLIP_SIDE_PX}
    images = CLIPImageProcessor(size={"shortest_edge": CLIP_SIDE_PX}, crop_size=square)
    CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def lpips_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of torchvision's AlexNet, its classifier left out."""
    declare_missing_operators()
    from torchvision.models import alexnet

    torch.manual_seed(1)
    state = alexnet(weights=None).state_dict()
    path = tmp_path_factory.mktemp("lpips") / "alexnet.pth"
    torch.save({key: value for key, value in state.items() if "features" in key}, path)
    return path
