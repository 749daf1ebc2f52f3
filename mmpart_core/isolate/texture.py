"""Colours for the completed area of a part, and clean edges."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy import ndimage

from mmpart_core.images import morphology

# Set by hand on the examples; ``benchmarks/isolation.py`` gives the PSNR of the hidden colours, of
# all these together. Pixels are those of the image that was given.
# Detail is what differs from the mean over a Gaussian of this width; shading is wider.
_DETAIL_SIGMA_PX = 6.0
_ALPHA_SIGMA_PX = 0.7  # width of the Gaussian that softens an edge: about a pixel of antialiasing
# Next to a cut the part lies in the shadow of its cover. A band this wide (of the square root of
# the visible area; 2 to 40 pixels) gives no colours, but this share of the part must be left.
_SHADOW_BAND = 0.12
_LEAST_LIT = 0.3
# Width of the median filter that removes eyes and letters, of the square root of the lit area; it
# runs on a copy so small that this is so many pixels (odd, as OpenCV wants it).
_FEATURE = 0.35
_MEDIAN_PX = 15
_GRAIN = 3.0  # robust standard deviations of detail; beyond, it is a feature and no grain


def paint(
    rgb: UInt8[np.ndarray, "H W 3"],
    visible: Bool[np.ndarray, "H W"],
    imagined: Bool[np.ndarray, "H W"],
    mirror: Float[np.ndarray, "2 3"] | None,
    rim_px: int,
) -> Float32[np.ndarray, "H W 3"]:
    """Colour the part; its visible pixels stay as they are, save for the rim.

    The rim, where a photograph mixes the part with its surroundings, takes the nearest colour
    within. The completed area takes the mirror image's colours where there are any. Elsewhere its
    base colour is a smooth continuation of the visible colours, without small features (an eye is
    no colour to go on with) and without the band next to the cut, which lies in the shadow of
    what is in front. Its detail (what differs from the local mean) is that of the visible pixel as
    far on the other side of the cut, as strong as the part's grain at most.

    Args:
        rgb: the source image.
        visible: where the part is seen; not empty.
        imagined: where it was completed.
        mirror: from ``symmetry.find_mirror``.
        rim_px: width of the rim.

    Returns:
        Colours 0 to 255, of meaning where the part is and a few pixels around.
    """
    core = _without_rim(visible, rim_px)
    image = rgb.astype(np.float32)
    rows, columns = _nearest(core)
    painted = np.where(core[..., None], image, image[rows, columns])
    if not imagined.any():
        return painted
    lit = _out_of_shadow(core, visible, imagined)
    plain = _without_features(image, lit)
    base = fill_smoothly(plain, lit)
    detail = _reflected_detail(image, fill_smoothly(image, core), core, rows, columns)
    painted[imagined] = (base + detail)[imagined]
    if mirror is not None:
        size = (rgb.shape[1], rgb.shape[0])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        copied = np.asarray(cv2.warpAffine(image, mirror, size, flags=flags))
        seen = np.asarray(cv2.warpAffine(core.astype(np.float32), mirror, size, flags=flags)) > 0.99
        painted[imagined & seen] = copied[imagined & seen]
    return np.clip(painted, 0.0, 255.0).astype(np.float32)


def _out_of_shadow(
    core: Bool[np.ndarray, "H W"],
    visible: Bool[np.ndarray, "H W"],
    imagined: Bool[np.ndarray, "H W"],
) -> Bool[np.ndarray, "H W"]:
    """The core without a band next to the completed area; a narrower one where little is left."""
    away = np.asarray(ndimage.distance_transform_edt(~imagined))
    band = float(np.clip(_SHADOW_BAND * np.sqrt(visible.sum()), 2.0, 40.0))
    while band > 1.0:
        lit = core & (away > band)
        if lit.sum() > _LEAST_LIT * core.sum():
            return lit
        band /= 2.0
    return core


def _without_features(
    image: Float32[np.ndarray, "H W 3"], known: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W 3"]:
    """The image with small features of the part replaced by what surrounds them.

    A median filter about a third of the part wide, on a small copy that is filled beyond the part.
    """
    height, width = known.shape
    scale = min(1.0, _MEDIAN_PX / (_FEATURE * float(np.sqrt(known.sum()))))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    filled = image[_nearest(known)]
    small = np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_AREA))
    median = cv2.medianBlur(np.rint(small).astype(np.uint8), _MEDIAN_PX)
    large = cv2.resize(median.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, dtype=np.float32)


def _without_rim(visible: Bool[np.ndarray, "H W"], rim_px: int) -> Bool[np.ndarray, "H W"]:
    """The part without its rim, or as it is where it is hardly wider than that."""
    core = morphology.eroded(visible, rim_px)
    return core if core.sum() > 0.2 * visible.sum() else visible


def _nearest(mask: Bool[np.ndarray, "H W"]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the nearest true pixel."""
    indices = ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True)
    rows, columns = np.asarray(indices)
    return rows, columns


def fill_smoothly(
    image: Float32[np.ndarray, "H W C"], known: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W C"]:
    """Carry known colours into the rest, smoothly (the pull-push pyramid of Gortler et al. 1996).

    Args:
        image: colours.
        known: where they count; at least one pixel.
    """
    height, width = known.shape
    weight = known.astype(np.float32)[..., None]
    if known.all() or min(height, width) < 2:
        mean = (image * weight).sum(axis=(0, 1)) / max(float(weight.sum()), 1.0)
        return np.where(weight > 0, image, mean).astype(np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    total = _resized(weight, size)
    pulled = _resized(image * weight, size) / np.maximum(total, 1e-6)
    coarse = fill_smoothly(pulled, total[..., 0] > 1e-3)
    pushed = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))
    return np.where(weight > 0, image, pushed.reshape(image.shape)).astype(np.float32)


def _resized(
    values: Float32[np.ndarray, "H W C"], size: tuple[int, int]
) -> Float32[np.ndarray, "h w C"]:
    resized = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    return resized.reshape(size[1], size[0], values.shape[2])


def _reflected_detail(
    image: Float32[np.ndarray, "H W 3"],
    base: Float32[np.ndarray, "H W 3"],
    core: Bool[np.ndarray, "H W"],
    rows: np.ndarray,
    columns: np.ndarray,
) -> Float32[np.ndarray, "H W 3"]:
    height, width = core.shape
    local_mean = np.asarray(cv2.GaussianBlur(base, (0, 0), _DETAIL_SIGMA_PX))
    own_rows, own_columns = np.mgrid[0:height, 0:width]
    across_rows = np.clip(2 * rows - own_rows, 0, height - 1)
    across_columns = np.clip(2 * columns - own_columns, 0, width - 1)
    seen = core[across_rows, across_columns]
    difference = image - local_mean
    grain = _GRAIN * 1.4826 * float(np.median(np.abs(difference[core])))
    difference = np.clip(difference, -grain, grain)[across_rows, across_columns]
    return np.where(seen[..., None], difference, 0.0).astype(np.float32)


def soft_alpha(mask: Bool[np.ndarray, "H W"]) -> Float32[np.ndarray, "H W"]:
    """Alpha 0 to 1 of a mask, its edge softened by about a pixel; 1 within, 0 two pixels away."""
    blurred = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), _ALPHA_SIGMA_PX)
    return np.asarray(blurred, dtype=np.float32)
