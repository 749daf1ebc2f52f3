"""The corners of a grid that training moves: those near the surface, where the part may be."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

# So many spacings around the visual hull the part may be: what is further is never seen.
ROOM = 4.0
# The band reaches so many spacings from the surface, and so many surface widths, if that is more.
# A gradient needs the corners beside the surface; opacities fade within a few widths.
_SPACINGS, _WIDTHS = 3.0, 6.0


@dataclass(frozen=True)
class Band:
    """Corners of one grid.

    Attributes:
        corners: their places in the flattened grid, ascending; none is on a side of the grid.
        shape: of the grid.
        room: how many corners the part may take; sums over the band are divided by it, so that
            weights mean the same whatever the band's width.
    """

    corners: Int64[Tensor, "A"]
    shape: tuple[int, int, int]
    room: int

    @property
    def strides(self) -> tuple[int, int]:
        """In the flattened grid along the first and the second axis."""
        return self.shape[1] * self.shape[2], self.shape[2]


def band_around(
    sdf: Float[Tensor, "X Y Z"], limit: Float[Tensor, "X Y Z"], spacing: float, sharpness: float
) -> Band:
    """The band around a surface.

    Args:
        sdf: distances, object units.
        limit: the visual hull's distances on the same grid.
        spacing: of the grid.
        sharpness: inverse surface width.
    """
    room = torch.zeros_like(limit, dtype=torch.bool)
    inner = (slice(1, -1),) * 3
    room[inner] = limit[inner] < ROOM * spacing
    near = room & (sdf.abs() < max(_SPACINGS * spacing, _WIDTHS / sharpness))
    x, y, z = sdf.shape
    corners = torch.nonzero(near.reshape(-1))[:, 0]
    return Band(corners, (x, y, z), max(int(room.sum()), 1))
