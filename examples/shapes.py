"""Rounded solids for small product models: revolved profiles, swept tubes, soft boxes.

World axes: +Z up, the front at +X.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import trimesh
from numpy.typing import ArrayLike

from mmpart_core.geometry.surface import TriangleMesh

Color = tuple[int, ...]


def fillet(profile: Sequence[tuple[float, float]], radius: float, steps: int = 6) -> np.ndarray:
    """An open polyline with its inner corners rounded.

    Args:
        profile: corners, at least two.
        radius: length cut from both sides of a corner; less where a side is short.
        steps: points per corner.
    """
    points = np.asarray(profile, dtype=np.float64)
    rounded = [points[0]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        into, out = before - corner, after - corner
        cut = min(radius, 0.49 * float(np.linalg.norm(into)), 0.49 * float(np.linalg.norm(out)))
        start = corner + into / np.linalg.norm(into) * cut
        end = corner + out / np.linalg.norm(out) * cut
        for t in np.linspace(0.0, 1.0, steps):
            rounded.append((1 - t) ** 2 * start + 2 * t * (1 - t) * corner + t**2 * end)
    rounded.append(points[-1])
    return np.array(rounded)


def densify(line: np.ndarray, step: float) -> np.ndarray:
    """A polyline with no segment longer than ``step``."""
    pieces = [line[:1]]
    for start, end in itertools.pairwise(line):
        count = max(1, int(np.ceil(np.linalg.norm(end - start) / step)))
        pieces.append(start + (end - start) * np.linspace(0, 1, count + 1)[1:, None])
    return np.concatenate(pieces)


def revolve(
    profile: Sequence[tuple[float, float]], radius: float = 0.03, sections: int = 96
) -> trimesh.Trimesh:
    """A solid of revolution about +Z.

    Args:
        profile: (distance from the axis, height) from bottom to top along the outside and, for
            hollow things, back down along the inside; corners are rounded.
        radius: of the rounding.
        sections: facets around.
    """
    line = densify(fillet(profile, radius), 0.05)
    line[:, 0] = np.maximum(line[:, 0], 0.0)
    mesh = trimesh.creation.revolve(line, sections=sections)
    mesh.fix_normals()
    return mesh


def sweep(path: ArrayLike, radius: ArrayLike, sections: int = 40) -> trimesh.Trimesh:
    """A round tube along a path, closed by half balls.

    Args:
        path: (N, 3) points.
        radius: one, or one per point.
        sections: facets around.
    """
    points = np.asarray(path, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(points),))
    tangents = np.gradient(points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    aside = np.cross(tangents[0], [0.0, 0.0, 1.0])
    if np.linalg.norm(aside) < 1e-3:
        aside = np.cross(tangents[0], [0.0, 1.0, 0.0])
    angles = np.linspace(0.0, 2.0 * np.pi, sections, endpoint=False)
    rings = []
    for point, tangent, size in zip(points, tangents, radii, strict=True):
        aside = aside - tangent * (aside @ tangent)
        aside /= np.linalg.norm(aside)
        across = np.cross(tangent, aside)
        circle = np.cos(angles)[:, None] * aside + np.sin(angles)[:, None] * across
        rings.append(point + size * circle)
    ring = np.arange(sections)
    following = np.roll(ring, -1)
    faces = []
    for index in range(len(points) - 1):
        low, high = index * sections, (index + 1) * sections
        faces.append(np.stack([low + ring, low + following, high + following], axis=1))
        faces.append(np.stack([low + ring, high + following, high + ring], axis=1))
    tube = trimesh.Trimesh(np.concatenate(rings), np.concatenate(faces), process=False)
    caps = [ball(float(radii[index]), points[index], detail=2) for index in (0, -1)]
    return trimesh.util.concatenate([tube, *caps])  # pyright: ignore[reportReturnType] - a mesh


def curve(controls: ArrayLike, count: int = 48) -> np.ndarray:
    """A smooth curve through control points (a Bezier curve over all of them)."""
    points = np.asarray(controls, dtype=np.float64)
    t = np.linspace(0.0, 1.0, count)[:, None, None]
    level = np.broadcast_to(points, (count, *points.shape))
    while level.shape[1] > 1:
        level = (1 - t) * level[:, :-1] + t * level[:, 1:]
    return level[:, 0]


def ball(
    radius: float, center: ArrayLike = (0, 0, 0), stretch: ArrayLike = (1, 1, 1), detail: int = 3
) -> trimesh.Trimesh:
    """A sphere or, stretched, an ellipsoid."""
    mesh = trimesh.creation.icosphere(subdivisions=detail, radius=radius)
    mesh.apply_scale(stretch)
    mesh.apply_translation(center)
    return mesh


def soft_box(extents: ArrayLike, radius: float, center: ArrayLike = (0, 0, 0)) -> trimesh.Trimesh:
    """A box with rounded edges, finely divided."""
    directions = trimesh.creation.icosphere(subdivisions=3 if radius > 0.08 else 2).vertices
    # Every direction goes to its corner; those on a border go to both sides.
    half = np.asarray(extents, dtype=np.float64) / 2.0 - radius
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    points = [
        sign * half + radius * directions[(directions * sign >= -1e-6).all(axis=1)]
        for sign in signs
    ]
    mesh = trimesh.convex.convex_hull(np.concatenate(points))
    vertices, faces = trimesh.remesh.subdivide_to_size(mesh.vertices, mesh.faces, 0.12)[:2]
    mesh = trimesh.Trimesh(vertices, faces)
    mesh.apply_translation(center)
    return mesh


def turned(mesh: trimesh.Trimesh, axis: ArrayLike, angle_deg: float) -> trimesh.Trimesh:
    """A copy turned about an axis through the origin."""
    return mesh.copy().apply_transform(
        trimesh.transformations.rotation_matrix(np.deg2rad(angle_deg), np.asarray(axis, float))
    )


def moved(mesh: trimesh.Trimesh, offset: ArrayLike) -> trimesh.Trimesh:
    """A copy moved."""
    return mesh.copy().apply_translation(offset)


def paint(pieces: Sequence[tuple[trimesh.Trimesh, Color]]) -> TriangleMesh:
    """Pieces of one colour each as a single part.

    A fourth colour value below 255 marks a piece that glows in the studio; it is opaque.
    """
    vertices, faces, colors, first = [], [], [], 0
    for mesh, color in pieces:
        vertices.append(np.asarray(mesh.vertices, dtype=np.float64))
        faces.append(np.asarray(mesh.faces, dtype=np.int64) + first)
        colors.append(np.tile(np.array([*color, 255][:4], dtype=np.uint8), (len(mesh.vertices), 1)))
        first += len(mesh.vertices)
    return TriangleMesh(
        np.concatenate(vertices), np.concatenate(faces), colors=np.concatenate(colors)
    )
