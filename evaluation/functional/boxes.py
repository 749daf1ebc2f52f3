"""Axis-aligned bounding boxes: overlap, position and size."""

import numpy as np
from jaxtyping import Float


def bbox_iou(
    first_low: Float[np.ndarray, "3"],
    first_high: Float[np.ndarray, "3"],
    second_low: Float[np.ndarray, "3"],
    second_high: Float[np.ndarray, "3"],
) -> float:
    """Intersection over union of two axis-aligned boxes.

    A box that is flat along some axes is compared along the others, so equal flat boxes give 1.

    Args:
        first_low: lowest corner.
        first_high: highest corner.
        second_low: lowest corner of the other.
        second_high: highest corner of the other.

    Example:
        >>> zero, one = np.zeros(3), np.ones(3)
        >>> round(bbox_iou(zero, one, zero + [0.5, 0, 0], one + [0.5, 0, 0]), 4)
        0.3333
    """
    low, high = np.maximum(first_low, second_low), np.minimum(first_high, second_high)
    if (high < low).any():
        return 0.0
    flat = (first_high == first_low) & (second_high == second_low)
    both, first, second = (
        float(np.prod(np.where(flat, 1.0, upper - lower)))
        for lower, upper in (
            (low, high), (first_low, first_high), (second_low, second_high)
        )
    )  # fmt: skip
    either = first + second - both
    return both / either if either > 0 else 0.0
