"""What makes an assembly unusable."""

import numpy as np

from mmpart_core.assemble.protocol import Assembly, AssemblyTask
from mmpart_core.errors import StageError

# Relative departure from "rotation times scale" that rounding in float64 never reaches.
_SIMILARITY_TOLERANCE = 1e-5


def check_assembly(assembly: Assembly, task: AssemblyTask) -> None:
    """Refuse an assembly whose placements cannot be written.

    Args:
        assembly: what the back-end gave.
        task: what it was asked.

    Raises:
        StageError: not one placement per part, or a matrix that is not a finite similarity
            transform with positive scale (mirroring is not allowed either).
    """
    if len(assembly.placed) != len(task.parts):
        raise StageError(
            f"assembly: {len(task.parts)} placements expected, one per part, "
            f"{len(assembly.placed)} came; the back-end must place every part in order"
        )
    _check_similarity(assembly.world_from_object, "the object frame")
    for part, placed in zip(task.parts, assembly.placed, strict=True):
        _check_similarity(placed.world_from_part, f"part '{part.component}'")


def _check_similarity(matrix: np.ndarray, what: str) -> None:
    advice = "check the part's mesh and its isolated image, or place it with another back-end"
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise StageError(
            f"assembly of {what}: a finite 4x4 matrix was expected, got shape {matrix.shape} "
            f"with {int((~np.isfinite(matrix)).sum())} values not finite; {advice}"
        )
    linear = matrix[:3, :3]
    determinant = float(np.linalg.det(linear))
    if determinant <= 0.0:
        raise StageError(
            f"assembly of {what}: a positive scale was expected, got determinant "
            f"{determinant:.3g}; {advice}"
        )
    scale = np.cbrt(determinant)
    deviation = float(np.abs(linear.T @ linear / scale**2 - np.eye(3)).max())
    last_row = float(np.abs(matrix[3] - [0.0, 0.0, 0.0, 1.0]).max())
    if max(deviation, last_row) > _SIMILARITY_TOLERANCE:
        raise StageError(
            f"assembly of {what}: rotation, uniform scale and translation were expected, got a "
            f"matrix that departs from it by {max(deviation, last_row):.2g}; {advice}"
        )
