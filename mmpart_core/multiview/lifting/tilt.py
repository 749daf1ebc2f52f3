"""How far a part leans sideways in the image, told by the mirror symmetry of its outline."""

import cv2
import numpy as np
from jaxtyping import Bool

from mmpart_core.multiview.lifting.outline import mirror_axis

# Beyond this a part lies rather than leans, and a mirror axis may as well be that of a flat shape.
# By hand.
MOST_TILT_DEG = 25.0
# The outline is turned step by step at a small size, then around the best at twice that: a step is
# about what moves its rim by a pixel, and by half of one.
_COARSE_PX, _COARSE_STEP_DEG = 96, 1.0
_FINE_PX, _FINE_STEP_DEG = 192, 0.25


def find_tilt(mask: Bool[np.ndarray, "H W"]) -> float:
    """Direction of the best mirror axis of an outline, in degrees from upright, clockwise.

    Of axes that do equally well the most upright is taken: a disc does not lean.

    Args:
        mask: the outline, not empty.
    """
    coarse = np.arange(-MOST_TILT_DEG, MOST_TILT_DEG + 0.5, _COARSE_STEP_DEG)
    start = _best_tilt(mask, coarse, _COARSE_PX)
    fine = start + np.arange(-_COARSE_STEP_DEG, _COARSE_STEP_DEG + 0.1, _FINE_STEP_DEG)
    return _best_tilt(mask, fine, _FINE_PX)


def _best_tilt(mask: Bool[np.ndarray, "H W"], tried_deg: np.ndarray, size_px: int) -> float:
    """The tilt that, undone, makes the outline most like its mirror image."""
    scores = [mirror_axis(_turned(mask, float(tilt), size_px))[1] for tilt in tried_deg]
    # Steps of the grid make scores differ a little where the outlines do not.
    best = np.flatnonzero(np.array(scores) >= max(scores) - 0.5 / size_px)
    return float(tried_deg[best[np.abs(tried_deg[best]).argmin()]])


def _turned(mask: Bool[np.ndarray, "H W"], tilt_deg: float, size_px: int) -> np.ndarray:
    """The outline turned counter-clockwise about its middle, bool, on a grid of its own."""
    rows, columns = np.nonzero(mask)
    middle = (columns.min() + columns.max()) / 2.0, (rows.min() + rows.max()) / 2.0
    reach = float(np.hypot(columns - middle[0], rows - middle[1]).max()) + 1.0
    turn = cv2.getRotationMatrix2D(middle, tilt_deg, (size_px / 2.0 - 1.0) / reach)
    turn[:, 2] += size_px / 2.0 - np.array(middle)
    return cv2.warpAffine(mask.astype(np.float32), turn, (size_px, size_px)) >= 0.5
