"""Continues a part's shape behind what is in front of it."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from mmpart_core.images import morphology
from mmpart_core.isolate import outlines, symmetry

# Set by hand on the examples; not measured. The mirror is searched on a copy whose longer side is
# this: up to 123 axes are tried, each by warping two masks.
_MIRROR_SIDE_PX = 144
_LEAST_PIECE = 0.01  # of the visible area: smaller pieces do not tell how to go on
_MOSTLY = 0.9  # of a hole, covered by what is in front: background shows through the others


@dataclass(frozen=True)
class Completion:
    """What was imagined.

    Attributes:
        mask: pixels of the completed area.
        mirror: 2x3 matrix that maps a pixel (column, row) to its mirror image, where the visible
            part is symmetric.
    """

    mask: Bool[np.ndarray, "H W"]
    mirror: Float[np.ndarray, "2 3"] | None = None


def complete_shape(
    visible: Bool[np.ndarray, "H W"],
    room: Bool[np.ndarray, "H W"],
    max_growth: float,
    bold: bool,
    bulge: float = 0.3,
) -> Completion:
    """Complete a part, under ``room`` only.

    Holes are closed. Where the outline runs under something, its two ends are joined: with the
    ends of another cut that they point at, where there is one (a bar behind a post), else with each
    other. A part whose visible area is its own mirror image also takes the mirror image of what is
    seen on the other side.

    Args:
        visible: where the part is seen; not empty.
        room: visible pixels of what is in front of it.
        max_growth: completed area at most, as a multiple of the visible area.
        bold: the user described what this cover hides: the outline goes on as it ran, as a
            circle's would. Else it rises no more than a rim seen from above does.
        bulge: height of that rim over half its width: the sine of the camera's elevation.
    """
    nothing = Completion(np.zeros_like(visible))
    room = room & ~visible
    if not room.any():
        return nothing
    full = _closed_holes(visible, room)
    cuts = _find_cuts(visible, room)
    full |= outlines.bridge_cuts(cuts, visible, room)
    away = np.asarray(ndimage.distance_transform_edt(~visible))
    for cut in cuts:
        if not cut.bridged:
            closed = outlines.close_cut(cut, visible.shape, np.inf if bold else bulge) & room
            full |= closed & (bold | (away <= cut.thickness))
    mirror = _find_mirror(visible, room)
    if mirror is not None:
        full |= symmetry.warped(visible, mirror) & room
    full = morphology.opened(full | visible, 1) & full
    full &= morphology.touching(full | visible, visible)
    return Completion(_bounded(visible, full, max_growth), mirror)


def _closed_holes(
    visible: Bool[np.ndarray, "H W"], room: Bool[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """Holes that the cover fills; others show the background."""
    closed = np.zeros_like(visible)
    pieces, count = morphology.pieces(morphology.holes(visible))
    for piece in range(1, count + 1):
        hole = pieces == piece
        if (hole & room).sum() >= _MOSTLY * hole.sum():
            closed |= hole & room
    return closed


def _find_cuts(
    visible: Bool[np.ndarray, "H W"], room: Bool[np.ndarray, "H W"]
) -> list[outlines.Cut]:
    least = _LEAST_PIECE * float(visible.sum())
    pieces, count = morphology.pieces(visible)
    cuts: list[outlines.Cut] = []
    for piece in range(1, count + 1):
        mask = pieces == piece
        if mask.sum() >= least:
            cuts += outlines.find_cuts(mask, room)
    return cuts


def _find_mirror(
    visible: Bool[np.ndarray, "H W"], room: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "2 3"] | None:
    scale = min(1.0, _MIRROR_SIDE_PX / max(visible.shape))
    small, small_room = _shrunk(visible, scale), _shrunk(room, scale)
    if not small.any() or not small_room.any():
        return None
    mirror = symmetry.find_mirror(small, small_room & ~small)
    return None if mirror is None else symmetry.enlarged(mirror, 1.0 / scale)


def _shrunk(mask: Bool[np.ndarray, "H W"], scale: float) -> Bool[np.ndarray, "h w"]:
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.5


def _bounded(
    visible: Bool[np.ndarray, "H W"], grown: Bool[np.ndarray, "H W"], max_growth: float
) -> Bool[np.ndarray, "H W"]:
    """Keep the pixels nearest to the visible part, as many as are allowed."""
    allowed = int(max_growth * visible.sum())
    if grown.sum() <= allowed:
        return grown
    distance = np.asarray(ndimage.distance_transform_edt(~visible))
    reach = np.sort(distance[grown])[allowed] if allowed else 0.0
    return grown & (distance < reach)
