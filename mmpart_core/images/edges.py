"""Moves the borders of a coarse segmentation to the edges of a finer image."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32
from scipy import ndimage

_MIN_WEIGHT = 1e-3


def border_band(labels: Int32[np.ndarray, "H W"], radius_px: int) -> Bool[np.ndarray, "H W"]:
    """Pixels at most ``radius_px`` from a border between two labels."""
    size = 2 * radius_px + 1
    kernel = np.ones((size, size), np.uint8)
    wide = labels.astype(np.float32)  # OpenCV's morphology knows no 32-bit integers
    return cv2.dilate(wide, kernel) != cv2.erode(wide, kernel)


def snap_labels(
    labels: Int32[np.ndarray, "H W"], lab: Float32[np.ndarray, "H W 3"], radius_px: int
) -> Int32[np.ndarray, "H W"]:
    """Give each pixel near a border to the label whose local colour it resembles most.

    The local colour of a label is its mean in a Gaussian window, over pixels outside the band. A
    label that does not reach a pixel's window cannot win it, so labels grow by the band at most.

    Args:
        labels: one label per pixel.
        lab: the image in L*a*b*.
        radius_px: half the width of the band that may change.

    Returns:
        Labels; unchanged outside the band.
    """
    if radius_px < 1:
        return labels
    band = border_band(labels, radius_px)
    if not band.any():
        return labels
    best = np.full(labels.shape, np.inf, np.float32)
    snapped = labels.copy()
    for label in np.unique(labels[band]):
        own = (labels == label) & ~band
        near = ndimage.find_objects((band & (labels == label)).astype(np.int32))
        if not near or near[0] is None:
            continue
        window = _grown(near[0], 4 * radius_px, labels.shape)
        distance = _local_distance(own[window], lab[window], radius_px)
        closer = band[window] & (distance < best[window])
        best[window][closer] = distance[closer]
        snapped[window][closer] = label
    return snapped


def _grown(
    window: tuple[slice, ...], by_px: int, shape: tuple[int, ...]
) -> tuple[slice, slice]:
    rows, columns = window
    return (
        slice(max(rows.start - by_px, 0), min(rows.stop + by_px, shape[0])),
        slice(max(columns.start - by_px, 0), min(columns.stop + by_px, shape[1])),
    )


def _local_distance(
    own: Bool[np.ndarray, "H W"], lab: Float32[np.ndarray, "H W 3"], radius_px: int
) -> Float32[np.ndarray, "H W"]:
    """Distance of each pixel's colour to the label's colour around it; infinite far from it."""
    weight = own.astype(np.float32)
    sigma = float(radius_px)
    total = cv2.GaussianBlur(weight, (0, 0), sigma)
    mean = cv2.GaussianBlur(lab * weight[..., None], (0, 0), sigma)
    mean /= np.maximum(total, _MIN_WEIGHT)[..., None]
    distance = np.linalg.norm(lab - mean, axis=-1)
    return np.where(total > _MIN_WEIGHT, distance, np.inf).astype(np.float32)
