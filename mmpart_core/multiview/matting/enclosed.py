"""Ground that is seen through an object: between a chair's legs, inside a handle.

A white patch within an outline is either ground or a white part of the object. Two kinds of
evidence tell them apart: how much it looks like ground (colour, flatness, a hard rim), and how
deep a tunnel it would be through the hull of the other views. No view contradicts a tunnel as
such: what surrounds it explains their outlines.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from mmpart_core.images import colour, morphology
from mmpart_core.multiview.matting.ground import Ground
from mmpart_core.multiview.matting.outline_hull import OutlineHull
from mmpart_core.records import Camera

# Set by hand on patches of 16 grids of Zero123++ v1.2. True holes differ from the ground by 0.15
# to 0.6 thresholds where they are wider than 20 pixels, by up to 0.8 where they are narrow; pale
# parts of objects (a cake's cream) by 0.8 and more. Highlights lie on pale surfaces and fade; a
# hole in a dark object has a hard rim, and halos of the rim inside it.
_LEAST_PX = 12  # smaller patches stay as they are
_FAR, _FAR_PX, _FAR_MOST = 0.4, 5.0, 0.8  # thresholds: least, times one over the width, most
_RIM_PX, _HARD = 3, 8.0  # what surrounds a patch, and from how many thresholds it is a hard rim
_FLAT, _HARD_FLAT = 0.8, 1.4  # L*a*b* per pixel within a patch
# Tunnels this many times as long as wide are drilled by no hole; ground that is overexposed
# looks less like ground, and must be shallower.
_DEEP, _HARD_DEEP, _GLOW_DEEP = 6.0, 18.0, 5.0
_GLOW_FLAT = 1.6
_ROUNDS = 3  # holes found in one view make the tunnels of others shorter


@dataclass(frozen=True)
class Patch:
    """Pixels within one view's outline that look like ground.

    Attributes:
        view: index of the view.
        mask: the pixels.
        distance: median distance from the ground's colour, in thresholds of ground outside.
        slope: median change of colour per pixel inside it.
        width_px: diameter of the largest disc in it.
        contrast: median distance from the ground's colour around it, in thresholds.
    """

    view: int
    mask: Bool[np.ndarray, "H W"]
    distance: float
    slope: float
    width_px: float
    contrast: float


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
    outlines = tuple(~ground.outside for ground in grounds)
    changes = [colour.steepness(colour.lab_from_rgb(view)) for view in rgb]
    for _ in range(_ROUNDS):
        solid = tuple(line & ~hole for line, hole in zip(outlines, found, strict=True))
        hull = OutlineHull(solid, poses)
        added = [_holes(view, changes[view], hull, grounds[view]) for view in range(len(rgb))]
        if not any(hole.any() for hole in added):
            break
        found = [hole | more for hole, more in zip(found, added, strict=True)]
    return found


def _holes(
    view: int,
    change: Float32[np.ndarray, "H W"],
    hull: OutlineHull,
    ground: Ground,
) -> Bool[np.ndarray, "H W"]:
    """Patches of one view that are ground, judged by the hull so far."""
    found = np.zeros(ground.outside.shape, dtype=bool)
    near = ground.distance < ground.threshold
    for room in (near, near | ground.glow):
        room = room & hull.outlines[view] & ~found
        for patch in _patches(view, change, room, ground):
            if _is_ground(patch, hull):
                found |= patch.mask
    return found


def _patches(
    view: int,
    change: Float32[np.ndarray, "H W"],
    room: Bool[np.ndarray, "H W"],
    ground: Ground,
) -> list[Patch]:
    labels, count = morphology.pieces(room)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    patches: list[Patch] = []
    for index in range(1, count + 1):
        if sizes[index] < _LEAST_PX:
            continue
        patches.append(_patch(view, labels == index, change, ground.distance / ground.threshold))
    return patches


def _patch(
    view: int,
    mask: Bool[np.ndarray, "H W"],
    change: Float32[np.ndarray, "H W"],
    distance: Float32[np.ndarray, "H W"],
) -> Patch:
    inner = morphology.eroded(mask, 1)
    inner = inner if inner.any() else mask
    around = morphology.dilated(mask, _RIM_PX) & ~morphology.dilated(mask, _RIM_PX - 1)
    return Patch(
        view,
        mask,
        distance=float(np.median(distance[inner])),
        slope=float(np.median(change[inner])),
        width_px=2.0 * float(np.asarray(ndimage.distance_transform_edt(np.pad(mask, 1))).max()),
        contrast=float(np.median(distance[around])) if around.any() else 0.0,
    )


def _is_ground(patch: Patch, hull: OutlineHull) -> bool:
    """Weigh the evidence for one patch."""
    alike = patch.distance < min(_FAR + _FAR_PX / patch.width_px, _FAR_MOST)
    hard = patch.contrast > _HARD
    if patch.slope > ((_HARD_FLAT if hard else _FLAT) if alike else _GLOW_FLAT):
        return False
    free, depth = hull.tunnel(patch.view, patch.mask, patch.width_px)
    if free > 0.5:
        return True
    return depth <= ((_HARD_DEEP if hard else _DEEP) if alike else _GLOW_DEEP)
