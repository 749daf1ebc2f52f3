"""Nearest distances between two point sets: computed once, shared by all metrics on points."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

Norm = Literal["l1", "l2"]
MINKOWSKI_ORDER: dict[Norm, int] = {"l1": 1, "l2": 2}


@dataclass(frozen=True)
class NearestDistances:
    """Distances between two point sets, never squared.

    Attributes:
        to_truth: from each predicted point to its nearest true point.
        to_prediction: from each true point to its nearest predicted point.
        truth_index: index of the nearest true point of each predicted point.
        prediction_index: index of the nearest predicted point of each true point.
    """

    to_truth: Float[np.ndarray, "P"]
    to_prediction: Float[np.ndarray, "Q"]
    truth_index: Int[np.ndarray, "P"]
    prediction_index: Int[np.ndarray, "Q"]

    def scaled(self, factor: float) -> "NearestDistances":
        """The distances after both sets are scaled alike; neighbours stay neighbours."""
        return replace(
            self,
            to_truth=self.to_truth * factor,
            to_prediction=self.to_prediction * factor,
        )


def point_tree(points: Float[np.ndarray, "P 3"]) -> KDTree:
    """A k-d tree, built fast: cells are split at their middle (scipy documentation)."""
    return KDTree(points, balanced_tree=False, compact_nodes=False)


def nearest_distances(
    prediction: Float[np.ndarray, "P 3"],
    truth: Float[np.ndarray, "Q 3"],
    *,
    norm: Norm = "l2",
) -> NearestDistances:
    """Nearest-neighbour distances both ways (k-d tree).

    Args:
        prediction: points on the predicted surface.
        truth: points on the true surface, same frame.
        norm: Euclidean (``l2``) or Manhattan (``l1``) distance; it also decides who is nearest.

    Raises:
        ValueError: a set without points, or points that are not finite.
    """
    for name, points in (("prediction", prediction), ("truth", truth)):
        if not len(points) or not np.isfinite(points).all():
            raise ValueError(f"distances: expected finite points, {name} has {len(points)} points")
    order = MINKOWSKI_ORDER[norm]
    to_truth, truth_index = point_tree(truth).query(prediction, p=order)
    to_prediction, prediction_index = point_tree(prediction).query(truth, p=order)
    return NearestDistances(
        np.asarray(to_truth),
        np.asarray(to_prediction),
        np.asarray(truth_index),
        np.asarray(prediction_index),
    )
