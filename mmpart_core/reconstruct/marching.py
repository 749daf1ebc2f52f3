"""Training's way through the field on a CPU: ``rendering.render_rays`` in compiled loops."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.reconstruct.kernels.march import march, march_back
from mmpart_core.reconstruct.voxel_field import VoxelField


class March(torch.autograd.Function):
    """Colour and opacity of rays, differentiable in the field's two grids."""

    @staticmethod
    def forward(
        ctx: Any, sdf: Tensor, color: Tensor, rays: tuple[Tensor, Tensor, Tensor], sharpness: float
    ) -> tuple[Tensor, Tensor]:
        """Render.

        Args:
            ctx: of autograd.
            sdf: distances (1, 1, X, Y, Z).
            color: logits (1, 3, X, Y, Z).
            rays: origins and directions (R, 3) in grid steps, distances of samples (R, S).
            sharpness: inverse width of the surface.

        Returns:
            Premultiplied colour (R, 3) and opacity (R,).
        """
        distances = rays[2]
        outside = torch.empty_like(distances)
        counts = torch.empty(len(distances), dtype=torch.int32)
        rgb, opaque = torch.zeros((len(distances), 3)), torch.zeros(len(distances))
        march(
            *_arrays(sdf[0, 0], color[0], *rays), sharpness,
            *_arrays(outside, counts, rgb, opaque),
        )  # fmt: skip
        ctx.save_for_backward(sdf, color, *rays, outside, counts)
        ctx.sharpness = sharpness
        return rgb, opaque

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """In both grids."""
        sdf, color, origins, directions, distances, outside, counts = ctx.saved_tensors
        to_sdf, to_color = torch.zeros_like(sdf), torch.zeros_like(color)
        march_back(
            *_arrays(color[0], origins, directions, distances), ctx.sharpness,
            *_arrays(outside, counts, *(gradient.contiguous() for gradient in gradients)),
            *_arrays(to_sdf[0, 0], to_color[0]),
        )  # fmt: skip
        return to_sdf, to_color, None, None


def march_rays(
    field: VoxelField,
    origins: Float[Tensor, "R 3"],
    directions: Float[Tensor, "R 3"],
    distances: Float[Tensor, "R S"],
    sharpness: float,
) -> tuple[Float[Tensor, "R 3"], Float[Tensor, "R 1"]]:
    """Premultiplied colour and opacity of rays; arguments as ``rendering.render_rays`` has them."""
    spec = field.spec
    steps = (
        ((origins - torch.tensor(spec.origin)) / spec.spacing).contiguous(),
        (directions / spec.spacing).contiguous(),
        distances.contiguous(),
    )
    rgb, opaque = March.apply(field.sdf, field.color, steps, float(sharpness))  # pyright: ignore[reportGeneralTypeIssues]
    return rgb, opaque[:, None]


def _arrays(*tensors: Tensor) -> list[Any]:
    """The tensors' memory as numpy arrays."""
    return [tensor.detach().numpy() for tensor in tensors]
