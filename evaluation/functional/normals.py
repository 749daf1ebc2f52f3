"""Normal consistency."""

import numpy as np

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.distances import NearestDistances, checked_distances, nearest_distances


def normal_consistency(
    prediction: ArrayLike,
    prediction_normals: ArrayLike,
    truth: ArrayLike,
    truth_normals: ArrayLike,
) -> float:
    """Mean absolute cosine between normals of nearest points, both directions averaged.

    Mescheder et al., Occupancy Networks, 2019. The sign of a normal does not count.

    Args:
        prediction: points on the predicted surface, (P, 3).
        prediction_normals: normals there, (P, 3); their length does not count.
        truth: points on the true surface, (Q, 3), same frame.
        truth_normals: normals there, (Q, 3).

    Raises:
        ArgumentError: points or normals that are not finite (P, 3), or normals of length 0.
    """
    nearest = nearest_distances(prediction, truth)
    return normals_from_distances(nearest, prediction_normals, truth_normals)


def normals_from_distances(
    nearest: NearestDistances,
    prediction_normals: ArrayLike,
    truth_normals: ArrayLike,
) -> float:
    """Normal consistency of nearest neighbours that are known; see ``normal_consistency``.

    Raises:
        ArgumentError: no finite distances, or normals that are not one for each point.
    """
    checked_distances(nearest)
    made = arguments.normals("prediction_normals", prediction_normals, len(nearest.to_truth))
    true = arguments.normals("truth_normals", truth_normals, len(nearest.to_prediction))
    forward = np.abs((made * true[nearest.truth_index]).sum(-1))
    backward = np.abs((true * made[nearest.prediction_index]).sum(-1))
    # unit vectors are so up to rounding, and so is their cosine
    return min(1.0, float(0.5 * (forward.mean() + backward.mean())))
