"""Leads a network's attention to other tokens, from outside its layers."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


def _attention_layers(unet: Any, ending: str) -> Iterator[tuple[str, Any]]:
    for name, layer in unet.named_modules():
        if name.endswith(ending):
            yield name.removesuffix(ending), layer


@contextmanager
def tokens_kept(unet: Any, before: dict[str, Tensor]) -> Generator[dict[str, Tensor]]:
    """Collects what every self-attention layer is given, and lets it see ``before`` as well."""
    found: dict[str, Tensor] = {}
    hooks: list[Any] = []

    def listener(name: str) -> Callable[..., Any]:
        def hook(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
            found[name] = given[0].clone()
            if name not in before:
                return None
            return given, {**named, "encoder_hidden_states": torch.cat([given[0], before[name]], 1)}

        return hook

    for name, layer in _attention_layers(unet, "attn1"):
        hooks.append(layer.register_forward_pre_hook(listener(name), with_kwargs=True))
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def tokens_added(unet: Any, tokens: dict[str, Tensor], ending: str) -> Generator[None]:
    """Puts tokens behind those that a layer attends to."""
    hooks: list[Any] = []

    def adder(name: str) -> Callable[..., Any]:
        def hook(_: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
            seen = given[0] if ending == "attn1" else named["encoder_hidden_states"]
            extra = tokens[name]
            if extra.shape[-1] != seen.shape[-1]:
                extra = extra[..., : seen.shape[-1]]
            return given, {**named, "encoder_hidden_states": torch.cat([seen, extra], dim=1)}

        return hook

    for name, layer in _attention_layers(unet, ending):
        if name in tokens:
            hooks.append(layer.register_forward_pre_hook(adder(name), with_kwargs=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
