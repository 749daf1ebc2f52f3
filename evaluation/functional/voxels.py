"""Occupancy on a regular lattice of cubes: surfaces, filled solids, and points."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.boxes import box_around
from mmpart_core.errors import ArgumentError

MAX_CELLS = 512
_POINTS_AT_ONCE = 1 << 18
_ROUNDS = 1.5 * 2.0**52


@dataclass(frozen=True)
class VoxelGrid:
    """Occupied cells of a lattice that reaches everywhere; cell ``i`` is centred on ``i * pitch``.

    Attributes:
        origin: lattice index of the first cell of ``cells``.
        cells: occupancy of a box of cells; all cells outside are empty.
    """

    origin: Int[np.ndarray, "3"]
    cells: Bool[np.ndarray, "X Y Z"]

    @property
    def count(self) -> int:
        """How many cells are occupied."""
        return int(np.count_nonzero(self.cells))


def check_grid(name: str, grid: Any) -> None:
    """Refuse what is no occupancy grid.

    Raises:
        ArgumentError: something else.
    """
    advice = "occupancy(vertices, faces) and voxelize_points(points, pitch) make one"
    arguments.instance(name, grid, VoxelGrid, advice)


def voxelize_surface(vertices: ArrayLike, faces: ArrayLike, pitch: float) -> VoxelGrid:
    """Cells that a surface touches.

    Every face is split into four until its edges are at most half a cell; the cells of all
    corners are taken. This is ``Trimesh.voxelized(pitch)`` up to trimesh 4, which the published
    scripts used, worked out as one lattice per face instead of by repeated splitting.

    Args:
        vertices: positions, (V, 3).
        faces: vertex indices, (F, 3), at least one.
        pitch: edge of a cell.

    Raises:
        ArgumentError: no mesh (``arguments.mesh``), or an extent over ``MAX_CELLS``.
    """
    positions, triangles = arguments.mesh("vertices", vertices, "faces", faces)
    pitch = arguments.number("pitch", pitch, above=0.0)
    corners = positions.take(triangles, axis=0)
    grid = _empty_grid(corners.reshape(-1, 3), pitch)
    halvings = np.ceil(np.log2(np.maximum(longest_edges(corners) / (0.5 * pitch), 1.0)))
    for level in np.unique(halvings).astype(np.int64):
        weights = _face_lattice(int(level))
        chosen = corners[halvings == level]
        step = max(1, _POINTS_AT_ONCE // len(weights))
        for begin in range(0, len(chosen), step):
            part = chosen[begin : begin + step]
            # a + w (b - a): a coordinate that is constant over the face stays exactly that; all
            # faces are one matrix product, since a product per face costs more than its numbers
            first = part[:, 0].reshape(1, -1)
            spans = (part[:, 1:].transpose(1, 0, 2)).reshape(2, -1) - first
            _mark(grid, (weights @ spans + first).reshape(-1, 3), pitch)
    return grid


def longest_edges(corners: Float[np.ndarray, "F 3 3"]) -> Float[np.ndarray, "F"]:
    """Length of the longest edge of each triangle.

    Args:
        corners: positions of the three corners of each.
    """
    squares = [((corners[:, i] - corners[:, i - 1]) ** 2).T for i in range(3)]
    lengths = [x + y + z for x, y, z in squares]
    return np.sqrt(np.maximum(np.maximum(lengths[0], lengths[1]), lengths[2]))


def voxelize_points(points: ArrayLike, pitch: float) -> VoxelGrid:
    """Cells that hold at least one point of some (P, 3).

    Raises:
        ArgumentError: no finite points (P, 3), or an extent over ``MAX_CELLS``.
    """
    given = arguments.points("points", points)
    pitch = arguments.number("pitch", pitch, above=0.0)
    grid = _empty_grid(given, pitch)
    _mark(grid, given, pitch)
    return grid


def fill_voxels(grid: VoxelGrid) -> VoxelGrid:
    """The grid with all cells that outside cannot be reached from, moving through cell faces.

    Equal to ``scipy.ndimage.binary_fill_holes``, which dilates step by step where this labels
    once.

    Raises:
        ArgumentError: no occupancy grid.
    """
    check_grid("grid", grid)
    labels = np.zeros(tuple(size + 2 for size in grid.cells.shape), dtype=np.int32)
    ndimage.label(~np.pad(grid.cells, 1), output=labels)
    filled = labels != labels[0, 0, 0]
    return VoxelGrid(grid.origin, filled[1:-1, 1:-1, 1:-1])


def shared_cells(first: VoxelGrid, second: VoxelGrid) -> int:
    """How many cells are occupied in both grids of one lattice."""
    low = np.maximum(first.origin, second.origin)
    high = np.minimum(
        first.origin + np.array(first.cells.shape), second.origin + np.array(second.cells.shape)
    )
    if (high <= low).any():
        return 0
    views = [
        grid.cells[tuple(map(slice, low - grid.origin, high - grid.origin))]
        for grid in (first, second)
    ]
    return int(np.count_nonzero(views[0] & views[1]))


def voxel_iou(first: VoxelGrid, second: VoxelGrid) -> float:
    """Cells in both over cells in either; 0 when both are empty.

    Raises:
        ArgumentError: no occupancy grids.
    """
    check_grid("first", first)
    check_grid("second", second)
    both = shared_cells(first, second)
    either = first.count + second.count - both
    return both / either if either else 0.0


def voxel_f_score(prediction: VoxelGrid, truth: VoxelGrid) -> float:
    """F1 of occupied cells, ``2 |A and B| / (|A| + |B|)``; 0 when both are empty (HoloPart).

    Raises:
        ArgumentError: no occupancy grids.
    """
    check_grid("prediction", prediction)
    check_grid("truth", truth)
    total = prediction.count + truth.count
    return 2.0 * shared_cells(prediction, truth) / total if total else 0.0


def _empty_grid(points: Float[np.ndarray, "P 3"], pitch: float) -> VoxelGrid:
    """A grid around points with a margin of one cell: an interpolated point may round outwards."""
    lowest, highest = box_around(points)
    low = np.rint(lowest / pitch) - 1
    shape = np.rint(highest / pitch) - low + 2
    if shape.max() > MAX_CELLS:
        raise ArgumentError(
            f"voxels: an extent of {shape.max():.0f} cells, at most {MAX_CELLS} are taken; "
            "bring the shape to the protocol's frame first"
        )
    return VoxelGrid(low.astype(np.int64), np.zeros(tuple(shape.astype(np.int64)), dtype=bool))


def _mark(grid: VoxelGrid, points: Float[np.ndarray, "P 3"], pitch: float) -> None:
    """Set the cells of points, in place."""
    _, ny, nz = grid.cells.shape
    strides = np.array([ny * nz, nz, 1], dtype=np.float64)
    # adding and taking away 1.5 * 2^52 rounds half to even, as numpy.rint does, in a sixth of its
    # time; what comes out are whole numbers below 2^53, so the product below is exact
    cells = points / pitch
    cells += _ROUNDS
    cells -= _ROUNDS
    flat = cells @ strides - float(grid.origin @ strides)
    grid.cells.reshape(-1)[flat.astype(np.int64)] = True


@lru_cache(maxsize=16)
def _face_lattice(level: int) -> Float[np.ndarray, "M 2"]:
    """Weights of the second and third corner at all points of a face split ``level`` times."""
    steps = 1 << level
    first, second = np.nonzero(np.add.outer(np.arange(steps + 1), np.arange(steps + 1)) <= steps)
    return np.stack([first, second], axis=-1) / steps
