"""How bright each view is against the others, from the surface that two of them see.

Views that were drawn one by one differ in exposure and tint; blended as they are, the change from
one to the next is a seam. Per channel a view's colours are taken as the surface's times a gain, as
in panoramas (Brown and Lowe, "Automatic Panoramic Image Stitching using Invariant Features", IJCV
74, 2007, section 6), but in logarithms and by medians, so that a highlight or a shadow in a view
does not count as exposure.
"""

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

# Colours nearer to black or white than this say little about a factor.
_DARKEST, _LIGHTEST = 0.06, 0.97
# Fewer points than this, or logarithms that scatter more, are no evidence.
_LEAST_POINTS = 40
_MOST_SCATTER = 0.25
_LEAST_WEIGHT = 0.03
# Scatter that even equal views have, by resampling.
_NOISE = 0.02
# Evidence for no gain at all, against that of one good pair: settles what overlaps leave open.
_PRIOR = 0.02
_ROUNDS = 5
# Pairs that contradict the gains of all others by this much, in logarithms, count half.
_AGREEMENT = 0.1
_GREATEST = float(np.log(2.0))


def view_gains(
    weights: Float[np.ndarray, "N P"], colors: Float[np.ndarray, "N P 3"]
) -> Float[np.ndarray, "N 3"]:
    """Factor of each view's colours over the surface's own, 1 on average (in logarithms).

    Args:
        weights: how well each view sees each point, 0 for not at all.
        colors: sRGB in [0, 1] that it has there.

    Returns:
        Factors between a half and two; 1 for a view that shares no surface with others.
    """
    count = len(weights)
    usable = (
        (weights > _LEAST_WEIGHT)
        & (colors.min(axis=-1) > _DARKEST)
        & (colors.max(axis=-1) < _LIGHTEST)
    )
    logs = np.log(np.maximum(colors, 1e-6))
    pairs = [
        (first, second, *found)
        for first, second in combinations(range(count), 2)
        if (found := _compare(logs, weights, usable, first, second)) is not None
    ]
    if not pairs:
        return np.ones((count, 3))
    rows = np.zeros((len(pairs), count))
    for row, (first, second, *_) in enumerate(pairs):
        rows[row, first], rows[row, second] = 1.0, -1.0
    ratios = np.array([pair[2] for pair in pairs])
    strengths = np.array([pair[3] for pair in pairs])
    return np.exp(np.clip(_solve(rows, ratios, strengths / strengths.max()), -_GREATEST, _GREATEST))


def _compare(
    logs: Float[np.ndarray, "N P 3"],
    weights: Float[np.ndarray, "N P"],
    usable: Bool[np.ndarray, "N P"],
    first: int,
    second: int,
) -> tuple[Float[np.ndarray, "3"], float] | None:
    """Logarithm of the ratio of two views, per channel, and how much it is to be trusted."""
    both = usable[first] & usable[second]
    if int(both.sum()) < _LEAST_POINTS:
        return None
    differences = logs[first, both] - logs[second, both]
    weight = np.minimum(weights[first, both], weights[second, both])
    middle = _weighted_median(differences, weight)
    scatter = float(_weighted_median(np.abs(differences - middle), weight).max())
    if scatter > _MOST_SCATTER:
        return None
    return middle, float(weight.sum()) / (scatter + _NOISE) ** 2


def _weighted_median(
    values: Float[np.ndarray, "K 3"], weight: Float[np.ndarray, "K"]
) -> Float[np.ndarray, "3"]:
    """Per channel, the value with half of the weight on either side."""
    order = np.argsort(values, axis=0)
    passed = np.cumsum(weight[order], axis=0)
    middle = np.argmax(passed >= passed[-1] / 2.0, axis=0)
    return np.take_along_axis(values, np.take_along_axis(order, middle[None], axis=0), axis=0)[0]


def _solve(
    rows: Float[np.ndarray, "M N"],
    ratios: Float[np.ndarray, "M 3"],
    strengths: Float[np.ndarray, "M"],
) -> Float[np.ndarray, "N 3"]:
    """Logarithms of the gains: least squares, pairs that contradict the others turned down."""
    prior = _PRIOR * np.eye(rows.shape[1])
    trust = np.ones(len(rows))
    gains = np.zeros((rows.shape[1], 3))
    for _ in range(_ROUNDS):
        weighted = rows.T * (strengths * trust)
        gains = np.linalg.solve(weighted @ rows + prior, weighted @ ratios)
        off = np.abs(rows @ gains - ratios).max(axis=1)
        trust = 1.0 / (1.0 + (off / _AGREEMENT) ** 2)
    return gains
