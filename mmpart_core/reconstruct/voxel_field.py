"""A field as two dense grids, signed distance and colour, with the gradients training needs.

Backward through a sampled grid visits only the samples that matter: most along a ray have no
influence on its colour.
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
        if len(gradient) == 0:
            return torch.zeros_like(grid), None
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
