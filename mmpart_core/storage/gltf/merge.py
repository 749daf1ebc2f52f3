"""Several primitives of one mesh to one triangle mesh with one texture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.storage.gltf.appearance import Appearance

_PAD_PX = 2
_SWATCH_PX = 4
_MAX_SIDE_PX = 8192


@dataclass(frozen=True)
class Primitive:
    """Triangles with one appearance, +Z-up node frame."""

    vertices: Float[np.ndarray, "V 3"]
    faces: Int[np.ndarray, "F 3"]
    appearance: Appearance


def merge_primitives(primitives: Sequence[Primitive]) -> TriangleMesh:
    """One mesh of all primitives.

    Primitives with one texture keep it. Different textures and plain colours are put into one
    atlas; with vertex colours that vary, or an atlas that would be too large, all colours are
    taken at the vertices.
    """
    counts = np.cumsum([0, *(len(part.vertices) for part in primitives)])
    vertices = np.concatenate([part.vertices for part in primitives])
    faces = np.concatenate(
        [part.faces + start for part, start in zip(primitives, counts[:-1], strict=True)]
    )
    looks = [part.appearance for part in primitives]
    textured = _merge_textures(looks)
    if textured is not None:
        uv, texture = textured
        if bool((texture[..., 3] == 255).all()):
            texture = np.ascontiguousarray(texture[..., :3])
        return TriangleMesh(vertices, faces, uv=uv, texture=texture)
    colors = np.concatenate([look.as_vertex_colors() for look in looks])
    return TriangleMesh(vertices, faces, colors=colors)


def _merge_textures(
    looks: Sequence[Appearance],
) -> tuple[Float[np.ndarray, "V 2"], UInt8[np.ndarray, "H W 4"]] | None:
    if all(look.texture is None for look in looks):
        return None
    first = looks[0]
    if first.texture is not None and all(look.source == first.source for look in looks):
        return np.concatenate([look.uv for look in looks if look.uv is not None]), first.texture
    tiles: list[tuple[UInt8[np.ndarray, "_ _ 4"], Float[np.ndarray, "_ 2"]]] = []
    for look in looks:
        tile = _tile(look)
        if tile is None:
            return None
        tiles.append(tile)
    return _stack(tiles)


def _tile(
    look: Appearance,
) -> tuple[UInt8[np.ndarray, "H W 4"], Float[np.ndarray, "V 2"]] | None:
    """An image that holds all a primitive shows, and uv inside it."""
    if look.texture is None or look.uv is None:
        colors = look.as_vertex_colors()
        if len(colors) == 0 or (colors != colors[0]).any():
            return None
        swatch = np.broadcast_to(colors[0], (_SWATCH_PX, _SWATCH_PX, 4)).copy()
        return swatch, np.full((len(colors), 2), 0.5)
    low = np.floor(look.uv.min(axis=0) + 1e-6)
    repeats = np.maximum(np.ceil(look.uv.max(axis=0) - low - 1e-6), 1.0).astype(np.int64)
    height, width = look.texture.shape[:2]
    if height * repeats[1] > _MAX_SIDE_PX or width * repeats[0] > _MAX_SIDE_PX:
        return None
    image = np.tile(look.texture, (int(repeats[1]), int(repeats[0]), 1))
    return image, (look.uv - low) / repeats


def _stack(
    tiles: Sequence[tuple[UInt8[np.ndarray, "_ _ 4"], Float[np.ndarray, "_ 2"]]],
) -> tuple[Float[np.ndarray, "V 2"], UInt8[np.ndarray, "H W 4"]] | None:
    """Images of any size under each other, their uv moved along; None where it is too tall."""
    width = max(image.shape[1] for image, _ in tiles) + 2 * _PAD_PX
    height = sum(image.shape[0] + 2 * _PAD_PX for image, _ in tiles)
    if height > _MAX_SIDE_PX:
        return None
    atlas = np.full((height, width, 4), 255, dtype=np.uint8)
    moved: list[Float[np.ndarray, "_ 2"]] = []
    top = 0
    for image, uv in tiles:
        rows, columns = image.shape[:2]
        border = ((_PAD_PX, _PAD_PX), (_PAD_PX, _PAD_PX), (0, 0))
        atlas[top : top + rows + 2 * _PAD_PX, : columns + 2 * _PAD_PX] = np.pad(
            image, border, mode="edge"
        )
        across = (_PAD_PX + uv[:, 0] * columns) / width
        down = (top + _PAD_PX + (1.0 - uv[:, 1]) * rows) / height
        moved.append(np.stack([across, 1.0 - down], axis=1))
        top += rows + 2 * _PAD_PX
    return np.concatenate(moved), atlas
