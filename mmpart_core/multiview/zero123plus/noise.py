"""Standard normal numbers from somewhere: a seed, or a recording."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

# Called with a shape; gives standard normal numbers, a tensor or what torch can make one of.
NoiseSource = Callable[[tuple[int, ...]], Any]


def seeded_noise(seed: int) -> NoiseSource:
    """Noise from a seed: the same on every device, as it is drawn on the CPU in float32.

    Args:
        seed: any integer that torch takes.
    """
    generator = torch.Generator("cpu").manual_seed(seed)

    def draw(shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float32)

    return draw


def drawn(
    sources: Sequence[NoiseSource], halves: int, each: int, shape: tuple[int, ...]
) -> Float[Tensor, "..."]:
    """One tensor of noise for several inputs, each from its own source.

    A source is called once, for all that concerns its input, so that an input gets the same noise
    alone and in company.

    Args:
        sources: one per input.
        halves: how often the batch holds every image; 2 with guidance, unguided half first.
        each: images per input.
        shape: of one image.

    Returns:
        float32, halves x inputs x images along the first axis, in that order.
    """
    own = [_checked(source, (halves * each, *shape)) for source in sources]
    parted = torch.cat([noise.reshape(halves, each, *shape) for noise in own], dim=1)
    return parted.reshape(halves * each * len(own), *shape)


def _checked(source: NoiseSource, shape: tuple[int, ...]) -> Tensor:
    return torch.as_tensor(source(shape)).to("cpu", torch.float32).reshape(shape)
