"""Penalties on the roughness of grids and their gradients, at the corners of a band.

Corners are named by their place in the flattened grid; those beside them along an axis are a
stride away. No corner of a band lies on a side of the grid.
"""

import math

import numpy as np
from jaxtyping import Float32, Int64

from mmpart_core.reconstruct.kernels.compiled import compiled

_ZERO, _ONE, _SIX = np.float32(0.0), np.float32(1.0), np.float32(6.0)


@compiled
def roughness(
    values: Float32[np.ndarray, "N"],
    corners: Int64[np.ndarray, "A"],
    strides: tuple[int, int],
    spacing: float,
    weights: tuple[float, float],
    gradient: Float32[np.ndarray, "N"],
) -> tuple[float, float]:
    """Sums of ``(|grad| - 1)^2`` by forward differences, and of (7-point Laplacian x spacing)^2.

    Args:
        values: distances, flattened, float32.
        corners: of the band.
        strides: in the flattened grid along the first and the second axis.
        spacing: of the grid.
        weights: of the two sums.
        gradient: flattened, to which weight x gradient is added.

    Returns:
        Both sums, without their weights.
    """
    p, q = strides
    inverse = np.float32(1.0 / spacing)
    pull, bend = np.float32(2.0 * weights[0] / spacing), np.float32(2.0 * weights[1] / spacing)
    lengths, curves = 0.0, 0.0
    for corner in corners:
        base = values[corner]
        ahead = (values[corner + p], values[corner + q], values[corner + 1])
        a, b, c = (ahead[0] - base) * inverse, (ahead[1] - base) * inverse, ahead[2] - base
        c *= inverse
        length = np.float32(math.sqrt(a * a + b * b + c * c + np.float32(1e-12)))
        excess = length - _ONE
        lengths += excess * excess
        factor = excess / length * pull
        around = ahead[0] + ahead[1] + ahead[2]
        around += values[corner - p] + values[corner - q] + values[corner - 1]
        curve = (around - _SIX * base) * inverse
        curves += curve * curve
        curve *= bend
        gradient[corner + p] += factor * a + curve
        gradient[corner + q] += factor * b + curve
        gradient[corner + 1] += factor * c + curve
        gradient[corner - p] += curve
        gradient[corner - q] += curve
        gradient[corner - 1] += curve
        gradient[corner] -= factor * (a + b + c) + _SIX * curve
    return float(lengths), float(curves)


@compiled
def variation(
    values: Float32[np.ndarray, "C N"],
    corners: Int64[np.ndarray, "A"],
    strides: tuple[int, int],
    softening: float,
    weight: float,
    gradient: Float32[np.ndarray, "C N"],
) -> float:
    """Sum of ``sqrt(d^2 + softening^2)`` over differences to the next corner along each axis.

    Args:
        values: (C, N) flattened channels, float32.
        corners: of the band.
        strides: in the flattened grid along the first and the second axis.
        softening: below this differences count by their square.
        weight: of the sum.
        gradient: (C, N), to which weight x gradient is added.

    Returns:
        The sum, without the weight.
    """
    total = 0.0
    square, scale = np.float32(softening * softening), np.float32(weight)
    for c in range(len(values)):
        channel, slopes = values[c], gradient[c]
        for corner in corners:
            pull = _ZERO
            for axis in range(3):
                beside = corner + (strides[0] if axis == 0 else (strides[1] if axis == 1 else 1))
                change = channel[beside] - channel[corner]
                size = np.float32(math.sqrt(change * change + square))
                total += size
                change *= scale / size
                slopes[beside] += change
                pull += change
            slopes[corner] -= pull
    return float(total)
