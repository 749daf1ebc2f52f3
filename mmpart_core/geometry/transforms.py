"""Rigid and similarity transforms; read right to left."""

import numpy as np
from jaxtyping import Float

from mmpart_core.records import Matrix4

# glTF is +Y up with the front at +Z; our world is +Z up with the front at +X, where the camera at
# azimuth 0 stands (geometry.cameras.orbit_pose). glTF (x, y, z) = world (y, z, x).
GLTF_FROM_WORLD: Float[np.ndarray, "4 4"] = np.array(
    [[0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], dtype=np.float64
)
WORLD_FROM_GLTF: Float[np.ndarray, "4 4"] = GLTF_FROM_WORLD.T.copy()


def rotation_z(angle_deg: float) -> Float[np.ndarray, "4 4"]:
    """Rotation about +Z, counter-clockwise seen from above, as a 4x4 matrix."""
    angle = np.deg2rad(angle_deg)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def scale_then_translate(
    scale: float, translation: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "4 4"]:
    """4x4 matrix of ``p -> scale * p + translation``."""
    matrix = np.eye(4)
    matrix[:3, :3] *= scale
    matrix[:3, 3] = translation
    return matrix


def similarity_scale(matrix: Float[np.ndarray, "4 4"]) -> float:
    """Uniform scale of a similarity transform: the cube root of its determinant."""
    return float(np.cbrt(np.linalg.det(matrix[:3, :3])))


def to_tuple(matrix: Float[np.ndarray, "4 4"]) -> Matrix4:
    """A matrix as nested tuples of floats, for records."""
    rows = [tuple(float(value) for value in row) for row in np.asarray(matrix, dtype=np.float64)]
    return tuple(rows)  # pyright: ignore[reportReturnType]


def to_array(matrix: Matrix4) -> Float[np.ndarray, "4 4"]:
    """Nested tuples of a record as a float64 matrix."""
    return np.array(matrix, dtype=np.float64)
