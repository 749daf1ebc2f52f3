"""An outline's round core and what sticks out of it at its sides: a mug and its handle."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Int
from scipy import ndimage
from skimage import measure

from mmpart_core.multiview.lifting.crop import PartCrop
from mmpart_core.multiview.lifting.inflate import Inflation, inflate_about, round_relief
from mmpart_core.multiview.lifting.outline import depth_inside, mirrored

# Largest inscribed radius of what sticks out, over the core's: handles have 0.1 to 0.2, spouts up
# to 0.3, limbs more. By hand, as all below.
_THIN = 0.35
# Least share of the outline that is the core.
_LEAST_CORE = 0.6
# What is its own mirror image but thinner than this share of the core is no core: the foot of a
# spout opposite a handle.
_STROKE = 0.25
# Over the grid's side: a seam of the outline against its mirror image up to twice so wide sticks
# out of nothing.
_SEAM = 0.006
# How far, over the core's width, something must reach beyond its side to be an appendage: handles
# reach 0.3 to 0.6, the thumb of an arm and the foot of a leg up to 0.17. What encloses a hole with
# the core is a handle, even if seen from nearer its end.
_LEAST_REACH, _LEAST_HANDLE_REACH = 0.2, 0.1
# Least share of the outline that is a hole.
_LEAST_HOLE = 0.003
# What is left over apart from core and appendages: a crumb up to this share of the outline.
_CRUMBS = 0.01
_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class CoreAndAppendages:
    """An outline cut in two, along the mirror image of its other side.

    Attributes:
        core: nearly its own mirror image about an upright axis, in one piece.
        appendages: all else; every piece touches the core, but for crumbs.
        thickness: largest inscribed radius of the appendages over the core's.
    """

    core: Bool[np.ndarray, "H W"]
    appendages: Bool[np.ndarray, "H W"]
    thickness: float

    @property
    def core_share(self) -> float:
        """The core's share of the outline."""
        return float(self.core.sum() / (self.core | self.appendages).sum())

    def figures(self) -> str:
        """Words for the share of the core and for how thin the rest is."""
        return f"core {self.core_share:.2f} of the outline, appendage {self.thickness:.2f} as thick"


def find_core(mask: Bool[np.ndarray, "H W"]) -> CoreAndAppendages | None:
    """Cut thin appendages at the sides off an outline; None where it is not such a one.

    Of all upright axes that one is taken about which the outline has most in common with its
    mirror image. What is not in common and reaches beyond the common part's sides is an appendage;
    what stays within them, as a rim that is higher on one side, belongs to the core.

    Args:
        mask: the outline, not empty.
    """
    common = _most_symmetric(mask)
    widest = float(depth_inside(common).max())
    stout = depth_inside(~(depth_inside(common) > _STROKE * widest)) <= _STROKE * widest
    columns = np.flatnonzero((stout & common).any(axis=0))
    if not len(columns):
        return None
    common[:, : columns[0]] = False
    common[:, columns[-1] + 1 :] = False
    beyond = _sticking_out(mask, mask & ~common, columns)
    core = _largest_piece(mask & ~beyond)
    appendages = mask & ~core
    if not beyond.any() or core.sum() < _LEAST_CORE * mask.sum():
        return None
    thickness = float(depth_inside(appendages).max() / depth_inside(core).max())
    if thickness > _THIN or _apart(core, appendages) > _CRUMBS * mask.sum():
        return None
    return CoreAndAppendages(core, appendages, thickness)


def inflate_appendages(crop: PartCrop, cut: CoreAndAppendages, depth_to_width: float) -> Inflation:
    """Inflate what sticks out of a core, in the upright plane through the part's centre.

    That plane holds the core's axis and faces the camera: what shows at a round body's sides is
    there or near it. The appendages are as deep as they are thick, and reach into the core.

    Args:
        crop: the whole part.
        cut: its outline.
        depth_to_width: depth over thickness.
    """
    thickest = 2.0 * float(depth_inside(cut.appendages).max())
    # Level roots: those of a foot's corner would hang out below a body seen from above.
    level = np.ones((1, 2 * round(thickest) + 1), dtype=bool)
    root = cut.core & np.asarray(ndimage.binary_dilation(cut.appendages, level), dtype=np.bool_)
    # The outline's soft edge goes with them; against the core they end in pixels.
    soft = np.asarray(ndimage.binary_dilation(cut.appendages, _NEIGHBOURS), dtype=np.bool_)
    kept = cut.appendages | root | (soft & ~cut.core)
    alpha = np.where(kept, crop.alpha, 0.0).astype(np.float32)
    relief = round_relief(alpha >= 0.5)
    relief /= float(relief[cut.appendages].max())
    half_depth = depth_to_width * thickest / 2.0 * crop.unit_per_px
    return inflate_about(replace(crop, alpha=alpha), relief, half_depth)


def _most_symmetric(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """The largest part of an outline that is its own mirror image about an upright axis."""
    columns = np.flatnonzero(mask.any(axis=0))
    axes = range(2 * int(columns[0]), 2 * int(columns[-1]) + 3)
    best = max(axes, key=lambda twice: int((mask & mirrored(mask, twice)).sum()))
    return mask & mirrored(mask, best)


def _sticking_out(
    mask: Bool[np.ndarray, "H W"], rest: Bool[np.ndarray, "H W"], columns: Int[np.ndarray, "C"]
) -> Bool[np.ndarray, "H W"]:
    """Pieces of what is left over that reach beyond the core's sides, without seams.

    Args:
        mask: the outline.
        rest: what is not common to it and its mirror image.
        columns: of the core, in order.
    """
    seam = max(1.0, _SEAM * len(rest))
    inner = depth_inside(rest) > seam
    # As far as the seam and its diagonal: the piece without what hangs on it by a seam.
    opened = rest & (depth_inside(~inner) <= 1.5 * seam + 1.0) if inner.any() else inner
    across = np.arange(mask.shape[1])
    reach = np.maximum(columns[0] - across, across - columns[-1]) / len(columns)
    found = np.zeros(mask.shape, dtype=bool)
    numbers = np.asarray(measure.label(opened, connectivity=2))
    for number in range(1, int(numbers.max()) + 1):
        piece = numbers == number
        furthest = float(reach[piece.any(axis=0)].max())
        handle = furthest >= _LEAST_HANDLE_REACH and _encloses_hole(mask, piece)
        if handle or furthest >= _LEAST_REACH:
            found |= piece
    return found


def _encloses_hole(mask: Bool[np.ndarray, "H W"], piece: Bool[np.ndarray, "H W"]) -> bool:
    """Whether an outline has a hole that a piece of it closes."""
    without = np.asarray(ndimage.binary_fill_holes(mask & ~piece), dtype=np.bool_)
    holes = np.asarray(ndimage.binary_fill_holes(mask), dtype=np.bool_) & ~mask & ~without
    return bool(holes.sum() >= _LEAST_HOLE * mask.sum())


def _largest_piece(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    numbers = np.asarray(measure.label(mask, connectivity=2))
    sizes = np.bincount(numbers.ravel())[1:]
    return numbers == int(np.argmax(sizes)) + 1 if len(sizes) else mask


def _apart(core: Bool[np.ndarray, "H W"], appendages: Bool[np.ndarray, "H W"]) -> int:
    """Pixels of those pieces that do not touch the core."""
    numbers = np.asarray(measure.label(appendages, connectivity=2))
    near = np.asarray(ndimage.binary_dilation(core, _NEIGHBOURS), dtype=np.bool_)
    touching = np.unique(numbers[near & appendages])
    return int((appendages & ~np.isin(numbers, touching)).sum())
