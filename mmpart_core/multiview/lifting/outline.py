"""What an outline tells about the shape: mirror symmetry, pieces, straight edges."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage

# Set by hand; not measured. How far a mirror axis may be from the middle, of the outline's width.
_AXIS_SEARCH = 0.03
_MOST_CORNERS = 6  # the outline of a box has four to six, from wherever it is seen
# Of the grid's longer side: patterns finer than this may differ between the halves.
_COLOR_BLUR = 0.03


@dataclass(frozen=True)
class Symmetry:
    """Mirror symmetry of an outline about an upright axis.

    Attributes:
        axis_px: column of the axis (the left edge of the first pixel is 0).
        outline_iou: overlap of the outline with its mirror image.
        color_difference: mean absolute sRGB difference between the halves, 0 to 1, blurred.
        filled: the outline's share of the outline with every row's gaps filled.
    """

    axis_px: float
    outline_iou: float
    color_difference: float
    filled: float


def measure_symmetry(mask: Bool[np.ndarray, "H W"], rgb: UInt8[np.ndarray, "H W 3"]) -> Symmetry:
    """Find the best upright mirror axis near the middle of an outline.

    Args:
        mask: the outline, not empty.
        rgb: sRGB colours on the same grid.
    """
    axis_px, outline_iou = mirror_axis(mask)
    twice = round(2.0 * axis_px)
    both = mask & mirrored(mask, twice)
    blur = max(0.5, _COLOR_BLUR * max(mask.shape))
    smooth = ndimage.gaussian_filter(rgb.astype(np.float32) / 255.0, (blur, blur, 0))
    difference = np.abs(smooth - mirrored(smooth, twice)).mean(axis=-1)
    return Symmetry(
        axis_px=axis_px,
        outline_iou=outline_iou,
        color_difference=float(difference[both].mean()) if both.any() else 1.0,
        filled=float(mask.sum() / _rows_filled(mask).sum()),
    )


def mirror_axis(mask: Bool[np.ndarray, "H W"]) -> tuple[float, float]:
    """The best upright mirror axis near the middle of an outline.

    Args:
        mask: the outline, not empty.

    Returns:
        Column of the axis (the left edge of the first pixel is 0), and the overlap of the outline
        with its mirror image.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    middle2, reach = int(columns[0] + columns[-1] + 1), int(_AXIS_SEARCH * len(columns)) + 1
    scores = {
        twice: _iou(mask, mirrored(mask, twice))
        for twice in range(middle2 - 2 * reach, middle2 + 2 * reach + 1)
    }
    twice = max(scores, key=lambda at: (scores[at], -abs(at - middle2)))
    return twice / 2.0, scores[twice]


def with_mirror_image(alpha: Float[np.ndarray, "H W"], symmetry: Symmetry) -> np.ndarray:
    """Coverage of a part and of its mirror image together, float as given, H by W.

    Args:
        alpha: coverage of the part.
        symmetry: its mirror axis.
    """
    return np.maximum(alpha, mirrored(alpha, round(2.0 * symmetry.axis_px)))


def straight_edged(mask: Bool[np.ndarray, "H W"]) -> float:
    """Overlap of an outline with the best convex polygon of few corners: near 1 for a box."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(contours))
    length = cv2.arcLength(hull, True)
    best = 0.0
    for tolerance in np.geomspace(0.005, 0.08, 24):
        polygon = cv2.approxPolyDP(hull, float(tolerance * length), True)
        if 3 <= len(polygon) <= _MOST_CORNERS:
            drawn = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [polygon], (1,))
            best = max(best, _iou(mask, drawn.astype(bool)))
    return best


def depth_inside(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Distance in pixels from each pixel inside a mask to the nearest outside it; 0 outside."""
    return np.asarray(ndimage.distance_transform_edt(mask), dtype=np.float64)


def mirrored(image: np.ndarray, twice_axis: int) -> np.ndarray:
    """An image (H, W or H, W, C) mirrored about column ``twice_axis / 2``; 0 from outside."""
    width = image.shape[1]
    source = twice_axis - 1 - np.arange(width)
    mirrored = image[:, np.clip(source, 0, width - 1)].copy()
    mirrored[:, (source < 0) | (source >= width)] = 0
    return mirrored


def _rows_filled(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """Each row filled from its first to its last pixel."""
    from_left = np.maximum.accumulate(mask, axis=1)
    from_right = np.maximum.accumulate(mask[:, ::-1], axis=1)[:, ::-1]
    return from_left & from_right


def _iou(first: Bool[np.ndarray, "H W"], second: Bool[np.ndarray, "H W"]) -> float:
    union = int((first | second).sum())
    return float((first & second).sum() / union) if union else 1.0
