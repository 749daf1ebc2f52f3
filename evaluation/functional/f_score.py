"""F-score at distances."""

from collections.abc import Sequence

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.distances import NearestDistances, checked_distances, nearest_distances


def f_score(
    prediction: ArrayLike,
    truth: ArrayLike,
    taus: Sequence[float] = (0.1, 0.05, 0.02),
) -> dict[float, float]:
    """F-score at each distance: ``2 P R / (P + R)``, 0 where P and R are both 0.

    ``P`` is the share of predicted points strictly nearer than tau to the truth, ``R`` the share
    of true points strictly nearer than tau to the prediction; distances are never squared
    (Knapitsch et al., Tanks and Temples, 2017).

    Args:
        prediction: points on the predicted surface, (P, 3).
        truth: points on the true surface, (Q, 3), same frame.
        taus: distances above 0, in the points' units.

    Raises:
        ArgumentError: sets that are not finite points (P, 3), at least one each, or taus that
            are not.

    Example:
        >>> a, b = [[0.0, 0.0, 0.0]], [[0.0, 0.0, 0.1]]
        >>> f_score(a, b, taus=(0.1, 0.2))
        {0.1: 0.0, 0.2: 1.0}
    """
    arguments.instance("taus", taus, Sequence, "give a list of distances")
    for tau in taus:
        arguments.number("tau", tau, above=0.0)
    nearest = nearest_distances(prediction, truth)
    return {tau: f_from_distances(nearest, tau) for tau in taus}


def f_from_distances(nearest: NearestDistances, tau: float) -> float:
    """F-score of nearest distances that are there already; see ``f_score``.

    Raises:
        ArgumentError: no finite distances, or a tau that is not above 0.
    """
    checked_distances(nearest)
    tau = arguments.number("tau", tau, above=0.0)
    precision = float((nearest.to_truth < tau).mean())
    recall = float((nearest.to_prediction < tau).mean())
    if precision + recall == 0.0:
        return 0.0
    return 2.0 * precision * recall / (precision + recall)
