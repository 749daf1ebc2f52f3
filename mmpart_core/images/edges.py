"""Moves the borders of a coarse segmentation to the edges of a finer image."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int32

# Share of a Gaussian window from which a label counts: a straight border reaches 3 widths far.
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
        own = labels == label
        window = _window(band & own, 4 * radius_px)
        distance = _local_distance(own[window], band[window], lab[window], radius_px)
        closer = band[window] & (distance < best[window])
        best[window][closer] = distance[closer]
        snapped[window][closer] = label
    return np.where(band, smooth_labels(snapped, 0.5 * radius_px + 0.5), snapped).astype(np.int32)


def smooth_labels(labels: Int32[np.ndarray, "H W"], sigma_px: float) -> Int32[np.ndarray, "H W"]:
    """Give each pixel to the label that fills most of a Gaussian window around it."""
    best = np.zeros(labels.shape, np.float32)
    smoothed = labels.copy()
    margin = 1 + round(3 * sigma_px)
    for label in np.unique(labels):
        own = labels == label
        window = _window(own, margin)
        share = np.asarray(cv2.GaussianBlur(own[window].astype(np.float32), (0, 0), sigma_px))
        more = share > best[window]
        best[window][more] = share[more]
        smoothed[window][more] = label
    return smoothed


def _window(mask: Bool[np.ndarray, "H W"], margin_px: int) -> tuple[slice, slice]:
    """The bounding box of a mask, a margin wider."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin_px, 0), int(rows[-1]) + margin_px + 1),
        slice(max(int(columns[0]) - margin_px, 0), int(columns[-1]) + margin_px + 1),
    )


def _local_distance(
    labelled: Bool[np.ndarray, "H W"],
    band: Bool[np.ndarray, "H W"],
    lab: Float32[np.ndarray, "H W 3"],
    radius_px: int,
) -> Float32[np.ndarray, "H W"]:
    """Distance of each pixel's colour to the label's colour around it; infinite far from it.

    Structures thinner than the band have no pixels outside it; theirs are used instead.
    """
    core_mean, core_total = _window_mean(labelled & ~band, lab, radius_px)
    all_mean, all_total = _window_mean(labelled, lab, radius_px)
    mean = np.where((core_total > _MIN_WEIGHT)[..., None], core_mean, all_mean)
    distance = np.linalg.norm(lab - mean, axis=-1)
    return np.where(all_total > _MIN_WEIGHT, distance, np.inf).astype(np.float32)


def _window_mean(
    mask: Bool[np.ndarray, "H W"], lab: Float32[np.ndarray, "H W 3"], radius_px: int
) -> tuple[Float32[np.ndarray, "H W 3"], Float32[np.ndarray, "H W"]]:
    weight = mask.astype(np.float32)
    total = np.asarray(cv2.GaussianBlur(weight, (0, 0), float(radius_px)), dtype=np.float32)
    mean = np.asarray(cv2.GaussianBlur(lab * weight[..., None], (0, 0), float(radius_px)))
    return (mean / np.maximum(total, _MIN_WEIGHT)[..., None]).astype(np.float32), total
