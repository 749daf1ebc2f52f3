"""What is wrong with a generator's views, done to true ones; seeded, so that methods share it.

The kinds are those seen on real Zero123++ grids: views that disagree by some pixels, a view of
something else, and mattes that are off by a pixel and take enclosed background for the part.
"""

import zlib

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy import ndimage

from benchmarks.reconstruction.condition import Condition

SHIFT_PX = 1.0
SCALE = 0.006
MATTE_PX = 1.0
GREY = 127.0
_REFERENCE_PX = 320.0
_SMOOTH_SHARE = 0.08  # of the image: how slowly a displacement changes
_MATTE_SMOOTH_SHARE = 0.02


def degrade(
    rgba: UInt8[np.ndarray, "N H W 4"],
    other: UInt8[np.ndarray, "N H W 4"] | None,
    condition: Condition,
    name: str,
    seed: int,
) -> UInt8[np.ndarray, "N H W 4"]:
    """The views as the condition spoils them; true ones where it does not, and of the input.

    Args:
        rgba: true views.
        other: another part's, for ``wrong_view=other``.
        condition: what is wrong.
        name: of the part; each is spoilt in its own way.
        seed: equal seeds spoil alike.
    """
    rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
    views, given = rgba[: condition.views].copy(), rgba[condition.views :]
    wrong = int(rng.integers(len(views)))
    if condition.wrong_view == "mirrored":
        views[wrong] = views[wrong][:, ::-1]
    elif condition.wrong_view == "other" and other is not None:
        views[wrong] = other[wrong]
    if condition.warp_px > 0.0:
        views = np.stack([warped(view, condition.warp_px, rng) for view in views])
    if condition.grey:
        views = np.stack([matted(view, rng) for view in views])
    return np.concatenate([views, given])


def warped(
    rgba: UInt8[np.ndarray, "H W 4"], amplitude_px: float, rng: np.random.Generator
) -> UInt8[np.ndarray, "H W 4"]:
    """A view displaced by a smooth field, shifted and scaled.

    Args:
        rgba: straight alpha.
        amplitude_px: length of the largest displacement in a view of 320 px; shift (1 px, any
            direction) and scale (0.6 %, larger or smaller) come on top.
        rng: where field, direction and sign come from.
    """
    height, width = rgba.shape[:2]
    per_px = width / _REFERENCE_PX
    field = np.stack([_smooth_noise(rgba, _SMOOTH_SHARE, rng) for _ in range(2)])
    field *= amplitude_px * per_px / np.linalg.norm(field, axis=0).max()
    angle, sign = rng.uniform(0.0, 2.0 * np.pi), rng.choice((-1.0, 1.0))
    shift = SHIFT_PX * per_px * np.array([np.cos(angle), np.sin(angle)])
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    factor = 1.0 + sign * SCALE
    x = (columns - width / 2.0) * factor + width / 2.0 + shift[0] + field[0]
    y = (rows - height / 2.0) * factor + height / 2.0 + shift[1] + field[1]
    value = rgba.astype(np.float32)
    value[..., :3] *= value[..., 3:] / 255.0
    moved = cv2.remap(
        value, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    moved[..., :3] /= np.maximum(moved[..., 3:], 0.5) / 255.0
    return np.rint(moved.clip(0.0, 255.0)).astype(np.uint8)


def matted(
    rgba: UInt8[np.ndarray, "H W 4"], rng: np.random.Generator
) -> UInt8[np.ndarray, "H W 4"]:
    """A view laid on grey and cut out again, imperfectly.

    The outline is off by ``MATTE_PX`` pixels of a 320 px view (root mean square), inward or
    outward, smoothly along it; enclosed background is taken for the part; colours at the rim have
    grey in them.
    """
    per_px = rgba.shape[1] / _REFERENCE_PX
    coverage = rgba[..., 3:].astype(np.float64) / 255.0
    colors = rgba[..., :3] * coverage + GREY * (1.0 - coverage)
    solid = np.asarray(ndimage.binary_fill_holes(rgba[..., 3] >= 128))
    inward = np.asarray(ndimage.distance_transform_edt(solid)) - 0.5
    outward = np.asarray(ndimage.distance_transform_edt(~solid)) - 0.5
    noise = _smooth_noise(rgba, _MATTE_SMOOTH_SHARE, rng)
    distance = np.where(solid, inward, -outward) + MATTE_PX * per_px * noise / noise.std()
    alpha = (distance + 0.5).clip(0.0, 1.0)
    return np.rint(np.dstack([colors, 255.0 * alpha])).astype(np.uint8)


def _smooth_noise(
    like: UInt8[np.ndarray, "H W 4"], share: float, rng: np.random.Generator
) -> Float[np.ndarray, "H W"]:
    """Gaussian noise that changes slowly; share of the width is its standard deviation."""
    height, width = like.shape[:2]
    return np.asarray(ndimage.gaussian_filter(rng.standard_normal((height, width)), share * width))
