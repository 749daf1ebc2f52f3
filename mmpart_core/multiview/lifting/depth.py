"""How deep a part is, judged by its outline alone."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.multiview.lifting.outline import depth_inside

# Depth over width of the 176 parts, in 46 known objects, of which at least 5 % is seen from 20
# degrees above: the median is 1.00 seen from azimuth 0, 30, 60 and 90 alike (quartiles 0.84 and
# 1.15 at 30), and height, area and inscribed circle tell next to nothing more (left-out objects:
# error of log depth 0.294 from width alone, 0.288 at best). ``benchmarks/lifting.py --priors``.
DEPTH_TO_WIDTH = 1.0
# Length over mean thickness of a strip: from the first on a part may be a bar, from the second on
# it is one and as deep as it is thick. A disc has 1.8, a square 2.2, hats 2.6 to 4.5, knives and
# bent arms 7 to 9. The rule keeps swords from becoming shields; it costs where a bar is seen
# aslant. The two numbers are set by hand between those.
_MAYBE_BAR, _BAR = 5.0, 8.0


@dataclass(frozen=True)
class Piece:
    """One connected piece of an outline.

    Attributes:
        mask: where it is.
        half_depth_px: half its depth, in pixels of the outline's grid.
        to_width: the depth over the piece's width.
        slenderness: length over thickness, were the piece a strip.
    """

    mask: Bool[np.ndarray, "H W"]
    half_depth_px: float
    to_width: float
    slenderness: float


def guess_depths(mask: Bool[np.ndarray, "H W"], depth_to_width: float) -> list[Piece]:
    """Depth of each piece of an outline: its own width, or for bars its thickness.

    Two arms far apart are each as deep as one arm is wide.

    Args:
        mask: the outline, not empty.
        depth_to_width: depth over width of a compact piece; depth over thickness of a bar.

    Returns:
        The pieces, the deepest first.
    """
    count, numbers = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    inside = depth_inside(mask)
    pieces = [
        _piece(np.asarray(numbers == number), inside, depth_to_width) for number in range(1, count)
    ]
    return sorted(pieces, key=lambda piece: -piece.half_depth_px)


def _piece(
    mask: Bool[np.ndarray, "H W"], inside: Float[np.ndarray, "H W"], depth_to_width: float
) -> Piece:
    columns = np.flatnonzero(mask.any(axis=0))
    width = float(columns[-1] + 1 - columns[0])
    thickest = min(2.0 * float(inside[mask].max()), width)
    # Over a strip the distance to the outline is on average a quarter of its thickness.
    slenderness = float(mask.sum()) / (4.0 * float(inside[mask].mean())) ** 2
    bar = np.clip(np.log(slenderness / _MAYBE_BAR) / np.log(_BAR / _MAYBE_BAR), 0.0, 1.0)
    depth = depth_to_width * width ** (1.0 - bar) * thickest**bar
    return Piece(mask, float(depth) / 2.0, float(depth) / width, slenderness)
