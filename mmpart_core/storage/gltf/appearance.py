"""How a glTF primitive is coloured: factor x texture x vertex colour, all in linear light."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from mmpart_core.storage.gltf import colors
from mmpart_core.storage.gltf.accessors import Buffers

_OPAQUE_WHITE = (1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Appearance:
    """Colour of one primitive; exactly one of the two is set.

    Attributes:
        colors: sRGB RGBA per vertex.
        texture: sRGB RGBA image that repeats outside [0, 1].
        uv: per vertex, origin at the bottom left; set with the texture.
        source: texture index and factor, equal for equal textures.
    """

    colors: UInt8[np.ndarray, "V 4"] | None = None
    texture: UInt8[np.ndarray, "H W 4"] | None = None
    uv: Float[np.ndarray, "V 2"] | None = None
    source: tuple[Any, ...] = ()

    def as_vertex_colors(self) -> UInt8[np.ndarray, "V 4"]:
        """The colour at each vertex, the texture sampled where there is one."""
        if self.texture is None or self.uv is None:
            return np.zeros((0, 4), np.uint8) if self.colors is None else self.colors
        return colors.srgb_rgba(sample(colors.linear_rgba(self.texture), self.uv))


def sample(
    image: Float[np.ndarray, "H W C"], uv: Float[np.ndarray, "V 2"]
) -> Float[np.ndarray, "V C"]:
    """Bilinear samples of a repeating image; uv from the bottom left."""
    height, width = image.shape[:2]
    column, row = uv[:, 0] * width - 0.5, (1.0 - uv[:, 1]) * height - 0.5
    left, top = np.floor(column).astype(np.int64), np.floor(row).astype(np.int64)
    across, down = (column - left)[:, None], (row - top)[:, None]
    upper, lower = top % height, (top + 1) % height
    near, far = left % width, (left + 1) % width
    above = image[upper, near] * (1 - across) + image[upper, far] * across
    below = image[lower, near] * (1 - across) + image[lower, far] * across
    return above * (1 - down) + below * down


def read_appearance(
    document: dict[str, Any], buffers: Buffers, primitive: dict[str, Any], count: int
) -> Appearance:
    """The colour of a primitive of ``count`` vertices.

    A texture with a vertex colour that varies cannot be kept as one texture: it becomes vertex
    colours, the texture sampled at each vertex.
    """
    attributes = primitive["attributes"]
    material = document["materials"][primitive["material"]] if "material" in primitive else {}
    factor, texture_info = _base_color(material)
    vertex = _vertex_colors(buffers, attributes)
    if vertex is not None and np.ptp(vertex, axis=0).max(initial=0.0) == 0.0:
        factor, vertex = factor * vertex[0], None
    opaque = material.get("alphaMode", "OPAQUE") == "OPAQUE"
    set_index = _transform(texture_info).get("texCoord", texture_info.get("texCoord", 0))
    image_index = _image_index(document, texture_info)
    if image_index is None or f"TEXCOORD_{set_index}" not in attributes:
        flat = np.broadcast_to(factor, (count, 4)) if vertex is None else vertex * factor
        return Appearance(colors=colors.srgb_rgba(_opaque(flat, opaque)))
    uv = _texture_uv(buffers.floats(attributes[f"TEXCOORD_{set_index}"]), texture_info)
    texture = buffers.image(image_index)
    if vertex is not None:
        linear = sample(colors.linear_rgba(texture), uv) * vertex * factor
        return Appearance(colors=colors.srgb_rgba(_opaque(linear, opaque)))
    if not np.array_equal(factor, _OPAQUE_WHITE):
        texture = colors.srgb_rgba(colors.linear_rgba(texture) * factor)
    if opaque:
        texture = texture.copy()
        texture[..., 3] = 255
    source = (image_index, tuple(factor.tolist()), opaque)
    return Appearance(texture=texture, uv=uv, source=source)


def _base_color(material: dict[str, Any]) -> tuple[Float[np.ndarray, "4"], dict[str, Any]]:
    old = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness")
    if old is not None:
        factor, texture = old.get("diffuseFactor", _OPAQUE_WHITE), old.get("diffuseTexture", {})
    else:
        surface = material.get("pbrMetallicRoughness", {})
        factor = surface.get("baseColorFactor", _OPAQUE_WHITE)
        texture = surface.get("baseColorTexture", {})
    return np.array(factor, dtype=np.float64), texture


def _vertex_colors(buffers: Buffers, attributes: dict[str, Any]) -> Float[np.ndarray, "V 4"] | None:
    if "COLOR_0" not in attributes:
        return None
    values = buffers.floats(attributes["COLOR_0"])
    if values.shape[1] == 3:
        values = np.concatenate([values, np.ones((len(values), 1))], axis=1)
    return values


def _image_index(document: dict[str, Any], texture_info: dict[str, Any]) -> int | None:
    if "index" not in texture_info:
        return None
    texture = document["textures"][texture_info["index"]]
    webp = texture.get("extensions", {}).get("EXT_texture_webp", {})
    return webp.get("source", texture.get("source"))


def _transform(texture_info: dict[str, Any]) -> dict[str, Any]:
    return texture_info.get("extensions", {}).get("KHR_texture_transform", {})


def _texture_uv(
    stored: Float[np.ndarray, "V 2"], texture_info: dict[str, Any]
) -> Float[np.ndarray, "V 2"]:
    """Apply KHR_texture_transform and count v from the bottom."""
    transform = _transform(texture_info)
    angle = transform.get("rotation", 0.0)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scaled = stored * np.array(transform.get("scale", (1.0, 1.0)), dtype=np.float64)
    moved = scaled @ rotation.T + np.array(transform.get("offset", (0.0, 0.0)), dtype=np.float64)
    return np.stack([moved[:, 0], 1.0 - moved[:, 1]], axis=1)


def _opaque(linear: Float[np.ndarray, "V 4"], opaque: bool) -> Float[np.ndarray, "V 4"]:
    values = np.array(linear, dtype=np.float64)
    if opaque:
        values[:, 3] = 1.0
    return values
