"""Region hints as masks, and as evidence of where the object is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool

from mmpart_core.images import morphology
from mmpart_core.records import Region

# Of the image's longer side, set by hand: how far a drawn outline and a box may be off, and the
# radius of the spot that a point vouches for.
_CARELESS = 0.012
_BOX_CARELESS = 0.02
_POINT_RADIUS = 0.004


@dataclass(frozen=True)
class Evidence:
    """What region hints say about the object as a whole.

    Attributes:
        on: very likely object; background enclosed by an outline (a handle's hole) is in it too.
        possible: where the object can be; everywhere where some component's extent is unknown.
        exact: object for certain, pixel by pixel: what the masks among the hints hold.
    """

    on: Bool[np.ndarray, "H W"]
    possible: Bool[np.ndarray, "H W"]
    exact: Bool[np.ndarray, "H W"]


def outline_mask(region: Region, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """The pixels in a polygon or box; none for other kinds.

    Args:
        region: the hint.
        shape: rows and columns.
    """
    drawn = np.zeros(shape, np.uint8)
    corners = region.polygon
    if region.box is not None:
        left, top, right, bottom = region.box
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
    if corners:
        scale = np.array([shape[1], shape[0]]) * 16.0
        fixed = np.rint(np.array(corners) * scale - 8.0).astype(np.int32)
        cv2.fillPoly(drawn, [fixed], (1,), lineType=cv2.LINE_8, shift=4)
    return drawn > 0


def gather_evidence(
    regions: Sequence[Region | None],
    masks: Mapping[int, Bool[np.ndarray, "H W"]],
    shape: tuple[int, int],
) -> Evidence | None:
    """Evidence from the hints of all components; None where there are none.

    Args:
        regions: by component; None where not given.
        masks: the stored masks of regions of kind mask, at that size, by component.
        shape: rows and columns of the image.
    """
    if all(region is None for region in regions):
        return None
    side = max(shape)
    on, possible, exact = (np.zeros(shape, dtype=bool) for _ in range(3))
    for mask in masks.values():
        exact |= mask
    bounded = True
    for index, region in enumerate(regions):
        if region is None or region.kind == "points":
            bounded = False
            on |= _spots(region, shape)
            continue
        area = masks[index] if index in masks else outline_mask(region, shape)
        careless = _BOX_CARELESS if region.kind == "box" else _CARELESS
        possible |= morphology.dilated(area, round(careless * side))
        if region.kind != "box":  # a box has corners beside the part
            on |= morphology.eroded(area, round(careless * side))
    return Evidence(on, possible if bounded else np.ones(shape, dtype=bool), exact)


def _spots(region: Region | None, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    drawn = np.zeros(shape, np.uint8)
    radius = max(1, round(_POINT_RADIUS * max(shape)))
    for x, y in region.points if region is not None else ():
        cv2.circle(drawn, (int(x * shape[1]), int(y * shape[0])), radius, (1,), -1)
    return drawn > 0
