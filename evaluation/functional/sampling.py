"""Seeded points on meshes, and which of them can be seen from outside."""

from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.boxes import used_vertices
from mmpart_core.errors import ArgumentError
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh


def sample_surface(
    vertices: ArrayLike, faces: ArrayLike, count: int, seed: int
) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]:
    """Points uniform by area, with the normals of their faces.

    Uniform in the triangle by folding the unit square along its diagonal (Osada et al., Shape
    Distributions, 2002). One stream of random numbers serves all counts: the first points of a
    large sample are the sample of a smaller count with the same seed. Meshes with the same faces
    in the same order get corresponding points, so identical meshes get identical points; in another
    order, or with another seed, the same surface gets other points, and the distance between the
    two samples is the noise of the sampling.

    Args:
        vertices: positions, (V, 3).
        faces: vertex indices, (F, 3).
        count: how many points, at least one.
        seed: from 0 up; equal seeds give equal points.

    Returns:
        Points and unit normals, float64.

    Raises:
        ArgumentError: no mesh (``arguments.mesh``), one without area, or no count or seed.
    """
    positions, triangles = arguments.mesh("vertices", vertices, "faces", faces)
    count = arguments.whole_number("count", count, least=1)
    seed = arguments.whole_number("seed", seed)
    corners = positions.take(triangles, axis=0)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    crosses = np.cross(first, second)
    doubled = np.linalg.norm(crosses, axis=-1)
    total = np.cumsum(doubled)
    if not total[-1] > 0:
        raise ArgumentError("faces: expected at least one face of positive area, got none")
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
    vertices: ArrayLike,
    faces: ArrayLike,
    points: ArrayLike,
    directions: int = 128,
) -> Bool[np.ndarray, "P"]:
    """Which surface points are on the outer surface: some straight way out is free.

    Args:
        vertices: of the mesh the points lie on, (V, 3).
        faces: its faces, (F, 3).
        points: points on it, (P, 3).
        directions: how many ways out are tried.

    Returns:
        True where at least one ray from just off the point leaves without a hit.

    Raises:
        ArgumentError: no mesh (``arguments.mesh``), no finite points, or no directions.
    """
    positions, triangles = arguments.mesh("vertices", vertices, "faces", faces)
    starts = arguments.points("points", points)
    directions = arguments.whole_number("directions", directions, least=1)
    step = float(np.ptp(used_vertices(positions, triangles), axis=0).max()) * 1e-4
    scene = RenderScene([TriangleMesh(positions, triangles)])
    seen = np.zeros(len(starts), dtype=bool)
    for direction in sphere_directions(directions):
        hidden = np.flatnonzero(~seen)
        ways_out = np.tile(direction, (len(hidden), 1))
        seen[hidden] = scene.cast(starts[hidden] + step * direction, ways_out).mesh < 0
    return seen
