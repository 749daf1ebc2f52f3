"""Colour conversions of whole images."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8


def lab_from_rgb(rgb: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W 3"]:
    """CIE L*a*b* (D65) of an sRGB image: L in [0, 100], a and b about [-128, 127].

    A difference of 2.3 is just noticeable.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return np.asarray(lab, dtype=np.float32)
