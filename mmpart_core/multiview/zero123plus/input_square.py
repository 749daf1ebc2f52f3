"""The part as Zero123++ expects its input: square, centred, on plain ground."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from mmpart_core.images.framing import FramedSquare, framed_square

INPUT_PX = 512  # what the checkpoints' VAE sees; its README asks for 320 at least
_SOLID = 128  # alpha from which a pixel is foreground: half of 255


def square_of(rgba: UInt8[np.ndarray, "H W 4"], foreground: float) -> FramedSquare:
    """The square of the image that is shown to the generator.

    Args:
        rgba: one part, sRGB with straight alpha.
        foreground: longer side of the part's bounding box over the square's, in (0, 1].

    Raises:
        StageError: the image shows nothing.
    """
    return framed_square(rgba[..., 3] >= _SOLID, margin=1.0 / foreground)


def framed_on_ground(
    rgba: UInt8[np.ndarray, "H W 4"],
    square: FramedSquare,
    ground: tuple[int, int, int],
    size_px: int = INPUT_PX,
) -> UInt8[np.ndarray, "S S 3"]:
    """A square of an image on plain ground, enlarged or averaged down to one size.

    Args:
        rgba: sRGB with straight alpha; clear beyond its borders.
        square: which part of it.
        ground: sRGB of what clear pixels become.
        size_px: side of the result.
    """
    own = _cut(rgba, square).astype(np.float32) / 255.0
    own[..., :3] *= own[..., 3:]
    shrinks = own.shape[0] > size_px
    way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    sized = np.clip(cv2.resize(own, (size_px, size_px), interpolation=way), 0.0, 1.0)
    on_ground = sized[..., :3] + (1.0 - sized[..., 3:]) * _as_float(ground)
    return np.rint(np.clip(on_ground, 0.0, 1.0) * 255.0).astype(np.uint8)


def _cut(rgba: UInt8[np.ndarray, "H W 4"], square: FramedSquare) -> UInt8[np.ndarray, "S S 4"]:
    """The square at whole pixels, clear where it reaches beyond the image."""
    side = max(1, round(square.side_px))
    left, top = (round(center - side / 2.0) for center in square.center_px)
    height, width = rgba.shape[:2]
    cut = np.zeros((side, side, 4), dtype=np.uint8)
    x0, x1 = max(left, 0), min(left + side, width)
    y0, y1 = max(top, 0), min(top + side, height)
    if x0 < x1 and y0 < y1:
        cut[y0 - top : y1 - top, x0 - left : x1 - left] = rgba[y0:y1, x0:x1]
    return cut


def _as_float(ground: tuple[int, int, int]) -> Float32[np.ndarray, "3"]:
    return np.array(ground, dtype=np.float32) / 255.0
