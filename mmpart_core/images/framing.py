"""The square of an image that frames an object, and the object without what is around it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from mmpart_core.errors import StageError

_EDGE_PX = 0.6  # width of the Gaussian that softens a cut edge: about a pixel; by hand


@dataclass(frozen=True)
class FramedSquare:
    """A square region of an image; it may reach beyond the image's borders.

    Attributes:
        center_px: column and row of its centre; the top left pixel's centre is (0.5, 0.5).
        side_px: length of a side.
    """

    center_px: tuple[float, float]
    side_px: float


def framed_square(mask: Bool[np.ndarray, "H W"], margin: float = 1.1) -> FramedSquare:
    """The square centred on a mask's bounding box.

    Args:
        mask: true on the object.
        margin: side of the square over the longer side of the bounding box; at least 1.

    Raises:
        StageError: the mask is empty.

    Example:
        >>> mask = np.zeros((10, 20), dtype=bool)
        >>> mask[2:6, 4:14] = True
        >>> framed_square(mask, margin=1.2)
        FramedSquare(center_px=(9.0, 4.0), side_px=12.0)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise StageError(
            f"framing: the mask of {mask.shape[1]}x{mask.shape[0]} px is empty, at least one pixel "
            "expected; check that the object was found in the image"
        )
    top, bottom = float(rows[0]), float(rows[-1] + 1)
    left, right = float(columns[0]), float(columns[-1] + 1)
    return FramedSquare(
        center_px=((left + right) / 2.0, (top + bottom) / 2.0),
        side_px=margin * max(right - left, bottom - top),
    )


def cut_out(
    rgba: UInt8[np.ndarray, "H W 4"], mask: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 4"]:
    """An image whose alpha ends softly at a mask; where it was less before, it stays so.

    Args:
        rgba: sRGB with straight alpha; a photograph is opaque all over.
        mask: true on the object.
    """
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _EDGE_PX)
    cut = rgba.copy()
    cut[..., 3] = np.minimum(rgba[..., 3], np.rint(soft * 255.0)).astype(np.uint8)
    return cut
