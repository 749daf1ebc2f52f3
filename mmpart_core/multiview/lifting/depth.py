"""How deep a part is, judged by its outline alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from mmpart_core.multiview.lifting.outline import depth_inside

# Depth over width of the 176 parts, in 46 known objects, of which at least 5 % is seen from 20
# degrees above: the median is 1.00 seen from azimuth 0, 30, 60 and 90 alike (quartiles 0.84 and
# 1.15 at 30), and height, area and inscribed circle tell next to nothing more (left-out objects:
# error of log depth 0.294 from width alone, 0.288 at best). ``benchmarks/lifting.py --priors``.
DEPTH_TO_WIDTH = 1.0
# Length over thickness of a strip: from the first on a part may be a bar, from the second on it is
# one and as deep as it is thick. A disc has 0.8, a hat about 2, a bent arm 4 to 6.
_MAYBE_BAR, _BAR = 3.0, 6.0


@dataclass(frozen=True)
class DepthGuess:
    """Depth of a part.

    Attributes:
        half_depth_px: half of it, in pixels of the outline's grid.
        to_width: the depth over the outline's width.
        slenderness: length over thickness, were the outline a strip.
    """

    half_depth_px: float
    to_width: float
    slenderness: float


def guess_depth(mask: Bool[np.ndarray, "H W"], depth_to_width: float) -> DepthGuess:
    """Depth of a part from its outline: that of its width, for bars that of their thickness.

    Args:
        mask: the outline, not empty.
        depth_to_width: depth over width of a compact part; depth over thickness of a bar.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    width = float(columns[-1] + 1 - columns[0])
    thickness = min(2.0 * float(depth_inside(mask).max()), width)
    slenderness = float(mask.sum()) / thickness**2
    bar = np.clip(np.log(slenderness / _MAYBE_BAR) / np.log(_BAR / _MAYBE_BAR), 0.0, 1.0)
    depth = depth_to_width * width ** (1.0 - bar) * thickness**bar
    return DepthGuess(float(depth) / 2.0, float(depth) / width, slenderness)
