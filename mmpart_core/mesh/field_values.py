"""A field's distances between its corners, trilinear; points and steps in grid steps."""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import map_coordinates

from mmpart_core.geometry.field_grid import FieldGrid


def distances_at(field: FieldGrid, steps: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P"]:
    """Distance in object units; the border's outside the grid."""
    values = map_coordinates(field.sdf, steps.T, order=1, mode="nearest", output=np.float64)
    return np.asarray(values)


def slopes_at(field: FieldGrid, steps: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 3"]:
    """Change of distance over one step along each axis."""
    return np.stack(
        [
            distances_at(field, steps + half) - distances_at(field, steps - half)
            for half in 0.5 * np.eye(3)
        ],
        axis=1,
    )
