"""Penalties on a grid's roughness and their gradients, in passes that follow memory."""

import math

import numpy as np
from jaxtyping import Float32

from mmpart_core.reconstruct.kernels.compiled import compiled

_ZERO, _ONE, _SIX = np.float32(0.0), np.float32(1.0), np.float32(6.0)


@compiled
def eikonal(
    values: Float32[np.ndarray, "X Y Z"],
    spacing: float,
    weight: float,
    gradient: Float32[np.ndarray, "X Y Z"],
) -> float:
    """Mean of (|grad| - 1)^2 over cells by forward differences.

    Args:
        values: distances (X, Y, Z), float32.
        spacing: of the grid.
        weight: of the penalty.
        gradient: (X, Y, Z), to which weight x gradient is added.

    Returns:
        The mean, without the weight.
    """
    x, y, z = values.shape
    cells = (x - 1) * (y - 1) * (z - 1)
    scale = np.float32(2.0 * weight / (cells * spacing))
    inverse = np.float32(1.0 / spacing)
    total = 0.0
    for i in range(x - 1):
        for j in range(y - 1):
            row = _ZERO
            for k in range(z - 1):
                base = values[i, j, k]
                a = (values[i + 1, j, k] - base) * inverse
                b = (values[i, j + 1, k] - base) * inverse
                c = (values[i, j, k + 1] - base) * inverse
                length = np.float32(math.sqrt(a * a + b * b + c * c + np.float32(1e-12)))
                excess = length - _ONE
                row += excess * excess
                factor = excess / length * scale
                gradient[i + 1, j, k] += factor * a
                gradient[i, j + 1, k] += factor * b
                gradient[i, j, k + 1] += factor * c
                gradient[i, j, k] -= factor * (a + b + c)
            total += row
    return total / cells


@compiled
def laplacian(
    values: Float32[np.ndarray, "X Y Z"],
    spacing: float,
    weight: float,
    bend: Float32[np.ndarray, "X Y Z"],
    gradient: Float32[np.ndarray, "X Y Z"],
) -> float:
    """Mean of (seven-point Laplacian x spacing)^2 over inner corners.

    Args:
        values: distances (X, Y, Z), float32.
        spacing: of the grid.
        weight: of the penalty.
        bend: (X, Y, Z), zero on the border; room to work in.
        gradient: (X, Y, Z), to which weight x gradient is added.

    Returns:
        The mean, without the weight.
    """
    x, y, z = values.shape
    inner = (x - 2) * (y - 2) * (z - 2)
    inverse = np.float32(1.0 / spacing)
    scale = np.float32(2.0 * weight / (inner * spacing))
    total = 0.0
    for i in range(1, x - 1):
        for j in range(1, y - 1):
            row = _ZERO
            for k in range(1, z - 1):
                around = values[i + 1, j, k] + values[i - 1, j, k] + values[i, j + 1, k]
                around += values[i, j - 1, k] + values[i, j, k + 1] + values[i, j, k - 1]
                curve = (around - _SIX * values[i, j, k]) * inverse
                bend[i, j, k] = curve
                row += curve * curve
            total += row
    for i in range(1, x - 1):
        for j in range(1, y - 1):
            for k in range(1, z - 1):
                around = bend[i + 1, j, k] + bend[i - 1, j, k] + bend[i, j + 1, k]
                around += bend[i, j - 1, k] + bend[i, j, k + 1] + bend[i, j, k - 1]
                gradient[i, j, k] += scale * (around - _SIX * bend[i, j, k])
    border(bend, scale, gradient)
    return total / inner


@compiled
def border(
    bend: Float32[np.ndarray, "X Y Z"], scale: float, gradient: Float32[np.ndarray, "X Y Z"]
) -> None:
    """What the inner corners' Laplacians ask of the corners on the grid's six sides."""
    x, y, z = bend.shape
    for j in range(1, y - 1):
        for k in range(1, z - 1):
            gradient[0, j, k] += scale * bend[1, j, k]
            gradient[x - 1, j, k] += scale * bend[x - 2, j, k]
    for i in range(1, x - 1):
        for k in range(1, z - 1):
            gradient[i, 0, k] += scale * bend[i, 1, k]
            gradient[i, y - 1, k] += scale * bend[i, y - 2, k]
        for j in range(1, y - 1):
            gradient[i, j, 0] += scale * bend[i, j, 1]
            gradient[i, j, z - 1] += scale * bend[i, j, z - 2]


@compiled
def variation(
    values: Float32[np.ndarray, "C X Y Z"], weight: float, gradient: Float32[np.ndarray, "C X Y Z"]
) -> float:
    """Sum over the three axes of the mean absolute difference of neighbours.

    Args:
        values: (C, X, Y, Z), float32.
        weight: of the penalty.
        gradient: (C, X, Y, Z), to which weight x gradient is added.

    Returns:
        The sum, without the weight.
    """
    channels, x, y, z = values.shape
    shares = (
        np.float32(1.0 / max(channels * (x - 1) * y * z, 1)),
        np.float32(1.0 / max(channels * x * (y - 1) * z, 1)),
        np.float32(1.0 / max(channels * x * y * (z - 1), 1)),
    )
    total = 0.0
    for c in range(channels):
        for i in range(x):
            for j in range(y):
                line, slope = values[c, i, j], gradient[c, i, j]
                if i + 1 < x:
                    beside, its = values[c, i + 1, j], gradient[c, i + 1, j]
                    total += shares[0] * difference(line, beside, shares[0] * weight, slope, its)
                if j + 1 < y:
                    beside, its = values[c, i, j + 1], gradient[c, i, j + 1]
                    total += shares[1] * difference(line, beside, shares[1] * weight, slope, its)
                along = difference(line[:-1], line[1:], shares[2] * weight, slope[:-1], slope[1:])
                total += shares[2] * along
    return total


@compiled
def difference(
    here: Float32[np.ndarray, "K"],
    there: Float32[np.ndarray, "K"],
    weight: float,
    slope_here: Float32[np.ndarray, "K"],
    slope_there: Float32[np.ndarray, "K"],
) -> np.float32:
    """Sum of absolute differences of two lines; adds weight x gradient to both lines' slopes."""
    total = _ZERO
    for k in range(len(here)):
        change = there[k] - here[k]
        total += abs(change)
        sign = weight * np.float32((change > _ZERO) - (change < _ZERO))
        slope_there[k] += sign
        slope_here[k] -= sign
    return total
