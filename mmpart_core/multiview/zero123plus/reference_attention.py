"""Reference attention: a picture is drawn while attending to another one's tokens.

Before each step the UNet sees the noised input image; every self-attention layer leaves its input
tokens in a bank. In the step itself the same layer's keys and values are its own tokens followed
by those of the bank (Zhang, 2023, "reference-only control"; section 3.1 of the Zero123++ report).
Cross-attention stays as it is.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.multiview.zero123plus.libraries import (
    AttnProcessor,
    AttnProcessor2_0,
    SlicedAttnProcessor,
    XFormersAttnProcessor,
)

_SELF_ATTENTION = "attn1.processor"
# Ways of computing attention that are kept; anything else was put there for another purpose.
_KEPT = (AttnProcessor, AttnProcessor2_0, SlicedAttnProcessor, XFormersAttnProcessor)


class TokenBank:
    """Tokens of the condition pass, by layer, until the pass that reads them."""

    def __init__(self) -> None:
        self._tokens: dict[str, Tensor] = {}
        self.filling = False

    @contextmanager
    def filled(self) -> Generator[None]:
        """Within: layers leave their tokens here instead of reading them."""
        self._tokens.clear()
        self.filling = True
        try:
            yield
        finally:
            self.filling = False

    def keep(self, layer: str, tokens: Float[Tensor, "B T C"]) -> None:
        """Store one layer's tokens."""
        self._tokens[layer] = tokens

    def take(self, layer: str) -> Float[Tensor, "B T C"]:
        """One layer's tokens, which the bank then forgets."""
        return self._tokens.pop(layer)


class ReferenceProcessor:
    """Computes one self-attention layer, with the bank's tokens after its own."""

    def __init__(self, layer: str, bank: TokenBank, inner: Any) -> None:
        self._layer = layer
        self._bank = bank
        self._inner = inner

    def __call__(
        self,
        attn: Any,
        hidden_states: Float[Tensor, "B T C"],
        encoder_hidden_states: Float[Tensor, "B S C"] | None = None,
        attention_mask: Any = None,
    ) -> Float[Tensor, "B T C"]:
        """Attention of the tokens to themselves and, outside ``filled``, to the bank's."""
        own = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if self._bank.filling:
            self._bank.keep(self._layer, own)
            seen = own
        else:
            seen = torch.cat([own, self._bank.take(self._layer)], dim=1)
        return self._inner(attn, hidden_states, seen, attention_mask)


@contextmanager
def reference_attention(unet: Any) -> Generator[TokenBank]:
    """Within: the UNet's self-attention uses a bank; afterwards the UNet is as it was.

    Args:
        unet: UNet2DConditionModel; sliced or xformers attention stays in use.
    """
    before = dict(unet.attn_processors)
    bank = TokenBank()
    plain = {
        layer: processor if type(processor) in _KEPT else AttnProcessor2_0()
        for layer, processor in before.items()
    }
    unet.set_attn_processor(
        {
            layer: ReferenceProcessor(layer, bank, processor)
            if layer.endswith(_SELF_ATTENTION)
            else processor
            for layer, processor in plain.items()
        }
    )
    try:
        yield bank
    finally:
        unet.set_attn_processor(before)
