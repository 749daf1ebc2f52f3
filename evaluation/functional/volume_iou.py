"""Volumetric intersection over union of two meshes."""

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.voxels import VoxelGrid, fill_voxels, voxel_iou, voxelize_surface

PITCH_64 = 2.0 / 64.0


def occupancy(
    vertices: ArrayLike,
    faces: ArrayLike,
    pitch: float = PITCH_64,
    *,
    filled: bool = True,
) -> VoxelGrid:
    """Cells that a mesh occupies: its surface and, when filled, all it encloses.

    Raises:
        ArgumentError: see ``voxelize_surface``.
    """
    shell = voxelize_surface(vertices, faces, pitch)
    return fill_voxels(shell) if filled else shell


def volume_iou(
    prediction_vertices: ArrayLike,
    prediction_faces: ArrayLike,
    truth_vertices: ArrayLike,
    truth_faces: ArrayLike,
    *,
    pitch: float = PITCH_64,
    filled: bool = True,
) -> float:
    """Occupied cells of both over cells of either.

    The default pitch cuts the frame [-1, 1] into 64 steps. Cells outside the frame count: a
    prediction that reaches out of it gains nothing. For open shapes compare shells
    (``filled=False``); filling a shell with a hole leaves it a shell.

    Args:
        prediction_vertices: positions (V, 3), in the frame of the comparison.
        prediction_faces: vertex indices, (F, 3).
        truth_vertices: positions (W, 3), same frame.
        truth_faces: vertex indices, (G, 3).
        pitch: edge of a cell.
        filled: compare solids; else surfaces only.

    Raises:
        ArgumentError: see ``voxelize_surface``.
    """
    made = arguments.mesh(
        "prediction_vertices", prediction_vertices, "prediction_faces", prediction_faces
    )
    true = arguments.mesh("truth_vertices", truth_vertices, "truth_faces", truth_faces)
    prediction, truth = (occupancy(*mesh, pitch, filled=filled) for mesh in (made, true))
    return voxel_iou(prediction, truth)
