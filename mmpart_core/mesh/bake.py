"""Colours a surface from its views: a texture, or one colour per vertex."""

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.ndimage import distance_transform_edt

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.normals import smooth_normals
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh.blend import blend_views
from mmpart_core.mesh.unwrap import Unwrapped

_AT_ONCE = 1 << 18  # texels looked at together: bounds memory, no more


def bake_texture(
    surface: Unwrapped, field: FieldGrid, views: PosedViews
) -> tuple[TriangleMesh, float]:
    """Texture a surface.

    Args:
        surface: unwrapped, part frame.
        field: colour where no view sees the surface.
        views: posed images of the part.

    Returns:
        The textured mesh, and the share of texels that at least one view sees.
    """
    face, weights = texel_faces(surface)
    filled = face >= 0
    points, normals = _places(surface, face[filled], weights[filled])
    scene = RenderScene([TriangleMesh(surface.vertices, surface.faces)])
    colors, seen = blend_views(points, normals, scene, field, views)
    texture = np.zeros((*face.shape, 3), dtype=np.uint8)
    texture[filled] = colors
    return (
        TriangleMesh(surface.vertices, surface.faces, surface.uv, spread(texture, filled)),
        seen,
    )


def color_vertices(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    field: FieldGrid,
    views: PosedViews,
) -> tuple[TriangleMesh, float]:
    """Colour each vertex; returns the mesh and the share of vertices that a view sees."""
    scene = RenderScene([TriangleMesh(vertices, faces)])
    rgb, seen = blend_views(vertices, smooth_normals(vertices, faces), scene, field, views)
    colors = np.concatenate([rgb, np.full((len(rgb), 1), 255, dtype=np.uint8)], axis=1)
    return TriangleMesh(vertices, faces, colors=colors), seen


def texel_faces(
    surface: Unwrapped,
) -> tuple[Int[np.ndarray, "H W"], Float[np.ndarray, "H W 3"]]:
    """Face under each texel's centre (-1 for none) and its barycentric weights.

    The atlas is laid flat and rays are dropped on it, so the ray caster is the rasteriser.
    """
    width, height = surface.size_px
    size = np.array([width, height], dtype=np.float64)
    flat = np.concatenate([surface.uv * size, np.zeros((len(surface.uv), 1))], axis=1)
    scene = RenderScene([TriangleMesh(flat, surface.faces)])
    face = np.full((height, width), -1, dtype=np.int32)
    weights = np.zeros((height, width, 3), dtype=np.float32)
    step = max(1, _AT_ONCE // width)
    for top in range(0, height, step):
        rows = slice(top, min(top + step, height))
        columns, heights = np.meshgrid(
            np.arange(width) + 0.5, height - 0.5 - np.arange(rows.start, rows.stop)
        )
        origins = np.stack([columns.ravel(), heights.ravel(), np.ones(columns.size)], axis=1)
        hits = scene.cast(origins, np.tile([0.0, 0.0, -1.0], (len(origins), 1)))
        face[rows] = hits.face.reshape(columns.shape)
        weights[rows] = hits.barycentric.reshape(*columns.shape, 3)
    return face, weights


def _places(
    surface: Unwrapped, face: Int[np.ndarray, "P"], weights: Float[np.ndarray, "P 3"]
) -> tuple[Float[np.ndarray, "P 3"], Float[np.ndarray, "P 3"]]:
    """Points of faces by barycentric weights, and the smooth normals there."""
    normals = smooth_normals(surface.vertices, surface.faces)
    points, bent = np.zeros((len(face), 3)), np.zeros((len(face), 3))
    for start in range(0, len(face), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        corners, weight = surface.faces[face[part]], weights[part, :, None]
        points[part] = np.sum(surface.vertices[corners] * weight, axis=1)
        bent[part] = np.sum(normals[corners] * weight, axis=1)
    return points, bent / np.maximum(np.linalg.norm(bent, axis=1, keepdims=True), 1e-9)


def spread(texture: UInt8[np.ndarray, "H W 3"], filled: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    """Give every empty texel the colour of the nearest filled one, so that seams do not show."""
    if not filled.any():
        return texture
    nearest = distance_transform_edt(~filled, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return texture[rows, columns]
