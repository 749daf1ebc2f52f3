"""Adam on a grid of which most of the corners are at rest."""

import math

import numpy as np
from jaxtyping import Float32

from mmpart_core.reconstruct.kernels.compiled import compiled

_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@compiled
def adam(
    values: Float32[np.ndarray, "P"],
    gradient: Float32[np.ndarray, "P"],
    mean: Float32[np.ndarray, "P"],
    square: Float32[np.ndarray, "P"],
    rate: float,
    decay: tuple[float, float],
    epsilon: float,
    corrections: tuple[float, float],
) -> None:
    """One step of Adam (Kingma and Ba, 2015, algorithm 1), leaving out corners that never moved.

    Args:
        values: float32, flat like those below; changed.
        gradient: of the loss.
        mean: first moments; changed.
        square: second moments; changed.
        rate: learning rate.
        decay: of the moments, two numbers.
        epsilon: keeps the quotient finite.
        corrections: ``1 - decay ** step``, two numbers.
    """
    keep, keep_square = np.float32(decay[0]), np.float32(decay[1])
    step = np.float32(rate / corrections[0])
    root = np.float32(1.0 / math.sqrt(corrections[1]))
    for index in range(len(values)):
        slope = gradient[index]
        if slope == _ZERO and mean[index] == _ZERO:
            continue
        first = mean[index] * keep + (_ONE - keep) * slope
        second = square[index] * keep_square + (_ONE - keep_square) * slope * slope
        mean[index] = first
        square[index] = second
        spread = np.float32(math.sqrt(second)) * root + np.float32(epsilon)
        values[index] -= step * first / spread
