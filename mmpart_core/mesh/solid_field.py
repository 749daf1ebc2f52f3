"""Makes a field ready for extraction."""

import numpy as np

from mmpart_core.errors import BackendError
from mmpart_core.geometry.field_grid import FieldGrid

# Values closer to zero than this share of the spacing put a vertex onto a grid corner, where
# triangles lose their area.
_NEAR_ZERO = 1e-4


def solid_field(field: FieldGrid) -> FieldGrid:
    """The field with a layer of outside round it, so that every surface closes.

    Raises:
        BackendError: a value is not finite, or nothing is inside.
    """
    if not np.isfinite(field.sdf).all():
        raise BackendError("field: expected finite distances, got NaN or infinity; refresh it")
    if not (field.sdf < 0).any():
        raise BackendError(
            f"field: expected an inside, but all distances are positive (smallest "
            f"{field.sdf.min():.3g}); refresh reconstruct"
        )
    sdf = np.pad(field.sdf, 1, constant_values=field.spacing)
    least = _NEAR_ZERO * field.spacing
    sdf = np.where(np.abs(sdf) < least, np.where(sdf < 0, -least, least), sdf)
    return FieldGrid(
        sdf=sdf.astype(np.float32),
        rgb=np.pad(field.rgb, ((1, 1), (1, 1), (1, 1), (0, 0)), mode="edge"),
        origin=field.origin - field.spacing,
        spacing=field.spacing,
        doubt=field.doubt,
    )
