"""F-score at distances."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from evaluation.functional.distances import NearestDistances, nearest_distances


def f_score(
    prediction: Float[np.ndarray, "P 3"],
    truth: Float[np.ndarray, "Q 3"],
    taus: Sequence[float] = (0.1, 0.05, 0.02),
) -> dict[float, float]:
    """F-score at each distance: ``2 P R / (P + R)``, 0 where P and R are both 0.

    ``P`` is the share of predicted points strictly nearer than tau to the truth, ``R`` the share
    of true points strictly nearer than tau to the prediction; distances are never squared
    (Knapitsch et al., Tanks and Temples, 2017).

    Args:
        prediction: points on the predicted surface.
        truth: points on the true surface, same frame.
        taus: distances, in the points' units.

    Raises:
        ValueError: a set without points, or points that are not finite.

    Example:
        >>> a, b = np.array([[0.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 0.1]])
        >>> f_score(a, b, taus=(0.1, 0.2))
        {0.1: 0.0, 0.2: 1.0}
    """
    nearest = nearest_distances(prediction, truth)
    return {tau: f_from_distances(nearest, tau) for tau in taus}


def f_from_distances(nearest: NearestDistances, tau: float) -> float:
    """F-score of nearest distances that are there already; see ``f_score``."""
    precision = float((nearest.to_truth < tau).mean())
    recall = float((nearest.to_prediction < tau).mean())
    if precision + recall == 0.0:
        return 0.0
    return 2.0 * precision * recall / (precision + recall)
