"""Volumetric intersection over union of two meshes."""

import numpy as np
from jaxtyping import Float, Int

from evaluation.functional.voxels import VoxelGrid, fill_voxels, voxel_iou, voxelize_surface

PITCH_64 = 2.0 / 64.0


def occupancy(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    pitch: float = PITCH_64,
    *,
    filled: bool = True,
) -> VoxelGrid:
    """Cells that a mesh occupies: its surface and, when filled, all it encloses.

    Raises:
        GeometryError: see ``voxelize_surface``.
    """
    shell = voxelize_surface(vertices, faces, pitch)
    return fill_voxels(shell) if filled else shell


def volume_iou(
    prediction_vertices: Float[np.ndarray, "V 3"],
    prediction_faces: Int[np.ndarray, "F 3"],
    truth_vertices: Float[np.ndarray, "W 3"],
    truth_faces: Int[np.ndarray, "G 3"],
    *,
    pitch: float = PITCH_64,
    filled: bool = True,
) -> float:
    """Occupied cells of both over cells of either.

    The default pitch cuts the frame [-1, 1] into 64 steps. Cells outside the frame count: a
    prediction that reaches out of it gains nothing. For open shapes compare shells
    (``filled=False``); filling a shell with a hole leaves it a shell.

    Args:
        prediction_vertices: positions, in the frame of the comparison.
        prediction_faces: vertex indices.
        truth_vertices: positions, same frame.
        truth_faces: vertex indices.
        pitch: edge of a cell.
        filled: compare solids; else surfaces only.

    Raises:
        GeometryError: see ``voxelize_surface``.
    """
    prediction = occupancy(prediction_vertices, prediction_faces, pitch, filled=filled)
    truth = occupancy(truth_vertices, truth_faces, pitch, filled=filled)
    return voxel_iou(prediction, truth)
