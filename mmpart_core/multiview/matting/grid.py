"""The picture that Zero123++ draws: six views in one."""

import numpy as np
from jaxtyping import UInt8

from mmpart_core.errors import StageError

ROWS, COLUMNS = 3, 2  # row by row, view 2 * row + column (its README, and InstantMesh's run.py)


def cut_grid(grid: UInt8[np.ndarray, "Y X 3"]) -> UInt8[np.ndarray, "6 S S 3"]:
    """Cut a grid of three rows and two columns into its six square views, row by row.

    Args:
        grid: sRGB; Zero123++ draws 960 rows of 640 pixels.

    Raises:
        StageError: the picture is not three squares high and two wide.

    Example:
        >>> cut_grid(np.zeros((96, 64, 3), dtype=np.uint8)).shape
        (6, 32, 32, 3)
    """
    height, width = grid.shape[:2]
    side = width // COLUMNS
    if side < 1 or (height, width) != (ROWS * side, COLUMNS * side):
        raise StageError(
            f"grid of views: got {width}x{height} px, expected {COLUMNS} columns and {ROWS} rows "
            "of squares, as 640x960; give the picture as the generator drew it, uncropped"
        )
    rows = grid.reshape(ROWS, side, COLUMNS, side, 3)
    return np.ascontiguousarray(rows.swapaxes(1, 2).reshape(ROWS * COLUMNS, side, side, 3))
