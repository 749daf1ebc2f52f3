"""Masks as signed distances to their rim."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

FOREGROUND = 128  # alpha from which a pixel counts: half of 255


def resized_mask(mask: Bool[np.ndarray, "H W"], shape: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """A mask of so many rows and columns; a pixel is set where at least half of it was."""
    if mask.shape == shape:
        return mask
    share = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return share >= 0.5


def rim_distance(inside: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Signed distance in pixels from pixel centres to a mask's rim, negative inside; float64.

    Euclidean distance transforms of both sides; the rim runs halfway between pixel centres. Of a
    mask that is empty or full, which has no rim, they mean nothing.
    """
    outward = np.asarray(ndimage.distance_transform_edt(~inside))
    inward = np.asarray(ndimage.distance_transform_edt(inside))
    return np.where(inside, 0.5 - inward, outward - 0.5)


def silhouette_distance(alpha: UInt8[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """As ``rim_distance``, sub-pixel at the rim; float32.

    Within a pixel of the rim, where antialiased coverage says more than the pixel raster, it is
    ``0.5 - coverage``.
    """
    signed = rim_distance(alpha >= FOREGROUND)
    coverage = alpha.astype(np.float64) / 255.0
    partial = (alpha > 0) & (alpha < 255) & (np.abs(signed) < 1.0)
    return np.where(partial, 0.5 - coverage, signed).astype(np.float32)
