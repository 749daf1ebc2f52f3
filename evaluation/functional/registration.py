"""Rigid registration of points: Kabsch and ICP."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial import KDTree

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from mmpart_core.errors import ArgumentError


@dataclass(frozen=True)
class RigidFit:
    """A rigid motion ``p -> rotation @ p + translation`` and how well it fits.

    Attributes:
        rotation: proper rotation.
        translation: applied after the rotation.
        cost: mean squared distance of the moved points to their nearest fixed points.
    """

    rotation: Float[np.ndarray, "3 3"]
    translation: Float[np.ndarray, "3"]
    cost: float

    def matrix(self) -> Float[np.ndarray, "4 4"]:
        """The motion as a 4x4 matrix."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = self.rotation, self.translation
        return matrix


def best_rotation(
    source: Float[np.ndarray, "P 3"], target: Float[np.ndarray, "P 3"]
) -> Float[np.ndarray, "3 3"]:
    """Rotation about the origin that brings paired points nearest (Kabsch, 1976)."""
    u, _, vt = np.linalg.svd(target.T @ source)
    sign = np.diag([1.0, 1.0, np.linalg.det(u @ vt)])
    return u @ sign @ vt


def icp(
    points: ArrayLike,
    fixed: KDTree,
    iterations: int = 50,
    *,
    tolerance: float = 1e-6,
    turn_only: bool = False,
) -> RigidFit:
    """Iterative closest point, point to point, no scale (Besl and McKay, 1992).

    Args:
        points: what moves, (P, 3).
        fixed: tree of what they are moved onto.
        iterations: at most so many.
        tolerance: stop when the cost falls by less than this share.
        turn_only: rotate about the origin, move nothing.

    Raises:
        ArgumentError: no finite points (P, 3), or no tree of such.
    """
    points = arguments.points("points", points)
    arguments.instance("fixed", fixed, KDTree, "point_tree(points) makes one")
    if fixed.m != 3:
        raise ArgumentError(f"fixed: expected a tree of points (P, 3), got (P, {fixed.m})")
    iterations = arguments.whole_number("iterations", iterations)
    rotation, translation = np.eye(3), np.zeros(3)
    moved = points
    best: RigidFit | None = None
    for _ in range(iterations + 1):
        distances, index = fixed.query(moved)
        cost = float((np.asarray(distances) ** 2).mean())
        if best is not None and cost >= best.cost * (1.0 - tolerance):
            break
        best = RigidFit(rotation, translation, cost)
        target = np.asarray(fixed.data)[np.asarray(index)]
        from_center = np.zeros(3) if turn_only else points.mean(axis=0)
        to_center = np.zeros(3) if turn_only else target.mean(axis=0)
        rotation = best_rotation(points - from_center, target - to_center)
        translation = to_center - rotation @ from_center
        moved = points @ rotation.T + translation
    return best if best is not None else RigidFit(np.eye(3), np.zeros(3), np.inf)
