"""Parts that are alike, turned or mirrored: wheels, legs, hands. They have one size."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble.part_samples import sample_part
from mmpart_core.geometry.surface import TriangleMesh

# Surfaces are alike where these quantiles of distances differ by less than that share, twice
# what sampling makes of one surface. By hand.
_SHAPE_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
_ALIKE = 0.05
_SAMPLES = 6000  # of a surface


def twins_of(meshes: Sequence[TriangleMesh], seed: int) -> frozenset[tuple[int, int]]:
    """Parts i < j whose surfaces are alike, turned or mirrored: they have one size.

    Args:
        meshes: part frames.
        seed: of the points that surfaces are compared by.
    """
    shapes = [_shape(mesh, seed + at) for at, mesh in enumerate(meshes)]
    return frozenset(
        (one, two)
        for two in range(len(shapes))
        for one in range(two)
        if np.abs(shapes[one] / shapes[two] - 1.0).max() < _ALIKE
    )


def _shape(mesh: TriangleMesh, seed: int) -> Float[np.ndarray, "Q"]:
    """Numbers that neither turning nor mirroring changes: distances from the middle, and area."""
    points = sample_part(mesh, _SAMPLES, seed).points
    corners = mesh.vertices[mesh.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = float(np.linalg.norm(cross, axis=1).sum()) / 2.0
    radius = np.linalg.norm(points - points.mean(axis=0), axis=1)
    return np.append(np.quantile(radius, _SHAPE_QUANTILES), np.sqrt(area))
