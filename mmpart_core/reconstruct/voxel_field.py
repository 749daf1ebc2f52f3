"""A field as two dense grids, signed distance and colour, with the gradients training needs.

The two ``torch.autograd.Function`` classes give the same values and gradients as plain operations
would, in a fraction of the time on a CPU: most samples along a ray have no influence on its
colour, and the regularisers are known in closed form.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mmpart_core.reconstruct.hull import GridSpec

# Gradients this far below the largest one of a batch are lost in float32 sums anyway.
_NEGLIGIBLE = 1e-7
_BILINEAR, _BORDER = 0, 1


class _Trilinear(torch.autograd.Function):
    """Trilinear samples of a grid; backward visits only the samples that matter."""

    @staticmethod
    def forward(ctx: Any, grid: Tensor, positions: Tensor) -> Tensor:
        ctx.save_for_backward(grid, positions)
        sampled = torch.grid_sampler_3d(grid, positions[None, None, None], _BILINEAR, _BORDER, True)
        return sampled[0, :, 0, 0].T

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        grid, positions = ctx.saved_tensors
        (gradient,) = gradients
        size = gradient.abs().amax(dim=1)
        kept = torch.nonzero(size > _NEGLIGIBLE * size.max())[:, 0]
        to_grid, _ = torch.ops.aten.grid_sampler_3d_backward(
            gradient[kept].T[None, :, None, None].contiguous(),
            grid,
            positions[kept][None, None, None],
            _BILINEAR,
            _BORDER,
            True,
            [True, False],
        )
        return to_grid, None


class _Smoothness(torch.autograd.Function):
    """Weighted eikonal and Laplacian penalties of a distance grid, by finite differences."""

    @staticmethod
    def forward(
        ctx: Any, sdf: Tensor, spacing: float, eikonal_weight: float, laplacian_weight: float
    ) -> Tensor:
        values = sdf[0, 0]
        gradient = torch.zeros_like(values)
        loss = eikonal_weight * _eikonal(values, spacing, eikonal_weight, gradient)
        loss = loss + laplacian_weight * _laplacian(values, spacing, laplacian_weight, gradient)
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * gradients[0])[None, None], None, None, None


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


class VoxelField(nn.Module):
    """Signed distance and colour on one regular grid of the part frame.

    Colours are logits of sRGB; no dependence on the viewing direction, because the shading of
    generated views is part of their colour.
    """

    def __init__(self, spec: GridSpec, sdf: Float[Tensor, "X Y Z"]) -> None:
        """Start from a signed distance and mid grey.

        Args:
            spec: the grid.
            sdf: signed distance at its corners, object units.
        """
        super().__init__()
        self.sdf = nn.Parameter(sdf[None, None].clone())
        self.color = nn.Parameter(torch.zeros((1, 3, *spec.shape)))
        self._place(spec)

    def _place(self, spec: GridSpec) -> None:
        self.spec = spec
        extent = (torch.tensor(spec.shape) - 1) * spec.spacing
        # grid_sample names the last axis first: x of the position runs along z of the grid.
        self.register_buffer("low", torch.tensor(spec.origin), persistent=False)
        self.register_buffer("scale", 2.0 / extent, persistent=False)

    def normalized(self, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        """Points of the part frame as positions of ``grid_sample``."""
        low, scale = self.get_buffer("low"), self.get_buffer("scale")
        return ((points - low) * scale - 1.0).flip(-1)

    def sample_sdf(self, positions: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
        """Signed distance at normalized positions, object units."""
        return _trilinear(self.sdf, positions)[:, 0]

    def sample_color(self, positions: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
        """Colour in [0, 1] at normalized positions."""
        return torch.sigmoid(_trilinear(self.color, positions))

    def smoothness(self, eikonal_weight: float, laplacian_weight: float) -> Float[Tensor, ""]:
        """Weighted penalties on a distance grid that is no distance, or not smooth."""
        return _Smoothness.apply(  # pyright: ignore[reportReturnType]
            self.sdf, self.spec.spacing, eikonal_weight, laplacian_weight
        )

    def color_variation(self) -> Float[Tensor, ""]:
        """Mean absolute difference of neighbouring colour logits."""
        color = self.color
        return (
            color.diff(dim=2).abs().mean()
            + color.diff(dim=3).abs().mean()
            + color.diff(dim=4).abs().mean()
        )

    def refine(self, spec: GridSpec) -> None:
        """Move to a finer grid over the same region; the parameters are new objects.

        Args:
            spec: the finer grid.
        """
        positions = self.normalized(spec.positions().to(self.sdf.device))
        with torch.no_grad():
            sdf = _trilinear(self.sdf, positions).T.reshape(1, 1, *spec.shape)
            color = _trilinear(self.color, positions).T.reshape(1, 3, *spec.shape)
        device = self.sdf.device
        self.sdf = nn.Parameter(sdf.contiguous())
        self.color = nn.Parameter(color.contiguous())
        self._place(spec)
        self.to(device)


def _trilinear(grid: Float[Tensor, "1 C X Y Z"], positions: Float[Tensor, "P 3"]) -> Tensor:
    """Samples of a grid, shape (P, C); differentiable in the grid only."""
    return _Trilinear.apply(grid, positions)  # pyright: ignore[reportReturnType]
