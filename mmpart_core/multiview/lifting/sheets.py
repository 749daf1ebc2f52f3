"""A closed triangle mesh from a mask and a height: two sheets that meet at the outline."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

# Contour points keep this far from grid points (in cells), so that no triangle degenerates; at most
# that much of a pixel is lost of the outline.
_CLEARANCE = 0.05
# Fans over one grid cell by which of its corners are inside. Corners run 0 top left, 1 top right,
# 2 bottom right, 3 bottom left (bits 1, 2, 4, 8); 4 to 7 are the contour points on the edges
# top, right, bottom, left. Every triangle touches a corner, so the two sheets never coincide;
# opposite corners are kept apart. Clockwise in the image, whose rows run down.
_CELLS: dict[int, tuple[tuple[int, int, int], ...]] = {
    1: ((0, 4, 7),),
    2: ((1, 5, 4),),
    4: ((2, 6, 5),),
    8: ((3, 7, 6),),
    3: ((0, 1, 5), (0, 5, 7)),
    6: ((1, 2, 6), (1, 6, 4)),
    12: ((2, 3, 7), (2, 7, 5)),
    9: ((3, 0, 4), (3, 4, 6)),
    5: ((0, 4, 7), (2, 6, 5)),
    10: ((1, 5, 4), (3, 7, 6)),
    7: ((1, 2, 6), (1, 6, 7), (1, 7, 0)),
    14: ((2, 3, 7), (2, 7, 4), (2, 4, 1)),
    13: ((3, 0, 4), (3, 4, 5), (3, 5, 2)),
    11: ((0, 1, 5), (0, 5, 6), (0, 6, 3)),
    15: ((0, 1, 2), (0, 2, 3)),
}


@dataclass(frozen=True)
class Sheets:
    """A closed surface over an outline, flat until its height is applied.

    Attributes:
        positions_px: column and row of each vertex (pixel centres at 0.5).
        side: signed height of each vertex: positive on the front sheet, negative on the back, 0 on
            the outline.
        faces: triangles, counter-clockwise seen from outside.
    """

    positions_px: Float[np.ndarray, "V 2"]
    side: Float[np.ndarray, "V"]
    faces: Int[np.ndarray, "F 3"]


def closed_sheets(alpha: Float[np.ndarray, "H W"], height: Float[np.ndarray, "H W"]) -> Sheets:
    """Triangulate an outline by marching squares, twice, and sew the two sheets together.

    Args:
        alpha: coverage; the outline runs at 0.5, between pixel centres. The border must be
            outside.
        height: height over the outline at pixel centres; taken as at least a little inside.
    """
    rows, columns = alpha.shape
    inside = alpha >= 0.5
    grid = np.arange(rows * columns).reshape(rows, columns)
    across, down = rows * columns, rows * columns + rows * (columns - 1)
    top = across + np.arange(rows * (columns - 1)).reshape(rows, columns - 1)
    left = down + np.arange((rows - 1) * columns).reshape(rows - 1, columns)
    corners = (grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1])
    cell = np.stack([*corners, top[:-1], left[:, 1:], top[1:], left[:, :-1]], axis=-1)
    flags = [inside.ravel()[corner] for corner in corners]
    case = sum(flag.astype(np.int64) << bit for bit, flag in enumerate(flags))
    front = np.concatenate(
        [cell[case == kind][:, triangle] for kind, fan in _CELLS.items() for triangle in fan]
    )
    # Grid vertices exist once per sheet; contour vertices are shared.
    total = down + (rows - 1) * columns
    back = np.where(front < across, front + total, front)
    positions = np.concatenate([_grid_positions(alpha), _contour_positions(alpha)])
    relief = np.where(inside, np.maximum(height, 1e-3), 0.0).ravel()
    side = np.concatenate([relief, np.zeros(total - across), -relief])
    positions = np.concatenate([positions, positions[:across]])
    # The fans run clockwise in the image: right for the back sheet, seen from behind.
    faces = np.concatenate([front[:, ::-1], back])
    used, index = np.unique(faces, return_inverse=True)
    return Sheets(positions[used], side[used], index.reshape(-1, 3))


def _grid_positions(alpha: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "G 2"]:
    row, column = np.indices(alpha.shape)
    return np.stack([column.ravel() + 0.5, row.ravel() + 0.5], axis=-1)


def _contour_positions(alpha: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "C 2"]:
    """Where the outline crosses each grid edge: those across first, then those down."""
    positions: list[Float[np.ndarray, "_ 2"]] = []
    for first, second, step in (
        (alpha[:, :-1], alpha[:, 1:], (1.0, 0.0)),
        (alpha[:-1], alpha[1:], (0.0, 1.0)),
    ):
        change = second.astype(np.float64) - first
        share = (0.5 - first) / np.where(np.abs(change) < 1e-9, 1.0, change)
        share = np.clip(share, _CLEARANCE, 1.0 - _CLEARANCE).ravel()
        row, column = np.indices(first.shape)
        base = np.stack([column.ravel() + 0.5, row.ravel() + 0.5], axis=-1)
        positions.append(base + share[:, None] * np.array(step))
    return np.concatenate(positions)
