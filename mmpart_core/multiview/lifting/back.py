"""What a part looks like from behind, from its front: what reaches the outline goes round."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage
from scipy.cluster import hierarchy, vq
from skimage import measure

from mmpart_core.multiview.lifting.outline import depth_inside

# Set by hand on the examples, by the looks of their backs; not measured.
# Side of the copy that is cut into areas; pixels are its pixels.
_SEGMENTED_PX = 128
# Colours are gathered around so many centres; centres nearer than this (CIELAB, lightness at the
# given weight, so that shading parts nothing) are one colour, in chains.
_CENTERS = 12
_ONE_COLOR = 13.0
_LIGHTNESS_WEIGHT = 0.6
# An area reaches the outline if, of a strip along the rim as long as the area is thick, at least
# this share belongs to it: a band's two ends do, a corner of an eye does not.
_LEAST_CONTACT = 0.6
# Areas no thicker than this (half) are a mark of the front only if this share of what is around
# them is one other area; else they are the blend along a drawn edge.
_SLIVER_PX, _SURROUNDED = 1.0, 0.75
_RIM = 0.02  # of the side: width of the strip along the outline
_BLUR = 0.01  # of the side: width of the Gaussian over the back
# Width, over the longer side, over which the front's colours give way to the back's.
_SEAM = 0.04


def plain_back(
    rgb: UInt8[np.ndarray, "H W 3"], mask: Bool[np.ndarray, "h w"]
) -> UInt8[np.ndarray, "H W 3"]:
    """Colours of the back, in the place of the front point that covers each.

    Bands, stripes and large areas run to the outline and go on behind it. An area inside the
    outline that does not reach it (an eye, a mouth, letters) belongs to the front alone: it is
    filled with what surrounds it. What remains is blurred a little; at the outline the front's
    own colours stay, so that no seam shows.

    Args:
        rgb: sRGB colours of the front, extended beyond the outline.
        mask: the outline, on a grid that may be coarser.
    """
    size = (_SEGMENTED_PX, _SEGMENTED_PX)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    inside: Bool[np.ndarray, "h w"] = np.asarray(share) >= 0.5
    if not inside.any():
        return rgb
    depth = depth_inside(inside)
    front_only = _front_only(_areas(small, inside), inside, depth)
    # Drawn edges fade over a pixel or two: the fringe goes with the area.
    grown = np.asarray(ndimage.binary_dilation(front_only, iterations=2), dtype=np.bool_)
    hidden = (grown & (depth > 1.0)) | ~inside
    if hidden.all():
        return rgb
    filled = _filled(small.astype(np.float32), hidden)
    filled = ndimage.gaussian_filter(filled, (_BLUR * size[0], _BLUR * size[0], 0))
    shape = (rgb.shape[1], rgb.shape[0])
    back = cv2.resize(filled, shape, interpolation=cv2.INTER_LINEAR)
    share = np.clip(depth / (_SEAM * size[0]), 0.0, 1.0).astype(np.float32)
    share = cv2.resize(share, shape, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.rint(np.clip(share * back + (1.0 - share) * rgb, 0.0, 255.0)).astype(np.uint8)


def _areas(
    rgb: UInt8[np.ndarray, "H W 3"], inside: Bool[np.ndarray, "H W"]
) -> Int[np.ndarray, "H W"]:
    """Number of the connected area of one colour that each pixel belongs to; 0 outside."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    points = lab[inside].astype(np.float64) * np.array([_LIGHTNESS_WEIGHT, 1.0, 1.0])
    # A grain far below what is seen keeps evenly coloured parts from being one point.
    points += np.random.default_rng(0).normal(0.0, 1e-3, points.shape)
    count = min(_CENTERS, len(points))
    centers, label = vq.kmeans2(points, count, minit="++", rng=0)
    color = np.ones(count, dtype=np.int64)
    if count > 1:
        color = hierarchy.fcluster(hierarchy.linkage(centers), _ONE_COLOR, "distance")
    image = np.zeros(inside.shape, dtype=np.int64)
    image[inside] = color[label]
    return np.asarray(measure.label(image, background=0, connectivity=2), dtype=np.int64)


def _front_only(
    areas: Int[np.ndarray, "H W"], inside: Bool[np.ndarray, "H W"], depth: Float[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """Areas that do not reach the outline."""
    count = int(areas.max()) + 1
    width = max(1.5, _RIM * len(areas))
    rim = inside & np.asarray(depth <= width)
    contact = np.bincount(areas[rim], minlength=count)
    own = np.array([depth_inside(areas == number).max() for number in range(count)])
    reaches = contact >= np.maximum(_LEAST_CONTACT * 2.0 * own * width, 2.0)
    thin = np.flatnonzero(~reaches & (own <= _SLIVER_PX))
    reaches[thin] = [not _surrounded(areas, inside, int(number)) for number in thin]
    return inside & ~reaches[areas]


def _surrounded(
    areas: Int[np.ndarray, "H W"], inside: Bool[np.ndarray, "H W"], number: int
) -> bool:
    """Whether one other area lies all around: a thin mark, not the blend along a drawn edge."""
    own = areas == number
    around = np.asarray(ndimage.binary_dilation(own, iterations=2), dtype=np.bool_) & ~own & inside
    return bool(around.any()) and bool(
        np.bincount(areas[around]).max() >= _SURROUNDED * around.sum()
    )


def _filled(
    colors: Float[np.ndarray, "H W 3"], hidden: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "H W 3"]:
    """Colours with hidden pixels filled from around them, nearest first, then evened out."""
    rows, columns = np.asarray(
        ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    )
    filled = colors[rows, columns]
    for _ in range(12):
        filled[hidden] = cv2.blur(filled, (5, 5))[hidden]
    return filled
