"""A trained field sampled on a regular grid: what reconstruction hands to meshing."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class FieldGrid:
    """Signed distance and colour at the corners of a regular grid, part frame.

    Attributes:
        sdf: float32 signed distance in object units, negative inside; index order x, y, z.
        rgb: float32 sRGB colour in [0, 1] at the same corners.
        origin: float64 position of corner (0, 0, 0).
        spacing: distance between neighbouring corners, in object units; the same on all axes.
        doubt: how many times more than consistent views leave the views' colours differ from the
            field's; 1 where they agree, or nobody knows.
    """

    sdf: Float[np.ndarray, "X Y Z"]
    rgb: Float[np.ndarray, "X Y Z 3"]
    origin: Float[np.ndarray, "3"]
    spacing: float
    doubt: float = 1.0
