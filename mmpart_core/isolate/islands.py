"""Gives scattered pieces of a division to the parts around them."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Int32

from mmpart_core.images import morphology, region_masks
from mmpart_core.records import Region

# Shares set by hand on the examples and a few published pictures; not measured.
_PIECE_SHARE = 0.1  # of a part's largest piece: smaller pieces without a point are scraps
# What nobody has goes to the part that makes up this share of the object's pixels around it.
_ENCLOSED = 0.97
_NECK = 0.02  # of the object's size (root of its area): half the width of a neck
_SURROUNDED = 0.7  # of a peninsula's rim, one other part's; the rest of it is the neck
_HELD = 0.9  # of a peninsula, inside that part's own box or outline
# At the silhouette what nobody has may be a part that was not named, unless it is smaller than this
# share of the only part it touches.
_SMALL_REST = 0.1


def without_islands(
    labels: Int32[np.ndarray, "H W"], regions: Sequence[Region | None], counts: Sequence[int]
) -> Int32[np.ndarray, "H W"]:
    """Give scattered bits to the label around them.

    A component shown by points keeps the pieces that hold one; others keep their largest pieces
    and, as something in front may cut a part in two, further ones of a fair size. A piece without
    a hint that one part surrounds belongs to that part, whether another part or nobody had it.

    Args:
        labels: component index + 1; components + 1 for what nobody has; 0 outside the object.
        regions: hints by component.
        counts: pieces by component.
    """
    cleaned, rest = labels.copy(), len(regions) + 1
    fixed = [i + 1 for i, r in enumerate(regions) if r is not None and r.kind == "mask"]
    for index, (region, count) in enumerate(zip(regions, counts, strict=True)):
        if index + 1 in fixed:
            continue
        pieces, found = morphology.pieces(cleaned == index + 1)
        kept = _kept_pieces(pieces, found, region, count)
        for piece in np.flatnonzero(~kept[1:]) + 1:
            island = pieces == piece
            around = _around(cleaned, island)
            around = around[~np.isin(around, fixed)]
            cleaned[island] = int(np.argmax(np.bincount(around))) if len(around) else rest
    cleaned = _without_peninsulas(cleaned, regions, fixed)
    return _without_enclosed_rest(cleaned, rest, fixed)


def _without_peninsulas(
    labels: Int32[np.ndarray, "H W"], regions: Sequence[Region | None], fixed: Sequence[int]
) -> Int32[np.ndarray, "H W"]:
    """Give to a part what reaches into it from another one over a narrow neck.

    A dark eye below a dark brim is an island but for a few pixels. What an opening of a part cuts
    off belongs to the part that surrounds it, if that part's own region holds it, and no point of
    the part that has it lies there.
    """
    cleaned = labels.copy()
    for index, region in enumerate(regions):
        if index + 1 in fixed:
            continue
        pieces, count = morphology.pieces(_beside_body(labels, index + 1))
        for piece in range(1, count + 1):
            land = pieces == piece
            owner = _surrounding(labels, land, index + 1, fixed)
            if (
                0 < owner <= len(regions)
                and _holds(regions[owner - 1], land)
                and not _has_point(region, land)
            ):
                cleaned[land] = owner
    return cleaned


def _beside_body(labels: Int32[np.ndarray, "H W"], part: int) -> Bool[np.ndarray, "H W"]:
    """What of a part hangs on to its largest piece by a narrow neck."""
    own = labels == part
    reach = max(2, round(_NECK * math.sqrt(float((labels > 0).sum()))))
    pieces, count = morphology.pieces(morphology.opened(own, reach))
    if not count:
        return np.zeros_like(own)
    areas = np.bincount(pieces.ravel(), minlength=count + 1)
    areas[0] = 0
    body = pieces == int(np.argmax(areas))
    return morphology.opened(own & ~morphology.dilated(body, 1), 1)


def _surrounding(
    labels: Int32[np.ndarray, "H W"],
    land: Bool[np.ndarray, "H W"],
    part: int,
    fixed: Sequence[int],
) -> int:
    """The one other part that lies along most of a piece's rim; 0 where none does."""
    around = _around(labels, land)
    foreign = around[(around != part) & ~np.isin(around, fixed)]
    if not len(foreign):
        return 0
    owner = int(np.argmax(np.bincount(foreign)))
    return owner if (foreign == owner).sum() >= _SURROUNDED * len(around) else 0


def _holds(region: Region | None, area: Bool[np.ndarray, "H W"]) -> bool:
    """Whether an area lies within an outline or box; points hold nothing."""
    if region is None or region.kind not in ("box", "polygon"):
        return False
    return bool(region_masks.outline_mask(region, area.shape)[area].mean() >= _HELD)


def _has_point(region: Region | None, area: Bool[np.ndarray, "H W"]) -> bool:
    height, width = area.shape
    return region is not None and any(
        area[min(int(y * height), height - 1), min(int(x * width), width - 1)]
        for x, y in region.points
    )


def _around(
    labels: Int32[np.ndarray, "H W"], island: Bool[np.ndarray, "H W"]
) -> Int32[np.ndarray, "P"]:
    """Labels of the object's pixels around an island."""
    ring = morphology.dilated(island, 2) & ~island & (labels > 0)
    return labels[ring]


def _without_enclosed_rest(
    labels: Int32[np.ndarray, "H W"], rest: int, fixed: Sequence[int]
) -> Int32[np.ndarray, "H W"]:
    cleaned = labels.copy()
    pieces, found = morphology.pieces(labels == rest)
    for piece in range(1, found + 1):
        island = pieces == piece
        around = _around(labels, island)
        if not len(around):
            continue
        owner = int(np.argmax(np.bincount(around)))
        if owner in fixed or (around == owner).mean() < _ENCLOSED:
            continue
        open_ = (morphology.dilated(island, 1) & (labels == 0)).any()
        if not open_ or island.sum() < _SMALL_REST * (labels == owner).sum():
            cleaned[island] = owner
    return cleaned


def _kept_pieces(
    pieces: Int32[np.ndarray, "H W"], found: int, region: Region | None, count: int
) -> Bool[np.ndarray, "P"]:
    """Which pieces stay; entry 0 stands for what is outside."""
    areas = np.bincount(pieces.ravel(), minlength=found + 1)
    areas[0] = 0
    if found <= 1:
        return np.ones(found + 1, dtype=bool)
    if region is not None and region.points:
        height, width = pieces.shape
        held = [
            pieces[min(int(y * height), height - 1), min(int(x * width), width - 1)]
            for x, y in region.points
        ]
        kept = np.isin(np.arange(found + 1), held)
        if kept[1:].any():
            return kept
    largest = np.sort(areas)[::-1]
    least = min(float(largest[min(count, found) - 1]), _PIECE_SHARE * float(largest[0]))
    return areas >= max(least, 1.0)
