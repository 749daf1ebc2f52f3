"""What of a view is plain ground: its colour, pixel by pixel, and what differs from it.

All distances are in CIE L*a*b* units (2.3 is just noticeable). Measured on 14 white and 2 grey
grids of Zero123++ v1.2: away from the object a white ground stays within 1 of its local mean, a
grey one within 2, but beside a dark object the decoder overshoots: grey ground glows there, up to
25 lighter and without an edge, and white ground is clipped at white, 3 to 4 lighter.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from mmpart_core.images import colour, morphology
from mmpart_core.images.background import estimate_background

_LEAST_DISTANCE = 3.0  # of an object, on ground that is clean
_SPREADS = 3.0  # the same in standard deviations of the ground, where it is not
# Windows that the local ground is averaged in, smallest first; and the share of the smallest's
# weight that must be ground for it to be used.
_WINDOWS_PX = (6.0, 18.0, 54.0, 160.0)
_LEAST_WINDOW_SHARE = 0.02
# Of ground beside a dark object: how much lighter it may be, of the ground's hue still.
_GLOW_LIGHTNESS, _GLOW_CHROMA = 28.0, 5.0
_GLOW_SLOPE = 1.6  # L*a*b* per pixel; the edge of an object is steeper
# From here the ground is all but white: a glow has no room there, and what is smooth and pale
# beside the ground is a pale object.
_WHITE_LIGHTNESS = 92.0
# Overexposed ground in corners of a dark object: how dark, how near, and how far it is followed.
_DARK, _DARK_PX, _CORNER_PX = 30.0, 4, 6
# The decoder draws all views of a grid at once: what is cut at a view's edge bleeds so far into
# its neighbour (seen on 5 of 16 grids).
_BLEED_PX = 5
_SPECK_SHARE, _SPECK_PX = 0.002, 16.0  # of the largest piece; and at least so many pixels


@dataclass(frozen=True)
class Ground:
    """The ground of one view.

    Attributes:
        rgb: expected colour of the ground at each pixel, sRGB in [0, 1].
        distance: of the view's colour from it, L*a*b* units.
        glow: what may be ground, overexposed beside a dark object: lighter, and of its hue.
        outside: ground that is seen beside the object, and not through it.
        threshold: distance from which a pixel is not ground.
    """

    rgb: Float32[np.ndarray, "H W 3"]
    distance: Float32[np.ndarray, "H W"]
    glow: Bool[np.ndarray, "H W"]
    outside: Bool[np.ndarray, "H W"]
    threshold: float


def find_ground(rgb: UInt8[np.ndarray, "H W 3"]) -> Ground:
    """Tell the ground beside an object from the object, by colour.

    A smooth surface through the view's border (``images.background``, robust against an object
    that is cut there) finds sure ground, whose local mean is then what pixels are compared with.

    Args:
        rgb: one view, sRGB.
    """
    lab = colour.lab_from_rgb(rgb)
    border = border_of(*lab.shape[:2])
    model = estimate_background(lab)
    threshold = max(_LEAST_DISTANCE, _SPREADS * model.spread)
    sure = morphology.touching(model.distance < threshold, border)
    local = _local_mean(lab, morphology.eroded(sure, 1) if sure.any() else border)
    distance = np.linalg.norm(lab - local, axis=-1).astype(np.float32)
    outside = morphology.touching(distance < threshold, border)
    chroma = np.linalg.norm((lab - local)[..., 1:], axis=-1)
    lighter = (lab - local)[..., 0]
    glow = (lighter > 0.0) & (lighter < _GLOW_LIGHTNESS) & (chroma < _GLOW_CHROMA)
    if float(np.median(local[..., 0])) < _WHITE_LIGHTNESS:
        outside = _into_glow(outside, lab, glow)
    outside = ~_without_specks(~outside)
    return Ground(colour.rgb_from_lab(local), distance, glow, outside, threshold)


def without_corners(mask: Bool[np.ndarray, "H W"], ground: Ground) -> Bool[np.ndarray, "H W"]:
    """An object's mask without overexposed ground in its dark corners.

    Args:
        mask: what is not ground so far.
        ground: of the same view.
    """
    near_dark = morphology.dilated(mask & (ground.distance > _DARK), _DARK_PX)
    room = mask & ground.glow & near_dark
    return mask & ~morphology.grown_within(~mask, room, _CORNER_PX)


def border_of(height: int, width: int) -> Bool[np.ndarray, "H W"]:
    """The outermost pixels of an image."""
    border = np.ones((height, width), dtype=bool)
    border[1:-1, 1:-1] = False
    return border


def _local_mean(
    lab: Float32[np.ndarray, "H W 3"], sure: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "H W 3"]:
    """Mean colour of sure ground around each pixel, in the smallest window that holds enough."""
    mean = np.zeros_like(lab)
    known = np.zeros(sure.shape, dtype=bool)
    weight = sure.astype(np.float32)
    for sigma_px in _WINDOWS_PX:
        total = np.asarray(cv2.GaussianBlur(weight, (0, 0), sigma_px))
        summed = np.asarray(cv2.GaussianBlur(lab * weight[..., None], (0, 0), sigma_px))
        use = ~known & (total > _LEAST_WINDOW_SHARE)
        mean[use] = summed[use] / total[use, None]
        known |= use
    if not known.all():
        mean[~known] = np.median(lab[sure], axis=0)
    return mean


def _into_glow(
    outside: Bool[np.ndarray, "H W"],
    lab: Float32[np.ndarray, "H W 3"],
    glow: Bool[np.ndarray, "H W"],
) -> Bool[np.ndarray, "H W"]:
    """Let the ground flow on over soft gradients of lightness."""
    smooth = np.asarray(cv2.GaussianBlur(lab, (0, 0), 1.0))
    soft = glow & (colour.steepness(smooth) < _GLOW_SLOPE)
    flow = morphology.opened(soft | outside, 1) | outside
    reached = morphology.touching(flow, outside)
    # Back to the full width of soft ground, which the opening shrank at corners.
    return morphology.grown_within(reached, glow, 2)


def _without_specks(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """An object's mask without dust, and without what bleeds over from the next view."""
    inner = np.zeros_like(mask)
    inner[_BLEED_PX:-_BLEED_PX, _BLEED_PX:-_BLEED_PX] = True
    mask = morphology.touching(mask, inner)
    if not mask.any():
        return mask
    least_px = max(_SPECK_PX, _SPECK_SHARE * morphology.largest_piece_px(mask))
    return morphology.without_specks(mask, least_px)
