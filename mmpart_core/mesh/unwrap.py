"""Texture coordinates by xatlas."""

from dataclasses import dataclass

import numpy as np
import xatlas
from jaxtyping import Float, Int

_PADDING_PX = 3


@dataclass(frozen=True)
class Unwrapped:
    """A surface split along the seams of its charts.

    Attributes:
        vertices: float64 positions, repeated along seams.
        faces: int64, the same faces in the same order.
        uv: float64 in [0, 1], origin at the bottom left.
        size_px: width and height of the texture, the longer side as wanted.
        charts: number of charts.
    """

    vertices: Float[np.ndarray, "W 3"]
    faces: Int[np.ndarray, "F 3"]
    uv: Float[np.ndarray, "W 2"]
    size_px: tuple[int, int]
    charts: int


def unwrap_surface(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], texture_size_px: int
) -> Unwrapped:
    """Cut a surface into charts and pack them.

    Args:
        vertices: float64 positions.
        faces: vertex indices.
        texture_size_px: longer side of the texture.
    """
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices.astype(np.float32), faces.astype(np.uint32))
    pack = xatlas.PackOptions()
    pack.resolution = texture_size_px
    pack.padding = _PADDING_PX
    pack.bilinear = True
    atlas.generate(pack_options=pack)
    source, cut_faces, uv = atlas[0]
    scale = texture_size_px / max(atlas.width, atlas.height, 1)
    size = max(round(atlas.width * scale), 1), max(round(atlas.height * scale), 1)
    return Unwrapped(
        vertices=vertices[np.asarray(source, dtype=np.int64)],
        faces=np.asarray(cut_faces, dtype=np.int64),
        uv=np.clip(np.asarray(uv, dtype=np.float64), 0.0, 1.0),
        size_px=size,
        charts=int(atlas.chart_count),
    )
