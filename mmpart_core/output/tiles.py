"""Pictures in cells of one size, and what goes under and over them."""

import math

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from scipy import ndimage

from mmpart_core.geometry import transforms
from mmpart_core.records import Camera

IMAGINED_RGB = (214, 84, 30)
_CHECKS_RGB = ((255, 255, 255), (226, 226, 224))
_CHECK_PX = 9
_TINT = 0.36


def crop_box(alpha: UInt8[np.ndarray, "H W"], margin: float = 0.06) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is not transparent, with a margin; all when nothing is."""
    height, width = alpha.shape
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return 0, 0, width, height
    pad = round(margin * max(rows[-1] - rows[0], columns[-1] - columns[0])) + 1
    return (
        max(int(columns[0]) - pad, 0),
        max(int(rows[0]) - pad, 0),
        min(int(columns[-1]) + 1 + pad, width),
        min(int(rows[-1]) + 1 + pad, height),
    )


def checkerboard(width: int, height: int) -> Image.Image:
    """What lies under transparent pixels."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height), indexing="xy")
    odd = ((columns // _CHECK_PX + rows // _CHECK_PX) % 2).astype(bool)
    light, dark = (np.array(rgb, dtype=np.uint8) for rgb in _CHECKS_RGB)
    return Image.fromarray(np.where(odd[..., None], dark, light))


def contained(image: Image.Image, size_px: tuple[int, int], ground: Image.Image) -> Image.Image:
    """An RGBA image scaled to fit a cell and centred on a ground of the cell's size."""
    ratio = min(size_px[0] / image.width, size_px[1] / image.height)
    width, height = max(1, round(image.width * ratio)), max(1, round(image.height * ratio))
    # Pillow resizes RGBA premultiplied, so transparent pixels lend no colour to the edge.
    scaled = image.resize((width, height), Image.Resampling.LANCZOS)
    cell = ground.copy()
    cell.paste(scaled, ((size_px[0] - width) // 2, (size_px[1] - height) // 2), scaled)
    return cell


def with_imagined(
    rgba: UInt8[np.ndarray, "H W 4"], imagined: Bool[np.ndarray, "H W"], line_px: int
) -> UInt8[np.ndarray, "H W 4"]:
    """An isolated part with its imagined area tinted and outlined.

    Args:
        rgba: the part.
        imagined: where it was completed behind an occluder.
        line_px: width of the outline in pixels of this image.
    """
    shown = imagined & (rgba[..., 3] > 0)
    if not shown.any():
        return rgba
    color = np.array(IMAGINED_RGB, dtype=np.float64)
    inner = ndimage.binary_erosion(shown, iterations=line_px)
    weight = np.where(inner, _TINT, np.where(shown, 1.0, 0.0))[..., None]
    painted = rgba.copy()
    painted[..., :3] = np.rint(rgba[..., :3] * (1.0 - weight) + color * weight).astype(np.uint8)
    return painted


def view_caption(camera: Camera) -> str:
    """Where a camera stands: azimuth from the input view and elevation, in whole degrees."""
    backward = transforms.to_array(camera.world_from_camera)[:3, 2]
    azimuth = round(math.degrees(math.atan2(backward[1], backward[0]))) % 360
    elevation = round(math.degrees(math.asin(float(np.clip(backward[2], -1.0, 1.0)))))
    return f"{azimuth}° / {elevation:+d}°"
