"""Soft rims: how much of a pixel is object, and which colour that object has.

Ground is plain and known at every pixel, so the matting equation ``C = a F + (1 - a) B`` (Porter
and Duff, 1984) has one unknown colour, not two: F is taken from the object beside the rim and a
follows by projection on the line from B to F, as in the first step of Bayesian matting (Chuang et
al., 2001). Mixing happens in sRGB, where the generator's pictures were resampled. A general
matting solver would have to guess B anew, where here it is measured.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from mmpart_core.images import morphology

# A rim is a pixel wide in the generator's pictures, and its decoder smears it by another.
_RIM_PX = 2
_WINDOW_PX = 2.5  # width of the window that the object's colour is averaged in
# sRGB distance of object and ground below which a pixel's mixture cannot be read off its colour.
_LEAST_CONTRAST = 0.12
_LEAST_ALPHA = 0.04  # below: nothing but noise of the ground


def unmix(
    rgb: UInt8[np.ndarray, "H W 3"],
    ground: Float32[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
) -> UInt8[np.ndarray, "H W 4"]:
    """Give a mask a soft rim and take the ground's share out of the rim's colours.

    Args:
        rgb: the view, sRGB.
        ground: expected colour of the ground at each pixel, sRGB in [0, 1].
        mask: where the object is; its rim may lie a pixel outside the object, not inside.

    Returns:
        sRGB with straight alpha. Where nothing of the object is, the colour is that of the
        object next to it, so that interpolation brings no ground back.
    """
    mixed = rgb.astype(np.float32) / 255.0
    core = morphology.eroded(mask, _RIM_PX)
    object_rgb = _object_colour(mixed, ground, mask, core)
    span = object_rgb - ground
    contrast = np.linalg.norm(span, axis=-1)
    read = ((mixed - ground) * span).sum(axis=-1) / np.maximum(contrast**2, 1e-6)
    smooth = np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.6))
    trust = np.clip(contrast / _LEAST_CONTRAST - 1.0, 0.0, 1.0)
    alpha = np.clip(trust * read + (1.0 - trust) * smooth, 0.0, 1.0)
    alpha = np.where(core, 1.0, np.where(mask, alpha, 0.0))
    alpha[alpha < _LEAST_ALPHA] = 0.0
    pure = (mixed - (1.0 - alpha[..., None]) * ground) / np.maximum(alpha, 0.25)[..., None]
    # The less of a pixel is object, the more its own colour is noise divided by little.
    own = np.clip(2.0 * alpha - 0.5, 0.0, 1.0)[..., None]
    colour = np.clip(own * pure + (1.0 - own) * object_rgb, 0.0, 1.0)
    return np.rint(np.dstack([colour, alpha]) * 255.0).astype(np.uint8)


def _object_colour(
    mixed: Float32[np.ndarray, "H W 3"],
    ground: Float32[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
    core: Bool[np.ndarray, "H W"],
) -> Float32[np.ndarray, "H W 3"]:
    """The object's colour beside each pixel: mean of its core, or of a thin part's purest pixels.

    Far from both it is that of the nearest pixel that has one.
    """
    strength = np.linalg.norm(mixed - ground, axis=-1)
    least = np.asarray(cv2.dilate(strength * mask, np.ones((5, 5), np.uint8)))
    pure = (mask & (strength >= 0.8 * least)).astype(np.float32)
    # A core pixel outweighs all that a thin part's pixels in the window can add.
    weight = np.where(core, 1.0, 0.02 * pure).astype(np.float32)
    total = np.asarray(cv2.GaussianBlur(weight, (0, 0), _WINDOW_PX))
    summed = np.asarray(cv2.GaussianBlur(mixed * weight[..., None], (0, 0), _WINDOW_PX))
    known = total > 1e-5
    colour = summed / np.maximum(total, 1e-5)[..., None]
    if not known.any():
        return mixed
    nearest = np.asarray(ndimage.distance_transform_edt(~known, None, False, True))
    return colour[nearest[0], nearest[1]].astype(np.float32)
