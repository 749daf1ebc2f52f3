"""Chamfer distance."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from evaluation.functional.distances import NearestDistances, Norm, nearest_distances

Reduction = Literal["sum", "mean"]


def chamfer_distance(
    prediction: Float[np.ndarray, "P 3"],
    truth: Float[np.ndarray, "Q 3"],
    *,
    squared: bool = False,
    reduction: Reduction = "sum",
    norm: Norm = "l2",
) -> float:
    """Chamfer distance of two point sets: ``mean d(p, T) + mean d(t, P)``.

    With ``d(p, T) = min over t in T of |p - t|`` (Fan et al., A Point Set Generation Network,
    2017). Papers differ in everything that is an option here: PartCrafter sums unsquared
    distances, MIDI sums squared ones, others halve the sum. State the options with the value.

    Args:
        prediction: points on the predicted surface.
        truth: points on the true surface, same frame.
        squared: take the mean of squared distances.
        reduction: ``sum`` of the two directions, or their ``mean`` (half of it).
        norm: Euclidean or Manhattan distance.

    Raises:
        ValueError: a set without points, or points that are not finite.

    Example:
        >>> a, b = np.array([[0.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 2.0]])
        >>> chamfer_distance(a, b), chamfer_distance(a, b, squared=True, reduction="mean")
        (4.0, 4.0)
    """
    nearest = nearest_distances(prediction, truth, norm=norm)
    return chamfer_from_distances(nearest, squared=squared, reduction=reduction)


def chamfer_from_distances(
    nearest: NearestDistances, *, squared: bool = False, reduction: Reduction = "sum"
) -> float:
    """Chamfer distance of nearest distances that are there already; see ``chamfer_distance``."""
    power = 2 if squared else 1
    total = float((nearest.to_truth**power).mean() + (nearest.to_prediction**power).mean())
    return total if reduction == "sum" else total / 2.0
