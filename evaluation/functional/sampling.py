"""Seeded points on meshes, and which of them can be seen from outside."""

import numpy as np
import trimesh
from jaxtyping import Bool, Float, Int

from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh


def sample_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], count: int, seed: int
) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]:
    """Points uniform by area, with the normals of their faces.

    Args:
        vertices: positions.
        faces: vertex indices.
        count: how many points.
        seed: equal seeds give equal points.

    Raises:
        ValueError: a mesh without area.
    """
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    if not len(faces) or not mesh.area > 0:
        raise ValueError("sampling needs a mesh with at least one face of positive area")
    sampled = trimesh.sample.sample_surface(mesh, count, seed=seed)
    return np.asarray(sampled[0]), np.asarray(mesh.face_normals[sampled[1]])


def sphere_directions(count: int) -> Float[np.ndarray, "N 3"]:
    """Unit vectors spread evenly over the sphere (Fibonacci lattice)."""
    index = np.arange(count) + 0.5
    z = 1.0 - 2.0 * index / count
    azimuth = np.pi * (1.0 + np.sqrt(5.0)) * index
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=-1)


def seen_from_outside(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    points: Float[np.ndarray, "P 3"],
    directions: int = 128,
) -> Bool[np.ndarray, "P"]:
    """Which surface points are on the outer surface: some straight way out is free.

    Args:
        vertices: the mesh the points lie on.
        faces: its faces.
        points: points on it.
        directions: how many ways out are tried.

    Returns:
        True where at least one ray from just off the point leaves without a hit.
    """
    step = float(np.ptp(vertices, axis=0).max()) * 1e-4
    scene = RenderScene([TriangleMesh(vertices, faces)])
    seen = np.zeros(len(points), dtype=bool)
    for direction in sphere_directions(directions):
        hidden = np.flatnonzero(~seen)
        ways_out = np.tile(direction, (len(hidden), 1))
        seen[hidden] = scene.cast(points[hidden] + step * direction, ways_out).mesh < 0
    return seen
