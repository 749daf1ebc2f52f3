"""Axis-aligned bounding boxes: of points and meshes, and their overlap."""

import numpy as np
from jaxtyping import Float, Int

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from mmpart_core.errors import ArgumentError

THINNEST_SHARE = 1e-3
"""Boxes count as at least so thick, as a share of a diagonal.

Files round positions to about 1e-8 (binary floats) or 1e-6 (decimals in an OBJ) of an object's
size, a thousandth of this or less; and no metric on surfaces sees anything so thin (the closest
F-score looks 0.02 of half the longest side far).
"""


def box_around(
    points: Float[np.ndarray, "P 3"],
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Lowest and highest corner of the box around points, at least one.

    Example:
        >>> low, high = box_around(np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 1.0]]))
        >>> low.tolist(), high.tolist()
        ([0.0, 0.0, 1.0], [1.0, 2.0, 1.0])
    """
    # along contiguous rows numpy is more than ten times faster than along narrow columns
    rows = np.ascontiguousarray(points.T)
    return rows.min(axis=1), rows.max(axis=1)


def used_vertices(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> Float[np.ndarray, "K 3"]:
    """The vertices that faces use, each once, in order."""
    return vertices[np.flatnonzero(np.bincount(faces.ravel(), minlength=len(vertices)))]


def bbox_iou(
    first_low: ArrayLike,
    first_high: ArrayLike,
    second_low: ArrayLike,
    second_high: ArrayLike,
    *,
    thinnest: float | None = None,
) -> float:
    """Intersection over union of two axis-aligned boxes.

    A side of a box that is thinner than ``thinnest`` is widened to it, about its middle. A flat
    part has a box without volume, and without this its overlap would jump between 0 and 1 by the
    rounding of a file; with it, it falls evenly from 1 to 0 as the boxes are moved apart by
    ``thinnest``. Boxes that are thicker along all axes are compared as they are, so values stay
    comparable to published ones.

    Args:
        first_low: lowest corner, (3,).
        first_high: highest corner, (3,).
        second_low: lowest corner of the other, (3,).
        second_high: highest corner of the other, (3,).
        thinnest: in the boxes' units; None takes ``THINNEST_SHARE`` of the longer of the two
            diagonals. Score rows take that share of the whole true object's diagonal.

    Raises:
        ArgumentError: no finite corners (3,), a lowest corner above the highest, or a thinnest
            that is below 0.

    Example:
        >>> zero, one = np.zeros(3), np.ones(3)
        >>> round(bbox_iou(zero, one, zero + [0.5, 0, 0], one + [0.5, 0, 0]), 4)
        0.3333
        >>> round(bbox_iou([0, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 1e-9]), 4)
        1.0
    """
    first = _box("first", first_low, first_high)
    second = _box("second", second_low, second_high)
    if thinnest is None:
        longer = max(float(np.linalg.norm(high - low)) for low, high in (first, second))
        least = THINNEST_SHARE * longer
    else:
        least = arguments.number("thinnest", thinnest, least=0.0)
    if least == 0.0 and np.array_equal(first, second):
        return 1.0
    # seen from the middle of both, so that far from the origin nothing is lost
    middle = (first[0] + second[1]) / 2.0
    (first_low, first_high), (second_low, second_high) = (
        _thickened(low - middle, high - middle, least) for low, high in (first, second)
    )
    both = _volume(np.maximum(first_low, second_low), np.minimum(first_high, second_high))
    either = _volume(first_low, first_high) + _volume(second_low, second_high) - both
    return min(1.0, both / either) if either > 0 else 0.0


def _box(
    which: str, low: ArrayLike, high: ArrayLike
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    lowest = arguments.vector(f"{which}_low", low)
    highest = arguments.vector(f"{which}_high", high)
    if (highest < lowest).any():
        raise ArgumentError(
            f"{which}_low and {which}_high: expected the lowest corner before the highest, got "
            f"{lowest.tolist()} and {highest.tolist()}; take the least and greatest coordinates"
        )
    return lowest, highest


def _thickened(
    low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"], least: float
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """The box with every side at least so long, about its middle."""
    more = np.maximum(least - (high - low), 0.0) / 2.0
    return low - more, high + more


def _volume(low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"]) -> float:
    """Volume between two corners; 0 where they do not span a box."""
    return float(np.prod(np.maximum(high - low, 0.0)))
