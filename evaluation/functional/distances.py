"""Point-set distances: Chamfer, F-score, normal consistency."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import KDTree


@dataclass(frozen=True)
class NearestDistances:
    """Distances between two point sets, computed once and shared by all metrics.

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


def nearest_distances(
    prediction: Float[np.ndarray, "P 3"], truth: Float[np.ndarray, "Q 3"]
) -> NearestDistances:
    """Euclidean nearest-neighbour distances both ways (k-d tree)."""
    to_truth, truth_index = KDTree(truth).query(prediction)
    to_prediction, prediction_index = KDTree(prediction).query(truth)
    return NearestDistances(
        np.asarray(to_truth),
        np.asarray(to_prediction),
        np.asarray(truth_index),
        np.asarray(prediction_index),
    )


def chamfer_distance(distances: NearestDistances) -> float:
    """Sum of the two mean distances, not squared: ``mean d1 + mean d2``."""
    return float(distances.to_truth.mean() + distances.to_prediction.mean())


def f_score(distances: NearestDistances, threshold: float) -> float:
    """Harmonic mean of precision and recall at a distance; 0 when both are 0.

    Knapitsch et al., Tanks and Temples, 2017; the comparison is strict.
    """
    precision = float((distances.to_truth < threshold).mean())
    recall = float((distances.to_prediction < threshold).mean())
    if precision + recall == 0.0:
        return 0.0
    return 2.0 * precision * recall / (precision + recall)


def normal_consistency(
    distances: NearestDistances,
    prediction_normals: Float[np.ndarray, "P 3"],
    truth_normals: Float[np.ndarray, "Q 3"],
) -> float:
    """Mean absolute cosine between normals of nearest points, both directions averaged.

    Mescheder et al., Occupancy Networks, 2019; normals are unit vectors.
    """
    forward = np.abs((prediction_normals * truth_normals[distances.truth_index]).sum(-1))
    backward = np.abs((truth_normals * prediction_normals[distances.prediction_index]).sum(-1))
    return float(0.5 * (forward.mean() + backward.mean()))
