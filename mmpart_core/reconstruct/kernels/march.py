"""Rays through a field of distances and colours: what they show, and the way back to the grids.

NeuS opacities as in ``neus_alpha``. A ray is followed until nothing more of its light passes; what
lies behind is neither sampled nor changed.
"""

import math

import numpy as np
from jaxtyping import Bool, Float32, Int32

from mmpart_core.reconstruct.kernels.compiled import compiled

# Of ``rendering`` and ``neus_alpha``: sections of less weight have no colour, and two small
# numbers keep quotients finite.
_VISIBLE_WEIGHT = np.float32(1e-3)
_SOFTENING = np.float32(1e-5)
_LEAK = np.float32(1e-7)
# Light below which a ray ends; its colour would change by less than a 40th of an 8-bit step.
_OPAQUE = np.float32(1e-4)
_LARGEST_POWER = np.float32(80.0)  # of e, in float32: fast arithmetic knows no infinity
_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)


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


@compiled
def sigmoid(value: np.float32) -> np.float32:
    """Logistic function."""
    return _ONE / (_ONE + np.float32(math.exp(min(-value, _LARGEST_POWER))))


@compiled
def opacity(before: np.float32, after: np.float32) -> np.float32:
    """Of a section, from the logistic of the scaled distance at its ends."""
    return min(max((before - after) / (before + _SOFTENING), _ZERO), _ONE)


@compiled
def march(
    sdf: Float32[np.ndarray, "X Y Z"],
    colors: Float32[np.ndarray, "3 X Y Z"],
    origins: Float32[np.ndarray, "R 3"],
    directions: Float32[np.ndarray, "R 3"],
    distances: Float32[np.ndarray, "R S"],
    sharpness: np.float32,
    outside: Float32[np.ndarray, "R S"],
    counts: Int32[np.ndarray, "R"],
    rgb: Float32[np.ndarray, "R 3"],
    opaque: Float32[np.ndarray, "R"],
) -> None:
    """Render rays.

    Args:
        sdf: distances (X, Y, Z), float32, as all arrays.
        colors: logits (3, X, Y, Z).
        origins: of the rays (R, 3), grid steps.
        directions: per unit of distance (R, 3), grid steps.
        distances: of the samples (R, S), growing along each ray.
        sharpness: inverse width of the surface.
        outside: (R, S), filled with the logistic of the scaled distance at the samples.
        counts: (R,) int32, filled with how many samples were taken.
        rgb: (R, 3) zeros, filled with premultiplied colour.
        opaque: (R,) zeros, filled with opacity.
    """
    for ray in range(len(distances)):
        x, y, z = origins[ray]
        p, q, r = directions[ray]
        passed = _ONE
        at = distances[ray, 0]
        before = sigmoid(sharpness * value_at(sdf, x + p * at, y + q * at, z + r * at))
        outside[ray, 0] = before
        taken = 1
        while taken < distances.shape[1] and passed > _OPAQUE:
            to = distances[ray, taken]
            after = sigmoid(sharpness * value_at(sdf, x + p * to, y + q * to, z + r * to))
            outside[ray, taken] = after
            alpha = opacity(before, after)
            weight = alpha * passed
            opaque[ray] += weight
            if weight > _VISIBLE_WEIGHT:
                mid = _HALF * (at + to)
                for c in range(3):
                    logit = value_at(colors[c], x + p * mid, y + q * mid, z + r * mid)
                    rgb[ray, c] += weight * sigmoid(logit)
            passed *= _ONE - alpha + _LEAK
            before, at = after, to
            taken += 1
        counts[ray] = taken


@compiled
def weigh(
    outside: Float32[np.ndarray, "S"],
    count: int,
    alpha: Float32[np.ndarray, "S"],
    passed: Float32[np.ndarray, "S"],
) -> None:
    """Opacity of a ray's sections, and what passes before each, from the samples' logistics."""
    light = _ONE
    for s in range(count - 1):
        alpha[s] = opacity(outside[s], outside[s + 1])
        passed[s] = light
        light *= _ONE - alpha[s] + _LEAK


@compiled
def color_back(
    colors: Float32[np.ndarray, "3 X Y Z"],
    gradient: Float32[np.ndarray, "3 X Y Z"],
    x: np.float32,
    y: np.float32,
    z: np.float32,
    weight: np.float32,
    red: np.float32,
    green: np.float32,
    blue: np.float32,
) -> np.float32:
    """A section's colour, into its grid's gradient; gives the loss's gain per unit of weight."""
    gain = _ZERO
    for c in range(3):
        slope = red if c == 0 else (green if c == 1 else blue)
        color = sigmoid(value_at(colors[c], x, y, z))
        add_at(gradient[c], x, y, z, slope * weight * color * (_ONE - color))
        gain += slope * color
    return gain


