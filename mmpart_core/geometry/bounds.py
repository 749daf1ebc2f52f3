"""Bounding boxes, and the similarity that fits points into the unit sphere."""

import numpy as np
from jaxtyping import Float

from mmpart_core.errors import GeometryError
from mmpart_core.geometry import transforms


def bounding_box(
    points: Float[np.ndarray, "P 3"],
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Lowest and highest corner of the axis-aligned box around points.

    Raises:
        GeometryError: no points, or points that are not finite.
    """
    if not len(points) or not np.isfinite(points).all():
        raise GeometryError(
            f"bounding box: expected at least one finite point, got {len(points)} points, "
            f"{int((~np.isfinite(points)).any(axis=-1).sum())} of them not finite"
        )
    return points.min(axis=0), points.max(axis=0)


def points_from_unit(points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "4 4"]:
    """Similarity from the frame where points are centred and fit the unit sphere to their own.

    The centre is that of the bounding box; the farthest point comes to lie on the sphere.

    Returns:
        4x4 scaling and translation: ``p_own = points_from_unit @ p_unit``.

    Raises:
        GeometryError: no points, points that are not finite, or all in one place.

    Example:
        >>> corners = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]])
        >>> points_from_unit(corners)[:3, 3].tolist()
        [1.0, 0.0, 0.0]
    """
    low, high = bounding_box(points)
    center = (low + high) / 2.0
    radius = float(np.linalg.norm(points - center, axis=-1).max())
    if radius <= 0.0:
        raise GeometryError("unit sphere: all points are in one place, an extent was expected")
    return transforms.scale_then_translate(radius, center)
