"""Seeded points on meshes, and which of them can be seen from outside."""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh


def sample_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], count: int, seed: int
) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]:
    """Points uniform by area, with the normals of their faces.

    Uniform in the triangle by folding the unit square along its diagonal (Osada et al., Shape
    Distributions, 2002). One stream of random numbers serves all counts: the first points of a
    large sample are the sample of a smaller count with the same seed. Meshes with the same faces
    in the same order get corresponding points, so identical meshes get identical points.

    Args:
        vertices: positions.
        faces: vertex indices.
        count: how many points.
        seed: equal seeds give equal points.

    Raises:
        ValueError: a mesh without area.
    """
    corners = vertices.take(faces, axis=0)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    crosses = np.cross(first, second)
    doubled = np.linalg.norm(crosses, axis=-1)
    total = np.cumsum(doubled)
    if not len(faces) or not total[-1] > 0:
        raise ValueError("sampling needs a mesh with at least one face of positive area")
    random = _random_rows(count, seed)
    # side "right" never picks a face without area; the clip keeps a product that rounds up inside
    face = np.searchsorted(total, random[:, 0] * total[-1], side="right")
    face = np.minimum(face, int(np.flatnonzero(doubled)[-1]))
    u, v = random[:, 1], random[:, 2]
    fold = u + v > 1.0
    u, v = np.where(fold, 1.0 - u, u), np.where(fold, 1.0 - v, v)
    points = corners[face, 0] + u[:, None] * first[face] + v[:, None] * second[face]
    return points, crosses[face] / doubled[face][:, None]


@lru_cache(maxsize=8)
def _random_rows(count: int, seed: int) -> Float[np.ndarray, "P 3"]:
    """Random numbers of a sample, shared by all meshes of one run; row by row, so nested."""
    return np.random.default_rng(seed).random((count, 3))


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
