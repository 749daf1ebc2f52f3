"""Chamfer distance."""

from typing import Literal, get_args

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.distances import (
    NearestDistances,
    Norm,
    checked_distances,
    nearest_distances,
)

Reduction = Literal["sum", "mean"]


def chamfer_distance(
    prediction: ArrayLike,
    truth: ArrayLike,
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
        prediction: points on the predicted surface, (P, 3).
        truth: points on the true surface, (Q, 3), same frame.
        squared: take the mean of squared distances.
        reduction: ``sum`` of the two directions, or their ``mean`` (half of it).
        norm: Euclidean or Manhattan distance.

    Raises:
        ArgumentError: sets that are not finite points (P, 3), at least one each, or an option
            that there is not.

    Example:
        >>> a, b = [[0.0, 0.0, 0.0]], [[0.0, 0.0, 2.0]]
        >>> chamfer_distance(a, b), chamfer_distance(a, b, squared=True, reduction="mean")
        (4.0, 4.0)
    """
    arguments.choice("norm", norm, get_args(Norm))
    arguments.choice("reduction", reduction, get_args(Reduction))
    nearest = nearest_distances(prediction, truth, norm=norm)
    return chamfer_from_distances(nearest, squared=squared, reduction=reduction)


def chamfer_from_distances(
    nearest: NearestDistances, *, squared: bool = False, reduction: Reduction = "sum"
) -> float:
    """Chamfer distance of nearest distances that are there already; see ``chamfer_distance``.

    Raises:
        ArgumentError: no finite distances, or a reduction that there is not.
    """
    checked_distances(nearest)
    arguments.choice("reduction", reduction, get_args(Reduction))
    power = 2 if squared else 1
    total = float((nearest.to_truth**power).mean() + (nearest.to_prediction**power).mean())
    return total if reduction == "sum" else total / 2.0
