"""One training step of a field of densities and colours: rays through it, and the way back.

A ray's light is taken away by density alone, wherever it is. So a ray that sees the wrong colour
pushes all matter on its way aside at once, where a distance grid can only move the surface that it
meets: this is how the inside of an open box is found behind a lid that never was there.

The grid is four flattened rows: density before ``softplus``, per spacing, and three logits of
colour. Corners are named by their place in a row; beside them along the last axis is the next one.
"""

import math

import numpy as np
from jaxtyping import Float32, Int64

from mmpart_core.reconstruct.kernels.compiled import compiled

# Sections of less weight have no colour.
_VISIBLE_WEIGHT = np.float32(1e-3)
# Differences of colour below this count by their square: a quarter of what shading may do.
_SOFTENING = np.float32(0.02)
_CLEAREST = np.float32(1e-4)
_LARGEST_POWER = np.float32(80.0)  # of e, in float32: fast arithmetic knows no infinity
_ZERO, _ONE, _TWO, _THREE = (np.float32(value) for value in (0.0, 1.0, 2.0, 3.0))


@compiled
def place(
    shape: tuple[int, int, int],
    position: Float32[np.ndarray, "3"],
    fractions: Float32[np.ndarray, "3"],
) -> int:
    """The cell's first corner, and how far into the cell, of a position in grid steps."""
    base = 0
    for axis in range(3):
        inside = min(max(position[axis], _ZERO), np.float32(shape[axis] - 1))
        cell = min(int(inside), shape[axis] - 2)
        fractions[axis] = inside - np.float32(cell)
        base = base * shape[axis] + cell
    return base


@compiled
def read(
    row: Float32[np.ndarray, "N"], base: int, p: int, q: int, at: Float32[np.ndarray, "3"]
) -> np.float32:
    """Trilinear value within a cell."""
    u, v, w = at
    rest = _ONE - w
    low = (row[base] * rest + row[base + 1] * w) * (_ONE - v)
    low += (row[base + q] * rest + row[base + q + 1] * w) * v
    base += p
    high = (row[base] * rest + row[base + 1] * w) * (_ONE - v)
    high += (row[base + q] * rest + row[base + q + 1] * w) * v
    return low * (_ONE - u) + high * u


@compiled
def add(
    row: Float32[np.ndarray, "N"],
    base: int,
    p: int,
    q: int,
    at: Float32[np.ndarray, "3"],
    amount: np.float32,
) -> None:
    """Spread an amount over a cell's corners."""
    u, v, w = at
    rest = _ONE - w
    low, high = amount * (_ONE - u), amount * u
    for value in (low, high):
        row[base] += value * (_ONE - v) * rest
        row[base + 1] += value * (_ONE - v) * w
        row[base + q] += value * v * rest
        row[base + q + 1] += value * v * w
        base += p


@compiled
def softplus(value: np.float32) -> np.float32:
    """``log(1 + exp(value))``."""
    if value > np.float32(20.0):
        return value
    return np.float32(math.log1p(math.exp(value)))


@compiled
def sigmoid(value: np.float32) -> np.float32:
    """Logistic function."""
    return _ONE / (_ONE + np.float32(math.exp(min(-value, _LARGEST_POWER))))


@compiled
def density_on_ray(
    grid: Float32[np.ndarray, "4 N"],
    shape: tuple[int, int, int],
    origin: Float32[np.ndarray, "3"],
    direction: Float32[np.ndarray, "3"],
    distance: np.float32,
    at: Float32[np.ndarray, "3"],
) -> tuple[int, np.float32]:
    """First corner of a sample's cell, with ``at`` filled as its place in it; raw density."""
    for axis in range(3):
        at[axis] = origin[axis] + distance * direction[axis]
    base = place(shape, at, at)
    return base, read(grid[0], base, shape[1] * shape[2], shape[2], at)


@compiled
def follow(
    grid: Float32[np.ndarray, "4 N"],
    shape: tuple[int, int, int],
    origin: Float32[np.ndarray, "3"],
    direction: Float32[np.ndarray, "3"],
    distances: Float32[np.ndarray, "S"],
    length: np.float32,
    bases: Int64[np.ndarray, "S"],
    places: Float32[np.ndarray, "S 3"],
    seen: Float32[np.ndarray, "S 6"],
    total: Float32[np.ndarray, "4"],
) -> None:
    """Light along one ray.

    Args:
        grid: see the module.
        shape: corners along each axis.
        origin: of the ray, grid steps.
        direction: per unit of distance, grid steps.
        distances: of the samples, growing.
        length: of each section, grid steps.
        bases: filled with the first corner of each sample's cell.
        places: filled with its place within the cell.
        seen: filled with each sample's raw density, opacity, light that reaches it, and colour.
        total: filled with premultiplied colour and opacity.
    """
    p, q = shape[1] * shape[2], shape[2]
    total[:] = _ZERO
    light = _ONE
    for s in range(len(distances)):
        base, raw = density_on_ray(grid, shape, origin, direction, distances[s], places[s])
        alpha = _ONE - np.float32(math.exp(-softplus(raw) * length))
        weight = alpha * light
        bases[s], seen[s, 0], seen[s, 1], seen[s, 2] = base, raw, alpha, light
        if weight > _VISIBLE_WEIGHT:
            for c in range(3):
                seen[s, 3 + c] = sigmoid(read(grid[1 + c], base, p, q, places[s]))
                total[c] += weight * seen[s, 3 + c]
        total[3] += weight
        light *= _ONE - alpha