@compiled
def march_back(
    colors: Float32[np.ndarray, "3 X Y Z"],
    origins: Float32[np.ndarray, "R 3"],
    directions: Float32[np.ndarray, "R 3"],
    distances: Float32[np.ndarray, "R S"],
    sharpness: np.float32,
    outside: Float32[np.ndarray, "R S"],
    counts: Int32[np.ndarray, "R"],
    rgb_slopes: Float32[np.ndarray, "R 3"],
    opaque_slopes: Float32[np.ndarray, "R"],
    sdf_gradient: Float32[np.ndarray, "X Y Z"],
    color_gradient: Float32[np.ndarray, "3 X Y Z"],
) -> None:
    """The gradient of ``march``.

    Args:
        colors: logits (3, X, Y, Z), float32, as all arrays.
        origins: of the rays (R, 3), grid steps.
        directions: per unit of distance (R, 3), grid steps.
        distances: of the samples (R, S).
        sharpness: inverse width of the surface.
        outside: as ``march`` filled it.
        counts: as ``march`` filled it.
        rgb_slopes: of the loss, by the colour of each ray (R, 3).
        opaque_slopes: of the loss, by the opacity of each ray (R,).
        sdf_gradient: (X, Y, Z), added to.
        color_gradient: (3, X, Y, Z), added to.
    """
    alpha = np.zeros(distances.shape[1], np.float32)
    passed = np.zeros(distances.shape[1], np.float32)
    for ray in range(len(distances)):
        x, y, z = origins[ray]
        p, q, r = directions[ray]
        count = counts[ray]
        weigh(outside[ray], count, alpha, passed)
        behind = _ZERO  # what the loss gains from all that lies behind a section
        later = _ZERO  # slope by a sample's logistic, from the section that begins there
        for s in range(count - 2, -1, -1):
            weight = alpha[s] * passed[s]
            gain = opaque_slopes[ray]
            if weight > _VISIBLE_WEIGHT:
                mid = _HALF * (distances[ray, s] + distances[ray, s + 1])
                gain += color_back(
                    colors, color_gradient, x + p * mid, y + q * mid, z + r * mid, weight,
                    rgb_slopes[ray, 0], rgb_slopes[ray, 1], rgb_slopes[ray, 2],
                )  # fmt: skip
            by_alpha = passed[s] * gain - behind / (_ONE - alpha[s] + _LEAK)
            behind += gain * weight
            before, after = outside[ray, s] + _SOFTENING, outside[ray, s + 1]
            inner = _ZERO < alpha[s] < _ONE
            slope = later - (by_alpha / before if inner else _ZERO)
            later = by_alpha * (after + _SOFTENING) / (before * before) if inner else _ZERO
            spread(sdf_gradient, x, y, z, p, q, r, distances[ray, s + 1], slope, after, sharpness)
        first = outside[ray, 0]
        spread(sdf_gradient, x, y, z, p, q, r, distances[ray, 0], later, first, sharpness)


@compiled
def spread(
    gradient: Float32[np.ndarray, "X Y Z"],
    x: np.float32,
    y: np.float32,
    z: np.float32,
    p: np.float32,
    q: np.float32,
    r: np.float32,
    at: np.float32,
    slope: np.float32,
    logistic: np.float32,
    sharpness: np.float32,
) -> None:
    """A slope by a sample's logistic, into the gradient of the distances around it."""
    amount = slope * sharpness * logistic * (_ONE - logistic)
    if amount != _ZERO:
        add_at(gradient, x + p * at, y + q * at, z + r * at, amount)


@compiled
def meet(
    sdf: Float32[np.ndarray, "X Y Z"],
    origins: Float32[np.ndarray, "R 3"],
    directions: Float32[np.ndarray, "R 3"],
    nears: Float32[np.ndarray, "R"],
    fars: Float32[np.ndarray, "R"],
    step: np.float32,
    hits: Bool[np.ndarray, "R"],
) -> None:
    """Which rays get inside.

    Args:
        sdf: distances (X, Y, Z), float32.
        origins: of the rays (R, 3), float32, grid steps.
        directions: per unit of distance (R, 3), float32, grid steps.
        nears: distance (R,), float32, from which on each ray is followed.
        fars: (R,) float32, up to which; a ray that ends before it begins meets nothing.
        step: distance between samples.
        hits: (R,) bool, filled.
    """
    for ray in range(len(origins)):
        x, y, z = origins[ray]
        p, q, r = directions[ray]
        at = nears[ray]
        hits[ray] = False
        while at <= fars[ray] and not hits[ray]:
            hits[ray] = value_at(sdf, x + p * at, y + q * at, z + r * at) < _ZERO
            at += step
