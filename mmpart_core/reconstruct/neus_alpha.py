"""From signed distances along rays to opacities and weights (NeuS).

Formulas: Wang et al., "NeuS: Learning Neural Implicit Surfaces by Volume Rendering for Multi-view
Reconstruction", NeurIPS 2021, equations 10 to 13, with the discrete opacity of equation 13.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def section_alpha(sdf: Float[Tensor, "R S"], sharpness: float) -> Float[Tensor, "R S-1"]:
    """Opacity of each section between neighbouring samples of a ray.

    ``max((Phi(f_i) - Phi(f_i+1)) / Phi(f_i), 0)`` with ``Phi(f) = sigmoid(sharpness * f)``.

    Args:
        sdf: signed distances at samples ordered along each ray, object units.
        sharpness: inverse width of the surface, per object unit.
    """
    occupancy = torch.sigmoid(sdf * sharpness)
    before, after = occupancy[:, :-1], occupancy[:, 1:]
    return ((before - after) / (before + 1e-5)).clamp(0.0, 1.0)


def section_weights(alpha: Float[Tensor, "R S"]) -> Float[Tensor, "R S"]:
    """Share of a ray's light that each section gives: its opacity times what passed before it."""
    passed = torch.cumprod(1.0 - alpha + 1e-7, dim=1)
    return alpha * torch.cat([torch.ones_like(passed[:, :1]), passed[:, :-1]], dim=1)


def annealed(step: int, steps: int, first: float, last: float) -> float:
    """A positive number that goes from first to last exponentially over all steps.

    Sharpness follows such a schedule instead of being learned, as a few hundred steps are too few
    to learn it.
    """
    progress = min(step / max(steps - 1, 1), 1.0)
    return first * math.exp(progress * math.log(last / first))
