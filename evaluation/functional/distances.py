"""Nearest distances between two point sets: computed once, shared by all metrics on points."""

from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike

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


def checked_distances(nearest: Any) -> NearestDistances:
    """Nearest distances that may be averaged.

    Raises:
        ArgumentError: something else, none, or distances that are not finite.
    """
    found = arguments.instance(
        "nearest", nearest, NearestDistances, "nearest_distances(prediction, truth) makes one"
    )
    arguments.distances("nearest.to_truth", found.to_truth)
    arguments.distances("nearest.to_prediction", found.to_prediction)
    return found


def point_tree(points: ArrayLike) -> KDTree:
    """A k-d tree of points (P, 3), built fast: cells are split at their middle (scipy's manual).

    Leaves are large because queries of thousands of points spend more on nodes than on points.

    Raises:
        ArgumentError: no finite points (P, 3), at least one.
    """
    return KDTree(arguments.points("points", points), leafsize=_LEAF_SIZE, balanced_tree=False)


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
    prediction: ArrayLike,
    truth: ArrayLike,
    *,
    norm: Norm = "l2",
) -> NearestDistances:
    """Nearest-neighbour distances both ways (k-d tree).

    Args:
        prediction: points on the predicted surface, (P, 3).
        truth: points on the true surface, (Q, 3), same frame.
        norm: Euclidean (``l2``) or Manhattan (``l1``) distance; it also decides who is nearest.

    Raises:
        ArgumentError: sets that are not finite points (P, 3), at least one each, or a norm that
            there is not.
    """
    made, true = arguments.points("prediction", prediction), arguments.points("truth", truth)
    arguments.choice("norm", norm, get_args(Norm))
    true_tree, made_tree = point_tree(true), point_tree(made)
    return NearestDistances.of_queries(
        query_tree(true_tree, made, made_tree.indices, norm=norm),
        query_tree(made_tree, true, true_tree.indices, norm=norm),
    )
