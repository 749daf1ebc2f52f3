"""Matched keypoints between a drawn part and the source image: a start where there is texture."""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

_MAX_SIDE_PX = 640
_RATIO = 0.8  # Lowe's ratio of the nearest to the next descriptor (2004)
_REPROJECTION_PX = 3.0
_LEAST = 8  # matches that agree on one similarity


def match_keypoints(
    part: UInt8[np.ndarray, "h w 4"], source: UInt8[np.ndarray, "H W 3"]
) -> Float[np.ndarray, "3 3"] | None:
    """The similarity that most SIFT matches (Lowe 2004) agree on, by RANSAC.

    Args:
        part: the part alone, straight alpha.
        source: the source image.

    Returns:
        source_from_part in pixels, the top left pixel's centre at (0.5, 0.5); None where too few
        matches agree.
    """
    one, scale_one = _shrunk(part[..., :3])
    two, scale_two = _shrunk(source)
    mask = cv2.resize(part[..., 3], (one.shape[1], one.shape[0]), interpolation=cv2.INTER_AREA)
    sift = cv2.SIFT.create(nfeatures=1500)
    points_one, found_one = sift.detectAndCompute(one, (mask >= 250).astype(np.uint8))
    points_two, found_two = sift.detectAndCompute(two, np.full(two.shape, 255, np.uint8))
    if min(len(points_one), len(points_two)) < _LEAST:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(found_one, found_two, k=2)
    kept = [p[0] for p in pairs if len(p) == 2 and p[0].distance < _RATIO * p[1].distance]
    if len(kept) < _LEAST:
        return None
    # Keypoints have the top left pixel's centre at (0, 0).
    start = np.array([points_one[m.queryIdx].pt for m in kept]) + 0.5
    end = np.array([points_two[m.trainIdx].pt for m in kept]) + 0.5
    cv2.setRNGSeed(0)
    found, agreeing = cv2.estimateAffinePartial2D(
        start / scale_one, end / scale_two, ransacReprojThreshold=_REPROJECTION_PX / scale_two
    )
    if np.count_nonzero(agreeing) < _LEAST:
        return None
    return np.vstack([found, [0.0, 0.0, 1.0]])


def _shrunk(rgb: UInt8[np.ndarray, "H W 3"]) -> tuple[UInt8[np.ndarray, "h w"], float]:
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    scale = min(1.0, _MAX_SIDE_PX / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA)), scale
