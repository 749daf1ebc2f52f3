"""How a surface looks where a ray meets it: base colour, smooth normals, studio light."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy import sparse

from mmpart_core.geometry.surface import TriangleMesh

MID_GREY = 128.0 / 255.0
CREASE_ANGLE_DEG = 40.0
# Soft studio, in the scene's frame (front +X, up +Z): a key light from the front left above, a
# weak one from behind, and a sky brighter than the ground. A face turned to the key is near 1.
KEY_DIRECTION = np.array([0.62, -0.42, 0.66]) / np.linalg.norm([0.62, -0.42, 0.66])
KEY_STRENGTH = 0.48
FILL_STRENGTH = 0.14
SKY_STRENGTH, GROUND_STRENGTH = 0.62, 0.42
# A vertex shared by more corners than this (the hub of a fan) keeps flat normals: pairing its
# corners would cost the square of their number.
_MOST_CORNERS = 64


@dataclass(frozen=True)
class Triangles:
    """Several meshes as one list of triangles.

    Attributes:
        vertices: float64 positions of all meshes, one after another.
        faces: int64 vertex indices into it.
        mesh_index: int32 index of each face's mesh.
        first_face: int64 index of each mesh's first face.
    """

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    mesh_index: Int[np.ndarray, "F"]
    first_face: Int[np.ndarray, "K"]

    @classmethod
    def of(cls, meshes: Sequence[TriangleMesh]) -> "Triangles":
        """Join meshes."""
        vertex_counts = np.array([len(mesh.vertices) for mesh in meshes], dtype=np.int64)
        face_counts = np.array([len(mesh.faces) for mesh in meshes], dtype=np.int64)
        first_vertex = np.cumsum(vertex_counts) - vertex_counts
        faces = [
            mesh.faces.astype(np.int64) + first
            for mesh, first in zip(meshes, first_vertex, strict=True)
        ]
        return cls(
            vertices=np.concatenate([mesh.vertices for mesh in meshes]).astype(np.float64),
            faces=np.concatenate(faces).reshape(-1, 3),
            mesh_index=np.repeat(np.arange(len(meshes), dtype=np.int32), face_counts),
            first_face=np.cumsum(face_counts) - face_counts,
        )


class SurfaceAppearance:
    """Colours and normals of joined meshes, looked up by triangle and barycentric weights."""

    def __init__(self, meshes: Sequence[TriangleMesh], triangles: Triangles) -> None:
        self._triangles = triangles
        self._colors = np.concatenate([_vertex_colors(mesh) for mesh in meshes])
        uv = [np.zeros((len(m.vertices), 2)) if m.uv is None else m.uv for m in meshes]
        self._uv = np.concatenate(uv)
        self._textures = {
            index: _rgba_texture(mesh.texture)
            for index, mesh in enumerate(meshes)
            if mesh.texture is not None and mesh.uv is not None
        }

    @cached_property
    def has_alpha(self) -> bool:
        """Whether any surface has alpha below one."""
        textures = any((texture[..., 3] < 255).any() for texture in self._textures.values())
        return textures or bool((self._colors[:, 3] < 1.0).any())

    def base_color(
        self, triangle: Int[np.ndarray, "P"], weights: Float[np.ndarray, "P 3"]
    ) -> Float[np.ndarray, "P 4"]:
        """Base colour (sRGB) and alpha in 0..1, float32."""
        corners = self._triangles.faces[triangle]
        rgba = np.einsum("pk,pkc->pc", weights, self._colors[corners])
        mesh = self._triangles.mesh_index[triangle]
        for index, texture in self._textures.items():
            inside = np.flatnonzero(mesh == index)
            if len(inside):
                uv = np.einsum("pk,pkc->pc", weights[inside], self._uv[corners[inside]])
                rgba[inside] = bilinear_repeat(texture, uv)
        return rgba.astype(np.float32)

    def studio_light(
        self,
        triangle: Int[np.ndarray, "P"],
        weights: Float[np.ndarray, "P 3"],
        directions: Float[np.ndarray, "P 3"],
    ) -> Float[np.ndarray, "P"]:
        """Factor on the sRGB colour from a soft light; surfaces are turned towards the viewer."""
        normals = np.einsum("pk,pkc->pc", weights, self._corner_normals[triangle])
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        # The side that is seen is the face's own, not the smoothed normal's: the latter may turn
        # away at the rim.
        flat = self._face_normals[triangle]
        away = np.einsum("pc,pc->p", flat, directions) > 0.0
        normals = np.where(away[:, None], -normals, normals)
        upward = 0.5 + 0.5 * normals[:, 2]
        ambient = GROUND_STRENGTH + (SKY_STRENGTH - GROUND_STRENGTH) * upward
        key = normals @ KEY_DIRECTION
        light = KEY_STRENGTH * np.maximum(key, 0.0) + FILL_STRENGTH * np.maximum(-key, 0.0)
        return (ambient + light).astype(np.float32)

    @cached_property
    def _face_normals(self) -> Float[np.ndarray, "F 3"]:
        return _normalised(_area_vectors(self._triangles))

    @cached_property
    def _corner_normals(self) -> Float[np.ndarray, "F 3 3"]:
        return corner_normals(self._triangles)


def corner_normals(
    triangles: Triangles, crease_angle_deg: float = CREASE_ANGLE_DEG
) -> Float[np.ndarray, "F 3 3"]:
    """Unit normal of each face corner: area-weighted over faces that meet there smoothly.

    Faces of one mesh that share a position are averaged where their normals differ by less than
    the crease angle; texture seams therefore stay smooth and box edges stay sharp.
    """
    area = _area_vectors(triangles)
    unit = _normalised(area)
    corner_face = np.repeat(np.arange(len(area)), 3)
    position = triangles.vertices[triangles.faces.ravel()]
    mesh = triangles.mesh_index[corner_face]
    keys = np.column_stack([position + 0.0, mesh])
    _, vertex, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    vertex = vertex.reshape(-1)
    corners = np.flatnonzero(counts[vertex] <= _MOST_CORNERS)
    meets = sparse.csr_matrix(
        (np.ones(len(corners), dtype=np.float32), (vertex[corners], corner_face[corners])),
        shape=(len(counts), len(area)),
    )
    incident = sparse.csr_matrix(
        (np.ones(len(corners), dtype=np.float32), (corners, vertex[corners])),
        shape=(len(corner_face), len(counts)),
    )
    pairs = sparse.coo_matrix(incident @ meets)
    smooth = np.einsum("pc,pc->p", unit[corner_face[pairs.row]], unit[pairs.col]) > np.cos(
        np.deg2rad(crease_angle_deg)
    )
    weights = sparse.csr_matrix(
        (np.ones(int(smooth.sum())), (pairs.row[smooth], pairs.col[smooth])),
        shape=(len(corner_face), len(area)),
    )
    total = weights @ area
    lone = np.linalg.norm(total, axis=-1) < 1e-300
    total[lone] = area[corner_face[lone]]
    return _normalised(total).reshape(-1, 3, 3)


def bilinear_repeat(
    texture: UInt8[np.ndarray, "H W 4"], uv: Float[np.ndarray, "P 2"]
) -> Float[np.ndarray, "P 4"]:
    """Bilinear lookup in 0..1 with repeat; uv origin at the bottom left, row 0 is the top."""
    height, width = texture.shape[:2]
    x = uv[:, 0] * width - 0.5
    y = (1.0 - uv[:, 1]) * height - 0.5
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)
    x0, x1, y0, y1 = left % width, (left + 1) % width, top % height, (top + 1) % height
    upper = texture[y0, x0] * (1.0 - fx) + texture[y0, x1] * fx
    lower = texture[y1, x0] * (1.0 - fx) + texture[y1, x1] * fx
    return (upper * (1.0 - fy) + lower * fy) / np.float32(255.0)


def _vertex_colors(mesh: TriangleMesh) -> Float[np.ndarray, "V 4"]:
    if mesh.colors is not None:
        return mesh.colors.astype(np.float32) / np.float32(255.0)
    grey = np.full((len(mesh.vertices), 4), MID_GREY, dtype=np.float32)
    grey[:, 3] = 1.0
    return grey


def _rgba_texture(texture: UInt8[np.ndarray, "H W C"]) -> UInt8[np.ndarray, "H W 4"]:
    if texture.shape[2] == 4:
        return texture
    rgb = texture if texture.shape[2] == 3 else np.repeat(texture[..., :1], 3, axis=2)
    opaque = np.full((*texture.shape[:2], 1), 255, dtype=np.uint8)
    return np.concatenate([rgb, opaque], axis=2)


def _area_vectors(triangles: Triangles) -> Float[np.ndarray, "F 3"]:
    a, b, c = (triangles.vertices[triangles.faces[:, k]] for k in range(3))
    return np.cross(b - a, c - a) / 2.0


def _normalised(vectors: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-300)
