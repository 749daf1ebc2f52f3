"""Penalties on rough grids, with their gradients in closed form."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.reconstruct.kernels import smooth


class Smoothness(torch.autograd.Function):
    """Weighted eikonal and Laplacian penalties of a distance grid, by finite differences."""

    @staticmethod
    def forward(
        ctx: Any, sdf: Tensor, spacing: float, eikonal_weight: float, laplacian_weight: float
    ) -> Tensor:
        """The weighted sum of the two; ``sdf`` is (1, 1, X, Y, Z), spacing in object units."""
        values = sdf[0, 0].contiguous()
        gradient = torch.zeros_like(values)
        if values.device.type == "cpu":
            weights = (eikonal_weight, laplacian_weight)
            loss = torch.tensor(_compiled(values, spacing, weights, gradient))
        else:
            loss = eikonal_weight * _eikonal(values, spacing, eikonal_weight, gradient)
            loss = loss + laplacian_weight * _laplacian(values, spacing, laplacian_weight, gradient)
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """In the distances alone."""
        (gradient,) = ctx.saved_tensors
        return (gradient * gradients[0])[None, None], None, None, None


class Variation(torch.autograd.Function):
    """Mean absolute difference of neighbours, summed over three axes, times a weight; on a CPU."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: float) -> Tensor:
        """The weighted sum; ``values`` is (1, C, X, Y, Z)."""
        gradient = torch.zeros_like(values)
        loss = weight * smooth.variation(values.detach()[0].numpy(), weight, gradient[0].numpy())
        ctx.save_for_backward(gradient)
        return torch.tensor(loss, dtype=values.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """In the values alone."""
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None


def _compiled(
    values: Tensor, spacing: float, weights: tuple[float, float], gradient: Tensor
) -> float:
    """Both penalties in compiled loops; adds weight x gradient in place."""
    grid, slopes = values.detach().numpy(), gradient.numpy()
    first = smooth.eikonal(grid, spacing, weights[0], slopes)
    bend = torch.zeros_like(values).numpy()
    return weights[0] * first + weights[1] * smooth.laplacian(
        grid, spacing, weights[1], bend, slopes
    )


def color_variation(color: Float[Tensor, "1 C X Y Z"], weight: float) -> Float[Tensor, ""]:
    """Weighted mean absolute difference of neighbouring values."""
    if color.device.type == "cpu":
        return Variation.apply(color, weight)  # pyright: ignore[reportReturnType]
    return weight * (
        color.diff(dim=2).abs().mean()
        + color.diff(dim=3).abs().mean()
        + color.diff(dim=4).abs().mean()
    )


def _eikonal(values: Tensor, spacing: float, weight: float, gradient: Tensor) -> Tensor:
    """Mean of (|grad| - 1)^2 over cells, forward differences; adds weight x gradient in place."""
    base = values[:-1, :-1, :-1]
    moved = (values[1:, :-1, :-1], values[:-1, 1:, :-1], values[:-1, :-1, 1:])
    slopes = [(other - base) / spacing for other in moved]
    length = (slopes[0] ** 2 + slopes[1] ** 2 + slopes[2] ** 2).add_(1e-12).sqrt_()
    excess = length - 1.0
    factor = excess / length * (2.0 * weight / (excess.numel() * spacing))
    targets = (gradient[1:, :-1, :-1], gradient[:-1, 1:, :-1], gradient[:-1, :-1, 1:])
    for slope, target in zip(slopes, targets, strict=True):
        slope *= factor
        target += slope
        gradient[:-1, :-1, :-1] -= slope
    return excess.square().mean()


def _laplacian(values: Tensor, spacing: float, weight: float, gradient: Tensor) -> Tensor:
    """Mean of (seven-point Laplacian x spacing)^2 over inner corners; adds weight x gradient."""
    inner = slice(1, -1)
    neighbours = [
        (slice(2, None), inner, inner),
        (slice(None, -2), inner, inner),
        (inner, slice(2, None), inner),
        (inner, slice(None, -2), inner),
        (inner, inner, slice(2, None)),
        (inner, inner, slice(None, -2)),
    ]
    centre = (inner, inner, inner)
    bend = values[centre] * -6.0
    for neighbour in neighbours:
        bend += values[neighbour]
    bend /= spacing
    loss = bend.square().mean()
    bend *= 2.0 * weight / (bend.numel() * spacing)
    for neighbour in neighbours:
        gradient[neighbour] += bend
    gradient[centre] -= 6.0 * bend
    return loss
