"""How far each part moves in the exploded view."""

import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mmpart_core.geometry.surface import TriangleMesh

_GAP = 0.08
_LEAST_SPREAD, _MOST_SPREAD = 0.35, 0.7
_REACH = 1.6
_ROUNDS = 200


def explode_offsets(meshes: Sequence[TriangleMesh]) -> Float[np.ndarray, "K 3"]:
    """Translations that push parts away from the object's centre until their boxes are apart.

    First all parts spread from the centre by one factor; then parts whose bounding boxes still
    overlap (one inside another, or at one centre) are pushed along the axis that parts them
    soonest, the smaller one further. No part moves more than 1.6 times half the object's
    diagonal, so parts that are wound around each other may still overlap.

    Args:
        meshes: parts in one frame, each with at least one vertex.

    Returns:
        One translation per part, float64, in the parts' frame; zero for a single part.
    """
    if len(meshes) < 2:
        return np.zeros((len(meshes), 3))
    low = np.stack([mesh.vertices.min(axis=0) for mesh in meshes])
    high = np.stack([mesh.vertices.max(axis=0) for mesh in meshes])
    centers, halves = (low + high) / 2.0, (high - low) / 2.0
    middle = (low.min(axis=0) + high.max(axis=0)) / 2.0
    radius = float(np.linalg.norm(high.max(axis=0) - low.min(axis=0))) / 2.0
    halves = halves + _GAP * radius / 2.0
    spread = np.clip(_needed_spread(centers, halves), _LEAST_SPREAD, _MOST_SPREAD)
    moved = _separated(centers + spread * (centers - middle), halves)
    offsets = moved - centers
    lengths = np.linalg.norm(offsets, axis=1, keepdims=True)
    limit = _REACH * radius
    return offsets * np.minimum(1.0, limit / np.maximum(lengths, 1e-12))


def _needed_spread(centers: Float[np.ndarray, "K 3"], halves: Float[np.ndarray, "K 3"]) -> float:
    """The factor by which centres must spread for all boxes to be apart; infinite for none."""
    factors = [0.0]
    for one, two in itertools.combinations(range(len(centers)), 2):
        distance = np.abs(centers[one] - centers[two])
        ratio = (halves[one] + halves[two]) / np.maximum(distance, 1e-9)
        factors.append(float(ratio.min()) - 1.0)
    return max(factors)


def _separated(
    centers: Float[np.ndarray, "K 3"], halves: Float[np.ndarray, "K 3"]
) -> Float[np.ndarray, "K 3"]:
    """Centres after pushing overlapping boxes apart, pair by pair, a bounded number of times."""
    centers = centers.copy()
    weight = 1.0 / np.maximum(halves.prod(axis=1), 1e-12)
    for _ in range(_ROUNDS):
        clear = True
        for one, two in itertools.combinations(range(len(centers)), 2):
            gap = centers[two] - centers[one]
            overlap = halves[one] + halves[two] - np.abs(gap)
            if (overlap > 1e-9).all():
                clear = False
                axis = int(overlap.argmin())
                push = overlap[axis] * (1.0 if gap[axis] >= 0 else -1.0)
                share = weight[one] / (weight[one] + weight[two])
                centers[one, axis] -= push * share
                centers[two, axis] += push * (1.0 - share)
        if clear:
            break
    return centers
