"""Adam at the corners of a band."""

import math

import numpy as np
from jaxtyping import Float32, Int64

from mmpart_core.reconstruct.kernels.compiled import compiled

_ONE = np.float32(1.0)


@compiled
def adam(
    values: Float32[np.ndarray, "C N"],
    gradient: Float32[np.ndarray, "C N"],
    mean: Float32[np.ndarray, "C N"],
    square: Float32[np.ndarray, "C N"],
    corners: Int64[np.ndarray, "A"],
    rate: float,
    decay: tuple[float, float],
    epsilon: float,
    corrections: tuple[float, float],
) -> None:
    """One step of Adam (Kingma and Ba, 2015, algorithm 1).

    Args:
        values: (C, N) flattened channels, float32 like those below; changed.
        gradient: of the loss.
        mean: first moments; changed.
        square: second moments; changed.
        corners: of all channels, that move.
        rate: learning rate.
        decay: of the moments, two numbers.
        epsilon: keeps the quotient finite.
        corrections: ``1 - decay ** step``, two numbers.
    """
    keep, keep_square = np.float32(decay[0]), np.float32(decay[1])
    step = np.float32(rate / corrections[0])
    root = np.float32(1.0 / math.sqrt(corrections[1]))
    for c in range(len(values)):
        for index in corners:
            slope = gradient[c, index]
            first = mean[c, index] * keep + (_ONE - keep) * slope
            second = square[c, index] * keep_square + (_ONE - keep_square) * slope * slope
            mean[c, index] = first
            square[c, index] = second
            spread = np.float32(math.sqrt(second)) * root + np.float32(epsilon)
            values[c, index] -= step * first / spread
