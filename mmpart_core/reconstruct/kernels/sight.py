"""Where lines come closest to a convex body, or pass deepest through it."""

import numpy as np
from jaxtyping import Float64, Int64

from mmpart_core.reconstruct.kernels.compiled import compiled

_MOST_CUTS = 64
_SETTLED = 1e-9  # object units


@compiled
def highest(
    heights: Float64[np.ndarray, "F"], slopes: Float64[np.ndarray, "F"], at: float
) -> tuple[float, float]:
    """Largest of straight functions at a place, and its slope."""
    best = 0
    value = heights[0] + slopes[0] * at
    for index in range(1, len(heights)):
        other = heights[index] + slopes[index] * at
        if other > value:
            best, value = index, other
    return value, slopes[best]


@compiled
def lowest(
    heights: Float64[np.ndarray, "F"], slopes: Float64[np.ndarray, "F"], low: float, high: float
) -> float:
    """Where, between two ends, the largest of straight functions is least.

    Kelley's cutting planes: the tangents at both ends meet in a lower bound, whose place is the
    next end, until the function is no higher there.
    """
    left, slope_left = highest(heights, slopes, low)
    right, slope_right = highest(heights, slopes, high)
    if slope_left >= 0.0:
        return low
    if slope_right <= 0.0:
        return high
    for _ in range(_MOST_CUTS):
        rise = slope_right - slope_left
        at = (left - slope_left * low - right + slope_right * high) / rise
        at = min(max(at, low), high)
        value, slope = highest(heights, slopes, at)
        if value <= left + slope_left * (at - low) + _SETTLED or slope == 0.0:
            return at
        if slope < 0.0:
            low, left, slope_left = at, value, slope
        else:
            high, right, slope_right = at, value, slope
    return 0.5 * (low + high)


@compiled
def nearest_stretch(
    lows: Float64[np.ndarray, "I"],
    highs: Float64[np.ndarray, "I"],
    heights: Float64[np.ndarray, "F"],
    slopes: Float64[np.ndarray, "F"],
    at: float,
) -> float:
    """The place within stretches where a convex function is least, whose least place is given."""
    chosen, least = at, 0.0
    for index in range(len(lows)):
        inside = min(max(at, lows[index]), highs[index])
        value, _ = highest(heights, slopes, inside)
        if index == 0 or value < least:
            chosen, least = inside, value
    return chosen


@compiled
def deepest(
    origins: Float64[np.ndarray, "R 3"],
    directions: Float64[np.ndarray, "R 3"],
    bounds: Int64[np.ndarray, "R+1"],
    lows: Float64[np.ndarray, "I"],
    highs: Float64[np.ndarray, "I"],
    normals: Float64[np.ndarray, "F 3"],
    offsets: Float64[np.ndarray, "F"],
    places: Float64[np.ndarray, "R"],
    depths: Float64[np.ndarray, "R"],
) -> None:
    """For each line the deepest place in a convex body, among its stretches.

    Args:
        origins: of the lines (R, 3), float64 as all arrays.
        directions: unit length (R, 3).
        bounds: line r has the stretches ``bounds[r]`` to ``bounds[r + 1]``, at least one; int64.
        lows: where stretches begin (I,), ascending within a line.
        highs: where they end (I,).
        normals: of the body's half-spaces (F, 3), outward.
        offsets: of the body's half-spaces (F,).
        places: (R,), filled with distances from the origins.
        depths: (R,), filled with the signed distance to the body there.
    """
    heights, slopes = np.zeros(len(normals)), np.zeros(len(normals))
    for ray in range(len(origins)):
        for index in range(len(normals)):
            x, y, z = normals[index]
            o, d = origins[ray], directions[ray]
            heights[index] = x * o[0] + y * o[1] + z * o[2] + offsets[index]
            slopes[index] = x * d[0] + y * d[1] + z * d[2]
        first, last = bounds[ray], bounds[ray + 1]
        at = lowest(heights, slopes, lows[first], highs[last - 1])
        at = nearest_stretch(lows[first:last], highs[first:last], heights, slopes, at)
        places[ray] = at
        depths[ray], _ = highest(heights, slopes, at)
