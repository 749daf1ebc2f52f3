"""Trilinear look-up in grids, and its transpose. Positions outside count as on the border."""

import numpy as np
from jaxtyping import Float32

from mmpart_core.reconstruct.kernels.compiled import compiled

_ONE = np.float32(1.0)


@compiled
def locate(position: np.float32, count: int) -> tuple[int, np.float32]:
    """Cell along one axis and how far into it, of a grid with so many corners."""
    limit = np.float32(count - 1)
    inside = min(max(position, np.float32(0.0)), limit)
    index = min(int(inside), count - 2)
    return index, inside - np.float32(index)


@compiled
def value_at(
    grid: Float32[np.ndarray, "X Y Z"], x: np.float32, y: np.float32, z: np.float32
) -> np.float32:
    """Value of a grid (X, Y, Z) at a position."""
    i, u = locate(x, grid.shape[0])
    j, v = locate(y, grid.shape[1])
    k, w = locate(z, grid.shape[2])
    rest = _ONE - w
    low = (grid[i, j, k] * rest + grid[i, j, k + 1] * w) * (_ONE - v)
    low += (grid[i, j + 1, k] * rest + grid[i, j + 1, k + 1] * w) * v
    high = (grid[i + 1, j, k] * rest + grid[i + 1, j, k + 1] * w) * (_ONE - v)
    high += (grid[i + 1, j + 1, k] * rest + grid[i + 1, j + 1, k + 1] * w) * v
    return low * (_ONE - u) + high * u


@compiled
def add_at(
    grid: Float32[np.ndarray, "X Y Z"],
    x: np.float32,
    y: np.float32,
    z: np.float32,
    amount: np.float32,
) -> None:
    """Spread an amount over the corners (X, Y, Z) around a position."""
    i, u = locate(x, grid.shape[0])
    j, v = locate(y, grid.shape[1])
    k, w = locate(z, grid.shape[2])
    low, high = amount * (_ONE - u), amount * u
    rest = _ONE - w
    grid[i, j, k] += low * (_ONE - v) * rest
    grid[i, j, k + 1] += low * (_ONE - v) * w
    grid[i, j + 1, k] += low * v * rest
    grid[i, j + 1, k + 1] += low * v * w
    grid[i + 1, j, k] += high * (_ONE - v) * rest
    grid[i + 1, j, k + 1] += high * (_ONE - v) * w
    grid[i + 1, j + 1, k] += high * v * rest
    grid[i + 1, j + 1, k + 1] += high * v * w
