"""How much the parts of one object overlap each other, PartCrafter's way."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from evaluation.functional import arguments
from evaluation.functional.voxels import VoxelGrid, check_grid, voxel_iou


def mutual_iou(parts: Sequence[VoxelGrid | None]) -> float | None:
    """Mean intersection over union of all pairs of parts; lower is more independent.

    PartCrafter (Lin et al., 2025, ``calculate_iou.py``): filled cells of edge 2/64, the whole
    object's longest side brought to [-1, 1], mean over i < j. Contact alone is not 0: two halves
    of a box give 1/65, two thin plates face to face 1/3; read it beside ``penetration``.

    Args:
        parts: filled occupancy of each part, one lattice; None for a part that failed, whose
            pairs count as 1 (the published script took a stand-in triangle, which lowers the
            mean).

    Returns:
        None for fewer than two parts: there is no pair, so no independence to measure (the
        published script wrote 0, its best value).

    Raises:
        ArgumentError: something else than occupancy grids.

    Example:
        >>> cube = VoxelGrid(np.zeros(3, dtype=np.int64), np.ones((2, 2, 2), dtype=bool))
        >>> mutual_iou([cube]), mutual_iou([cube, cube]), mutual_iou([cube, None])
        (None, 1.0, 1.0)
    """
    overlaps = _pair_ious(parts)
    return float(np.mean(overlaps)) if overlaps else None


def pair_ious(parts: Sequence[VoxelGrid | None]) -> list[float]:
    """Intersection over union of each pair i < j; 1 where a part failed.

    Raises:
        ArgumentError: something else than occupancy grids.
    """
    return _pair_ious(parts)


def _pair_ious(parts: Any) -> list[float]:
    arguments.instance("parts", parts, Sequence, "give a list of grids")
    for index, part in enumerate(parts):
        if part is not None:
            check_grid(f"parts[{index}]", part)
    found: list[float] = []
    for j, second in enumerate(parts):
        for first in parts[:j]:
            if first is None or second is None:
                found.append(1.0)
            else:
                found.append(voxel_iou(first, second))
    return found
