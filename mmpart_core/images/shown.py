"""A picture as models that look at it are given it."""

import base64
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image

_GROUND = 127  # grey under transparent pixels: neither a light nor a dark object is lost on it


def shown_image(source: UInt8[np.ndarray, "H W 4"], max_side_px: int) -> Image.Image:
    """The image without alpha, and no larger than a side.

    Args:
        source: sRGB with straight alpha; transparent pixels are shown on grey.
        max_side_px: longer sides are scaled down to it.
    """
    image = Image.fromarray(np.ascontiguousarray(source), "RGBA")
    ground = Image.new("RGBA", image.size, (_GROUND, _GROUND, _GROUND, 255))
    flat = Image.alpha_composite(ground, image).convert("RGB")
    if max(flat.size) > max_side_px:
        flat.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
    return flat


def data_url(image: Image.Image) -> str:
    """A picture as a PNG data URL."""
    stream = BytesIO()
    image.save(stream, "PNG")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