@compiled
def back(
    gradient: Float32[np.ndarray, "4 N"],
    strides: tuple[int, int],
    length: np.float32,
    bases: Int64[np.ndarray, "S"],
    places: Float32[np.ndarray, "S 3"],
    seen: Float32[np.ndarray, "S 6"],
    slopes: Float32[np.ndarray, "4"],
) -> None:
    """The gradient of ``follow``, given the loss's slopes by colour and opacity of the ray."""
    p, q = strides
    behind = _ZERO  # what the loss gains from all that lies behind a sample
    for s in range(len(bases) - 1, -1, -1):
        raw, alpha, light = seen[s, 0], seen[s, 1], seen[s, 2]
        weight, gain = alpha * light, slopes[3]
        if weight > _VISIBLE_WEIGHT:
            for c in range(3):
                color = seen[s, 3 + c]
                gain += slopes[c] * color
                amount = slopes[c] * weight * color * (_ONE - color)
                add(gradient[1 + c], bases[s], p, q, places[s], amount)
        clear = _ONE - alpha
        by_alpha = light * gain - behind / max(clear, _CLEAREST)
        behind += gain * weight
        amount = by_alpha * clear * length * sigmoid(raw)
        if amount != _ZERO:
            add(gradient[0], bases[s], p, q, places[s], amount)


@compiled
def step(
    grid: Float32[np.ndarray, "4 N"],
    shape: tuple[int, int, int],
    origins: Float32[np.ndarray, "R 3"],
    directions: Float32[np.ndarray, "R 3"],
    distances: Float32[np.ndarray, "R S"],
    lengths: Float32[np.ndarray, "R"],
    pixels: Float32[np.ndarray, "R 4"],
    grounds: Float32[np.ndarray, "R 3"],
    mask_weight: float,
    gradient: Float32[np.ndarray, "4 N"],
) -> float:
    """Loss of rays against their pixels, over random grounds, and its gradient.

    Args:
        grid: see the module; float32, as all arrays.
        shape: corners along each axis.
        origins: of the rays, grid steps.
        directions: per unit of distance, grid steps.
        distances: of the samples.
        lengths: of a ray's sections, grid steps.
        pixels: straight colour and alpha.
        grounds: colours behind each ray.
        mask_weight: of the squared difference of opacity.
        gradient: added to.

    Returns:
        Mean absolute difference of colour.
    """
    samples = distances.shape[1]
    bases, places = np.zeros(samples, np.int64), np.zeros((samples, 3), np.float32)
    seen, total = np.zeros((samples, 6), np.float32), np.zeros(4, np.float32)
    slopes = np.zeros(4, np.float32)
    share, strides = _ONE / np.float32(len(pixels)), (shape[1] * shape[2], shape[2])
    loss = 0.0
    for r in range(len(pixels)):
        follow(
            grid, shape, origins[r], directions[r], distances[r], lengths[r], bases, places, seen,
            total,
        )  # fmt: skip
        alpha = pixels[r, 3]
        slopes[3] = _TWO * np.float32(mask_weight) * (total[3] - alpha) * share
        for c in range(3):
            shown = total[c] + (_ONE - total[3]) * grounds[r, c]
            wanted = pixels[r, c] * alpha + (_ONE - alpha) * grounds[r, c]
            change = shown - wanted
            loss += abs(change)
            slopes[c] = change / max(abs(change), _SOFTENING) / _THREE * share
            slopes[3] -= slopes[c] * grounds[r, c]
        back(gradient, strides, lengths[r], bases, places, seen, slopes)
    return float(loss) / (3.0 * len(pixels))


@compiled
def median_depths(
    grid: Float32[np.ndarray, "4 N"],
    shape: tuple[int, int, int],
    origins: Float32[np.ndarray, "R 3"],
    directions: Float32[np.ndarray, "R 3"],
    distances: Float32[np.ndarray, "R S"],
    lengths: Float32[np.ndarray, "R"],
    depths: Float32[np.ndarray, "R"],
) -> None:
    """Distance at which half of a ray's light is gone; arguments as ``step`` has them.

    Args:
        grid: see the module.
        shape: corners along each axis.
        origins: of the rays.
        directions: of the rays.
        distances: of the samples.
        lengths: of a ray's sections.
        depths: filled; -1 where more than half passes.
    """
    at = np.zeros(3, np.float32)
    half = np.float32(math.log(2.0))
    for r in range(len(origins)):
        depths[r] = -_ONE
        taken = _ZERO
        for s in range(distances.shape[1]):
            _, raw = density_on_ray(grid, shape, origins[r], directions[r], distances[r, s], at)
            taken += softplus(raw) * lengths[r]
            if taken > half:
                depths[r] = distances[r, s]
                break
