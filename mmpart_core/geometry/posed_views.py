"""Posed images in memory."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from mmpart_core.records import Camera


@dataclass(frozen=True)
class PosedViews:
    """Views of one thing with their cameras; all of one size.

    Attributes:
        rgba: uint8 sRGB with straight alpha.
        cameras: one per view, in the thing's frame.
    """

    rgba: UInt8[np.ndarray, "N H W 4"]
    cameras: tuple[Camera, ...]
