"""sRGB and linear light (IEC 61966-2-1): glTF colours are linear, its textures sRGB."""

import numpy as np
from jaxtyping import Float, UInt8


def linear_from_srgb(values: UInt8[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Linear light in [0, 1], float64, of 8-bit sRGB values."""
    scaled = values.astype(np.float64) / 255.0
    return np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(values: Float[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    """8-bit sRGB values of linear light; values outside [0, 1] are clipped."""
    clipped = np.clip(values, 0.0, 1.0)
    curved = np.where(clipped <= 0.0031308, clipped * 12.92, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.rint(curved * 255.0).astype(np.uint8)


def linear_rgba(srgb: UInt8[np.ndarray, "*S 4"]) -> Float[np.ndarray, "*S 4"]:
    """Linear colour with alpha, which has no curve."""
    alpha = srgb[..., 3:].astype(np.float64) / 255.0
    return np.concatenate([linear_from_srgb(srgb[..., :3]), alpha], axis=-1)


def srgb_rgba(linear: Float[np.ndarray, "*S 4"]) -> UInt8[np.ndarray, "*S 4"]:
    """8-bit sRGB colour with alpha, which has no curve."""
    alpha = np.rint(np.clip(linear[..., 3:], 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.concatenate([srgb_from_linear(linear[..., :3]), alpha], axis=-1)
