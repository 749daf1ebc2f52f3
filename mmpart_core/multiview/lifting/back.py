"""What a part looks like from behind, from its front: what reaches the outline goes round."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from scipy import ndimage
from skimage import segmentation

from mmpart_core.multiview.lifting.outline import depth_inside

_SEGMENTED_PX = 128
# Scale of the graph segmentation: how different an area's rim must be for its size.
_AREA_SCALE = 60.0
_SMALLEST_PX = 6
# An area reaches the outline if this share of its circumference (that of a square of its area) or
# more lies within the rim.
_LEAST_CONTACT = 0.12
_RIM = 0.02
_BLUR = 0.01
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
    inside = np.asarray(share >= 0.5, dtype=np.bool_)
    if not inside.any():
        return rgb
    depth = depth_inside(inside)
    front_only = _front_only(_areas(small), inside, depth)
    # Drawn edges fade over a pixel or two: the fringe goes with the area.
    hidden = ndimage.binary_dilation(front_only, iterations=2) & np.asarray(depth > 1.0)
    hidden |= ~inside
    if hidden.all():
        return rgb
    filled = _filled(small.astype(np.float32), hidden)
    filled = ndimage.gaussian_filter(filled, (_BLUR * size[0], _BLUR * size[0], 0))
    shape = (rgb.shape[1], rgb.shape[0])
    back = cv2.resize(filled, shape, interpolation=cv2.INTER_LINEAR)
    share = np.clip(depth / (_SEAM * size[0]), 0.0, 1.0).astype(np.float32)
    share = cv2.resize(share, shape, interpolation=cv2.INTER_LINEAR)[..., None]
    return np.rint(np.clip(share * back + (1.0 - share) * rgb, 0.0, 255.0)).astype(np.uint8)


def _areas(rgb: UInt8[np.ndarray, "H W 3"]) -> Int[np.ndarray, "H W"]:
    """Number of the area of even colour that each pixel belongs to.

    Felzenszwalb and Huttenlocher, Efficient graph-based image segmentation, IJCV 2004.
    """
    lab = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB).astype(np.float64) / 255.0
    return np.asarray(
        segmentation.felzenszwalb(  # pyright: ignore[reportUnknownMemberType]
            lab, scale=_AREA_SCALE, sigma=0.6, min_size=_SMALLEST_PX, channel_axis=-1
        ),
        dtype=np.int64,
    )


def _front_only(
    areas: Int[np.ndarray, "H W"], inside: Bool[np.ndarray, "H W"], depth: Float[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """Areas that do not reach the outline."""
    count = int(areas.max()) + 1
    size = np.bincount(areas[inside], minlength=count)
    rim = inside & (depth <= max(1.5, _RIM * len(areas)))
    contact = np.bincount(areas[rim], minlength=count)
    reaches = contact >= np.maximum(_LEAST_CONTACT * 4.0 * np.sqrt(size), 2.0)
    return inside & ~reaches[areas]


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
