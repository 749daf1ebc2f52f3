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
    corners = surface.faces[face[filled]]
    weight = weights[filled][..., None]
    normals = smooth_normals(surface.vertices, surface.faces)
    points = np.sum(surface.vertices[corners] * weight, axis=1)
    bent = np.sum(normals[corners] * weight, axis=1)
    bent /= np.maximum(np.linalg.norm(bent, axis=1, keepdims=True), 1e-9)
    scene = RenderScene([TriangleMesh(surface.vertices, surface.faces)])
    colors, seen = blend_views(points, bent, scene, field, views)
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
    columns, rows = np.meshgrid(np.arange(width) + 0.5, height - 0.5 - np.arange(height))
    above = np.full(columns.size, 1.0)
    origins = np.stack([columns.ravel(), rows.ravel(), above], axis=1)
    down = np.tile([0.0, 0.0, -1.0], (len(origins), 1))
    hits = RenderScene([TriangleMesh(flat, surface.faces)]).cast(origins, down)
    return hits.face.reshape(height, width), hits.barycentric.reshape(height, width, 3)


def spread(texture: UInt8[np.ndarray, "H W 3"], filled: np.ndarray) -> UInt8[np.ndarray, "H W 3"]:
    """Give every empty texel the colour of the nearest filled one, so that seams do not show."""
    if not filled.any():
        return texture
    nearest = distance_transform_edt(~filled, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return texture[rows, columns]
