"""Colour of whole images: conversions and change."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8


def lab_from_rgb(rgb: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W 3"]:
    """CIE L*a*b* (D65) of an sRGB image: L in [0, 100], a and b about [-128, 127].

    A difference of 2.3 is just noticeable.
    """
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return np.asarray(lab, dtype=np.float32)


def rgb_from_lab(lab: Float32[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W 3"]:
    """SRGB in [0, 1] of a CIE L*a*b* (D65) image; colours beyond it are clipped."""
    return np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0.0, 1.0).astype(np.float32)


def steepness(lab: Float32[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W"]:
    """Change of colour per pixel, in L*a*b* units."""
    across, down = cv2.Sobel(lab, cv2.CV_32F, 1, 0), cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    return (np.sqrt((across**2 + down**2).sum(axis=-1)) / 8.0).astype(np.float32)
