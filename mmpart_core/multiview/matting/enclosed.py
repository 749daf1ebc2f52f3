"""Ground that is seen through an object: between a chair's legs, inside a handle.

A white patch within an outline is either ground or a white part of the object. Three kinds of
evidence tell them apart: colour and flatness, how deep a tunnel it would be through the hull of
the other views, and whether that tunnel would leave parts of other views without anything there.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from mmpart_core.images import colour, morphology
from mmpart_core.multiview.matting.ground import Ground, steepness
from mmpart_core.multiview.matting.outline_hull import OutlineHull, Witness
from mmpart_core.records import Camera

_LEAST_PX = 12  # smaller patches stay as they are
# L*a*b* units. What the object encloses is less clean than ground outside; a patch that the other
# views show to be free, or nearly so, may be as far off as a soft shadow.
_LOOSE = 2.0  # times the threshold of ground outside
_TIGHT = 0.6
_FLAT = 0.8  # change of colour per pixel within a patch
_DEEP = 6.0  # a tunnel this many times as long as wide is drilled by no hole; a highlight may
_UNEXPLAINED = 0.15  # share of a patch's area that other views may lose by it


@dataclass(frozen=True)
class Patch:
    """Pixels within one view's outline that look like ground.

    Attributes:
        view: index of the view.
        mask: the pixels.
        distance: median distance from the ground's colour, in thresholds of ground outside.
        slope: median change of colour per pixel inside it.
    """

    view: int
    mask: Bool[np.ndarray, "H W"]
    distance: float
    slope: float


def find_enclosed(
    rgb: UInt8[np.ndarray, "N H W 3"],
    grounds: tuple[Ground, ...],
    poses: tuple[Camera, ...],
) -> list[Bool[np.ndarray, "H W"]]:
    """Ground within the outlines, one mask per view.

    Args:
        rgb: the views, sRGB.
        grounds: of each view, and what is outside.
        poses: their cameras, in the object's frame.
    """
    found = [np.zeros(ground.outside.shape, dtype=bool) for ground in grounds]
    hull = OutlineHull(tuple(~ground.outside for ground in grounds), poses)
    witnesses: list[Witness] = []
    for factor in (1.0, _LOOSE):
        for view, ground in enumerate(grounds):
            room = ~ground.outside & ~found[view] & (ground.distance < factor * ground.threshold)
            for patch in _patches(view, rgb[view], room, ground):
                witnesses = witnesses or hull.witnesses(grounds)
                if _is_ground(patch, hull, witnesses):
                    found[view] |= patch.mask
    return found


def _patches(
    view: int,
    rgb: UInt8[np.ndarray, "H W 3"],
    room: Bool[np.ndarray, "H W"],
    ground: Ground,
) -> list[Patch]:
    change = steepness(colour.lab_from_rgb(rgb))
    labels, count = morphology.pieces(room)
    patches: list[Patch] = []
    for index in range(1, count + 1):
        mask = labels == index
        inner = morphology.eroded(mask, 1)
        if mask.sum() < _LEAST_PX:
            continue
        inner = inner if inner.any() else mask
        far = float(np.median(ground.distance[inner])) / ground.threshold
        patches.append(Patch(view, mask, far, float(np.median(change[inner]))))
    return patches


def _is_ground(patch: Patch, hull: OutlineHull, witnesses: list[Witness]) -> bool:
    """Weigh the evidence for one patch."""
    free, depth = hull.tunnel(patch.view, patch.mask)
    if free > 0.5:
        return True
    looks = patch.distance < _TIGHT and patch.slope < _FLAT
    if not looks or depth > _DEEP:
        return False
    lost = hull.unexplained(patch.view, patch.mask, witnesses)
    return lost < _UNEXPLAINED * patch.mask.sum()
