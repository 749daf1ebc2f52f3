"""Penalties on rough grids at the corners of a band, compiled on a CPU."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.reconstruct.band import Band
from mmpart_core.reconstruct.kernels import smooth

# Differences of colour logits below this count by their square: equal neighbours stay equal.
_SOFTENING = 1e-3


class _Roughness(torch.autograd.Function):
    """``smooth.roughness``, divided by the band's room."""

    @staticmethod
    def forward(
        ctx: Any, sdf: Tensor, band: Band, spacing: float, weights: tuple[float, float]
    ) -> Tensor:
        gradient = torch.zeros_like(sdf)
        shares = (weights[0] / band.room, weights[1] / band.room)
        lengths, curves = smooth.roughness(
            _flat(sdf), band.corners.numpy(), band.strides, spacing, shares, _flat(gradient)
        )
        ctx.save_for_backward(gradient)
        return torch.tensor(shares[0] * lengths + shares[1] * curves, dtype=sdf.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None, None, None


class _Variation(torch.autograd.Function):
    """``smooth.variation``, divided by the band's room."""

    @staticmethod
    def forward(ctx: Any, color: Tensor, band: Band, weight: float) -> Tensor:
        gradient = torch.zeros_like(color)
        share = weight / band.room
        rows = (color[0].reshape(3, -1), gradient[0].view(3, -1))
        total = smooth.variation(
            rows[0].numpy(), band.corners.numpy(), band.strides, _SOFTENING, share, rows[1].numpy()
        )
        ctx.save_for_backward(gradient)
        return torch.tensor(share * total, dtype=color.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None, None


def roughness(
    sdf: Float[Tensor, "1 1 X Y Z"], band: Band, spacing: float, weights: tuple[float, float]
) -> Float[Tensor, ""]:
    """What a distance grid costs that is no distance, or not smooth.

    Args:
        sdf: distances, object units.
        band: where.
        spacing: of the grid, object units.
        weights: of the squared excess of the gradient's length over 1 (forward differences), and
            of the squared seven-point Laplacian times the spacing.
    """
    if sdf.device.type == "cpu":
        return _Roughness.apply(sdf, band, spacing, weights)  # pyright: ignore[reportReturnType]
    return _plain_roughness(sdf, band, spacing, weights)


def _plain_roughness(
    sdf: Float[Tensor, "1 1 X Y Z"], band: Band, spacing: float, weights: tuple[float, float]
) -> Float[Tensor, ""]:
    """``roughness`` in torch's operations."""
    values, at = sdf.reshape(-1), band.corners
    strides = (*band.strides, 1)
    ahead = torch.stack([values[at + stride] for stride in strides])
    behind = torch.stack([values[at - stride] for stride in strides])
    base = values[at]
    length = (((ahead - base) / spacing).square().sum(dim=0) + 1e-12).sqrt()
    curve = ((ahead + behind).sum(dim=0) - 6.0 * base) / spacing
    total = weights[0] * (length - 1.0).square().sum() + weights[1] * curve.square().sum()
    return total / band.room


def color_variation(
    color: Float[Tensor, "1 3 X Y Z"], band: Band, weight: float
) -> Float[Tensor, ""]:
    """Differences of neighbouring colour logits, softened at zero, summed over channels and axes.

    Args:
        color: logits.
        band: where; the sum is divided by its room.
        weight: of the penalty.
    """
    if color.device.type == "cpu":
        return _Variation.apply(color, band, weight)  # pyright: ignore[reportReturnType]
    return _plain_variation(color, band, weight)


def _plain_variation(
    color: Float[Tensor, "1 3 X Y Z"], band: Band, weight: float
) -> Float[Tensor, ""]:
    """``color_variation`` in torch's operations."""
    values, at = color[0].reshape(3, -1), band.corners
    changes = torch.stack([values[:, at + stride] - values[:, at] for stride in (*band.strides, 1)])
    return weight / band.room * (changes.square() + _SOFTENING**2).sqrt().sum()


def _flat(grid: Tensor) -> Any:
    """A grid's memory as one row."""
    return grid.detach().reshape(-1).numpy()
