"""The regular grid that FlexiCubes works on."""

import torch
from jaxtyping import Float, Int

from mmpart_core.errors import GeometryError

Resolution = int | tuple[int, int, int] | list[int]


def cubes_per_axis(resolution: Resolution) -> tuple[int, int, int]:
    """Number of cubes along x, y and z.

    Raises:
        GeometryError: not one or three positive numbers.
    """
    counts = (resolution,) * 3 if isinstance(resolution, int) else tuple(resolution)
    if len(counts) != 3 or min(counts) < 1:
        raise GeometryError(
            f"grid resolution: expected one or three positive numbers, got {resolution}"
        )
    return counts[0], counts[1], counts[2]


def voxel_grid(
    resolution: Resolution, device: torch.device | str
) -> tuple[Float[torch.Tensor, "V 3"], Int[torch.Tensor, "N 8"]]:
    """Corners and cubes of a grid, by index arithmetic.

    Returns:
        Corner positions in [-0.5, 0.5], float32, z running fastest; corner indices of each cube,
        int64, cubes with z running fastest and corner k at x, y, z = bits 0, 1, 2 of k.

    Raises:
        GeometryError: see ``cubes_per_axis``.
    """
    counts = cubes_per_axis(resolution)
    ticks = [torch.arange(n + 1, device=device, dtype=torch.float32) / n - 0.5 for n in counts]
    vertices = torch.stack(torch.meshgrid(*ticks, indexing="ij"), dim=-1).reshape(-1, 3)
    stride_y = counts[2] + 1
    stride_x = (counts[1] + 1) * stride_y
    x, y, z = (torch.arange(n, device=device) for n in counts)
    first = (x[:, None, None] * stride_x + y[:, None] * stride_y + z).reshape(-1, 1)
    corner = torch.arange(8, device=device)
    steps = (corner & 1) * stride_x + (corner >> 1 & 1) * stride_y + (corner >> 2 & 1)
    return vertices, first + steps
