"""What makes a trained field unusable."""

import numpy as np

from mmpart_core.errors import StageError
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.records import Vector3


def check_field(trained: TrainedField, component: str) -> tuple[Vector3, Vector3]:
    """Bounding box of a field's inside, if it has a closed surface.

    Args:
        trained: what the back-end gave.
        component: the part's name, for messages.

    Returns:
        Lowest and highest corner of the box around all grid corners with negative signed
        distance, grown by one spacing so that the surface lies within it; part frame.

    Raises:
        StageError: values that are not finite, no inside, no outside, or an inside that reaches
            the border of the grid, where the surface would be cut open.
    """
    grid = trained.grid
    if not (np.isfinite(grid.sdf).all() and np.isfinite(grid.rgb).all()):
        raise StageError(
            f"part '{component}': reconstruct expected a finite field, got NaN or infinite values; "
            "lower the learning rates of reconstruct or change the seed"
        )
    inside = np.argwhere(grid.sdf < 0.0)
    if len(inside) == 0:
        raise StageError(
            f"part '{component}': the trained field has no inside, so there is no surface to "
            "extract; check that its views show the part, or raise reconstruct.slack_px"
        )
    low, high = inside.min(axis=0), inside.max(axis=0)
    if (low == 0).any() or (high == np.array(grid.sdf.shape) - 1).any():
        raise StageError(
            f"part '{component}': the field's inside reaches the border of its grid (corners "
            f"{low.tolist()} to {high.tolist()} of {list(grid.sdf.shape)}), where the surface "
            "would be cut open; raise reconstruct.margin, or centre the part in its views"
        )
    corner_low = grid.origin + (low - 1) * grid.spacing
    corner_high = grid.origin + (high + 1) * grid.spacing
    return _vector(corner_low), _vector(corner_high)


def _vector(values: np.ndarray) -> Vector3:
    """Three floats of an array."""
    x, y, z = (float(value) for value in values)
    return x, y, z
