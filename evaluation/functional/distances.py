"""Nearest distances between two point sets: computed once, shared by all metrics on points."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

Norm = Literal["l1", "l2"]
MINKOWSKI_ORDER: dict[Norm, int] = {"l1": 1, "l2": 2}
_LEAF_SIZE = 32


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

    @classmethod
    def of_queries(
        cls,
        forward: tuple[Float[np.ndarray, "P"], Int[np.ndarray, "P"]],
        backward: tuple[Float[np.ndarray, "Q"], Int[np.ndarray, "Q"]],
    ) -> "NearestDistances":
        """From two answers of ``query_tree``: of the prediction's points, of the truth's."""
        return cls(forward[0], backward[0], forward[1], backward[1])

    def scaled(self, factor: float) -> "NearestDistances":
        """The distances after both sets are scaled alike; neighbours stay neighbours."""
        return replace(
            self,
            to_truth=self.to_truth * factor,
            to_prediction=self.to_prediction * factor,
        )


def point_tree(points: Float[np.ndarray, "P 3"]) -> KDTree:
    """A k-d tree, built fast: cells are split at their middle (scipy documentation).

    Leaves are large because queries of thousands of points spend more on nodes than on points.
    """
    return KDTree(points, leafsize=_LEAF_SIZE, balanced_tree=False)


def query_tree(
    tree: KDTree,
    points: Float[np.ndarray, "P 3"],
    order: Int[np.ndarray, "P"],
    *,
    norm: Norm = "l2",
    reach: float = np.inf,
) -> tuple[Float[np.ndarray, "P"], Int[np.ndarray, "P"]]:
    """Distance to, and index of, the nearest point of a tree.

    Args:
        tree: of the points that are searched.
        points: what is asked for.
        order: the points' numbers, neighbours after each other: the order of the leaves of their
            own tree (``KDTree.indices``). One query then finds in the cache what the last one
            read; the answer is the same in any order.
        norm: of the distances.
        reach: how far is looked; what is farther has an infinite distance.
    """
    found = tree.query(points[order], p=MINKOWSKI_ORDER[norm], distance_upper_bound=reach)
    distances, index = np.empty_like(points[:, 0]), np.empty_like(order)
    distances[order], index[order] = found
    return distances, index


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
    true_tree, predicted_tree = point_tree(truth), point_tree(prediction)
    return NearestDistances.of_queries(
        query_tree(true_tree, prediction, predicted_tree.indices, norm=norm),
        query_tree(predicted_tree, truth, true_tree.indices, norm=norm),
    )
