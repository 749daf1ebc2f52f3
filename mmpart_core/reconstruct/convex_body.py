"""Convex bodies as intersections of half-spaces."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

# Facets whose planes agree to so many decimals are one: fewer to measure against.
_PLANE_DECIMALS = 3
_CHUNK = 1 << 14  # points measured at once: bounds memory, no more


@dataclass(frozen=True)
class ConvexBody:
    """An intersection of half-spaces.

    Attributes:
        normals: unit length, outward.
        offsets: a point is inside where ``normals @ point + offsets`` is negative throughout.
    """

    normals: Float[Tensor, "F 3"]
    offsets: Float[Tensor, "F"]

    def sdf(self, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
        """Distance to the farthest half-space: exact inside, a lower bound outside."""
        return torch.cat(
            [(some @ self.normals.T + self.offsets).amax(dim=1) for some in points.split(_CHUNK)]
        )


def convex_hull(points: Float[np.ndarray, "P 3"]) -> ConvexBody:
    """The convex hull as half-spaces.

    Raises:
        QhullError: fewer than four points, or all in one plane.
    """
    if len(points) < 4:
        raise QhullError("fewer than four points")
    facets = ConvexHull(points).equations.round(_PLANE_DECIMALS)
    planes = torch.from_numpy(np.unique(facets, axis=0)).float()
    return ConvexBody(planes[:, :3].contiguous(), planes[:, 3].contiguous())
