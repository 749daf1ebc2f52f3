"""Normal consistency."""

import numpy as np
from jaxtyping import Float

from evaluation.functional.distances import NearestDistances, nearest_distances


def normal_consistency(
    prediction: Float[np.ndarray, "P 3"],
    prediction_normals: Float[np.ndarray, "P 3"],
    truth: Float[np.ndarray, "Q 3"],
    truth_normals: Float[np.ndarray, "Q 3"],
) -> float:
    """Mean absolute cosine between normals of nearest points, both directions averaged.

    Mescheder et al., Occupancy Networks, 2019. The sign of a normal does not count.

    Args:
        prediction: points on the predicted surface.
        prediction_normals: unit normals there.
        truth: points on the true surface, same frame.
        truth_normals: unit normals there.

    Raises:
        ValueError: a set without points, or points that are not finite.
    """
    nearest = nearest_distances(prediction, truth)
    return normals_from_distances(nearest, prediction_normals, truth_normals)


def normals_from_distances(
    nearest: NearestDistances,
    prediction_normals: Float[np.ndarray, "P 3"],
    truth_normals: Float[np.ndarray, "Q 3"],
) -> float:
    """Normal consistency of nearest neighbours that are known; see ``normal_consistency``."""
    forward = np.abs((prediction_normals * truth_normals[nearest.truth_index]).sum(-1))
    backward = np.abs((truth_normals * prediction_normals[nearest.prediction_index]).sum(-1))
    return float(0.5 * (forward.mean() + backward.mean()))
