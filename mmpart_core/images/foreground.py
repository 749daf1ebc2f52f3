"""Finds the object in an image: by its alpha, or against the background seen at the border."""

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from skimage.segmentation import watershed

from mmpart_core.errors import InputError
from mmpart_core.images import background, colour, edges, morphology
from mmpart_core.images.background import Background
from mmpart_core.images.region_masks import Evidence

# Distances and chroma are in L*a*b* units; pixels are those of the working copy. Where no
# measurement is named, numbers are set by hand on the examples and a few published pictures;
# ``benchmarks/isolation.py`` scores the foreground of the examples, of all these together.
# Longer side of that copy; the outline is then snapped to edges of the full image.
_WORK_SIDE_PX = 400
_MIN_CLEAR_SHARE = 0.005  # fewer transparent pixels than this are not a cut-out
# An object that covers less or more of the image than this was not told from its background.
_MIN_SHARE = 0.002
_MAX_SHARE = 0.985
_FLOOR = 4.0  # least distance of an object; compression noise of a plain background stays below
_PIECE_SHARE = 0.02  # of the largest piece: smaller ones are specks
_HOLE_SHARE = 0.001  # of the image: smaller holes are filled, smaller pockets stay object
_FLOOR_CHROMA = 2.0  # least hue limit of a plain background: chroma beyond is another hue
_SHADOW_CHROMA = 7.0  # the same for shadows on a cluttered background; the most for smeared colour
# Chroma above the hue limit that a shadow on a plain background may have, per unit of its depth.
# More on the ground, where the object throws its colour back: in two studio photographs (a golden
# robot, a painted teapot) it is 0.12 and 0.26 beside the feet, medians of 300 and 900 pixels.
_SHADOW_TINT = 0.06
_GROUND_TINT = 0.3
_SHADOW_DEPTH = 45.0  # distance from the background beyond which nothing is a shadow
_SHADOW_SLOPE = 1.0  # L*a*b* per pixel; the edge of an object is steeper
_NEUTRAL_SLOPE = 2.5  # the same for pixels of the very hue of the background
# Compression smears the object's colour over pixels beside it, where edges of lightness stay: up to
# so many times the noise of colour that it leaves on the background. A clean render has none.
_SMEAR = 16.0
_SHADOW_KEEPS = 0.5  # of the mask: where shadows would leave less, they are the object
_SHADED_HOLE, _SHADED_HUE = 2.0, 0.75  # of the threshold of distance, and of hue
# Radius: a thin pale line within an object is a highlight on an edge, and no ground in shadow.
_GLINT_PX = 4
_POCKET_GAP_PX = 6  # the widest gap over which shadowed ground is reached from outside
# How far from the outside the steepest edge is looked for: where a shadow is deepest, right at the
# object, it is steep too.
_SHADOW_RIM_PX = 4


def foreground_mask(
    rgba: UInt8[np.ndarray, "H W 4"], evidence: Evidence | None = None
) -> Bool[np.ndarray, "H W"]:
    """Where the object is.

    Alpha decides where the image has any. Else the background is modelled from the image's border
    (``background.estimate_background``), differences are thresholded, cluttered backgrounds are
    refined with GrabCut (Rother et al. 2004), enclosed background is cut out and the border is
    snapped to edges at full size. What masks among the hints hold is object, whatever its colour.

    Args:
        rgba: sRGB with straight alpha.
        evidence: what the components' region hints say, of the image's size; not needed.

    Raises:
        InputError: nothing stands out, or no background is seen.
    """
    clear = rgba[..., 3] < 128
    if clear.mean() >= _MIN_CLEAR_SHARE:
        mask = ~clear
        _check_share(mask, "its alpha channel")
        return mask
    height, width = clear.shape
    scale = min(1.0, _WORK_SIDE_PX / max(height, width))
    small_size = (max(1, round(width * scale)), max(1, round(height * scale)))
    rgb = np.ascontiguousarray(rgba[..., :3])
    small = np.asarray(cv2.resize(rgb, small_size, interpolation=cv2.INTER_AREA))
    small_evidence = None if evidence is None else _shrunk(evidence, small_size)
    mask = _find(small, small_evidence)
    _check_share(mask, "its difference from the border of the image")
    large = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    found = _snapped(large > 0.5, rgb, round(1.0 / scale) + 1)
    return found if evidence is None else found | evidence.exact


def _shrunk(evidence: Evidence, size: tuple[int, int]) -> Evidence:
    small = (
        np.asarray(cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.5
        for m in (evidence.on, evidence.possible, evidence.exact)
    )
    return Evidence(*small)


def _snapped(
    mask: Bool[np.ndarray, "H W"], rgb: UInt8[np.ndarray, "H W 3"], radius_px: int
) -> Bool[np.ndarray, "H W"]:
    """Move the border to the edges of the full image."""
    return edges.snap_labels(mask.astype(np.int32), colour.lab_from_rgb(rgb), radius_px) == 1


def _check_share(mask: Bool[np.ndarray, "H W"], evidence: str) -> None:
    share = float(mask.mean())
    if not _MIN_SHARE <= share <= _MAX_SHARE:
        what = "nothing stands out" if share < _MIN_SHARE else "no background is seen"
        raise InputError(
            f"image of {mask.shape[1]}x{mask.shape[0]} px: {what}: by {evidence} the object covers "
            f"{100 * share:.1f} % of it, between {100 * _MIN_SHARE:.1f} and "
            f"{100 * _MAX_SHARE:.1f} % expected; give an image with one object, some plain "
            "background all around it, or a transparent background (PNG or WebP with alpha)"
        )


def _find(rgb: UInt8[np.ndarray, "H W 3"], evidence: Evidence | None) -> Bool[np.ndarray, "H W"]:
    smooth = colour.lab_from_rgb(np.asarray(cv2.bilateralFilter(rgb, 5, 12, 3)))
    model = background.estimate_background(smooth)
    low = max(_FLOOR, 3.0 * model.spread)
    high = max(1.6 * low, min(_otsu(model), 25.0))
    near = np.asarray(model.distance > low)
    if model.plain:
        near |= model.chroma > _hue_limit(model)
    sure = model.distance > high
    if evidence is not None:
        sure |= evidence.on
        near = (near & evidence.possible) | evidence.exact
    mask = morphology.touching(near, sure)
    if not model.plain and mask.any():
        mask = _grab_cut(rgb, model, mask, high)
    mask = _without_shadows(mask, model, smooth)
    if evidence is not None:
        mask = (mask | (evidence.on & near)) & evidence.possible | evidence.exact
    mask = _tidy(mask, model, low, high)
    return _without_inner_shadows(mask, model, smooth) if model.plain else mask


def _hue_limit(model: Background) -> float:
    """Chroma above which a pixel is not of a plain background's hue."""
    return max(_FLOOR_CHROMA, 4.0 * model.chroma_spread)


def _without_shadows(
    mask: Bool[np.ndarray, "H W"], model: Background, lab: Float32[np.ndarray, "H W 3"]
) -> Bool[np.ndarray, "H W"]:
    """Let the background flow into soft shadows and glows: its hue, no edge on the way."""
    steepness, limit = colour.steepness(lab), np.full(mask.shape, _SHADOW_CHROMA)
    slope = np.full(mask.shape, _SHADOW_SLOPE)
    if model.plain:
        tint = _tint_allowed(mask)[:, None]
        limit = _hue_limit(model) + tint * np.maximum(-model.lightness, 0.0)
        slope = np.where(model.chroma < 0.5 * limit, _NEUTRAL_SLOPE, _SHADOW_SLOPE)
    neutral = mask & (model.chroma < limit) & (model.distance < _SHADOW_DEPTH)
    soft = neutral & (steepness < slope)
    flow = morphology.opened(soft | ~mask, 2)
    reached = morphology.touching(flow, ~mask)
    shadow = morphology.grown_within(reached, soft, 3) & soft
    if model.plain:
        shadow |= _pockets(flow & ~reached & (model.chroma < 0.5 * limit), shadow | ~mask)
    smear = min(_SHADOW_CHROMA, _SMEAR * model.chroma_spread)
    neutral = mask & (model.chroma < np.maximum(limit, smear)) & (model.distance < _SHADOW_DEPTH)
    shadow |= _to_edge(reached | shadow | ~mask, neutral, steepness) & neutral
    kept = mask & ~shadow
    # An object as pale and smooth as a shadow would be lost as a whole: then it is no shadow.
    return kept if kept.sum() > _SHADOW_KEEPS * mask.sum() else mask


def _without_inner_shadows(
    mask: Bool[np.ndarray, "H W"], model: Background, lab: Float32[np.ndarray, "H W 3"]
) -> Bool[np.ndarray, "H W"]:
    """Let ground that is seen through the object, as between two legs, flow into shadows too."""
    holes = morphology.holes(mask)
    if not holes.any():
        return mask
    shadow = mask & ~_without_shadows(mask, model, lab)
    return mask & ~morphology.touching(shadow, morphology.dilated(holes, 1))


def _tint_allowed(mask: Bool[np.ndarray, "H W"]) -> Float32[np.ndarray, "H"]:
    """Chroma per unit of depth by row: more from the object's middle down to its foot."""
    rows = np.flatnonzero(mask.any(axis=1))
    top, foot = (float(rows[0]), float(rows[-1])) if len(rows) else (0.0, 1.0)
    share = np.clip(2.0 * (np.arange(len(mask)) - top) / max(foot - top, 1.0) - 1.0, 0.0, 1.0)
    return (_SHADOW_TINT + (_GROUND_TINT - _SHADOW_TINT) * share).astype(np.float32)


def _pockets(
    soft: Bool[np.ndarray, "H W"], outside: Bool[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """Shadowed ground that only a narrow gap parts from the outside, as between two feet."""
    pockets = morphology.without_specks(morphology.opened(soft, 2), _HOLE_SHARE * soft.size)
    return morphology.touching(pockets, morphology.dilated(outside, _POCKET_GAP_PX))


def _to_edge(
    outside: Bool[np.ndarray, "H W"],
    neutral: Bool[np.ndarray, "H W"],
    steepness: Float32[np.ndarray, "H W"],
) -> Bool[np.ndarray, "H W"]:
    """Carry the outside on to the steepest edge nearby, by a watershed of steepness."""
    inside = ~morphology.dilated(outside, _SHADOW_RIM_PX)
    markers = np.where(outside, 1, np.where(inside | ~(neutral | outside), 2, 0))
    return np.asarray(watershed(steepness, markers)) == 1


def _otsu(model: Background) -> float:
    """The threshold that parts the distances best (Otsu 1979), in L*a*b* units."""
    levels = np.clip(model.distance * 4.0, 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return float(threshold) / 4.0


def _grab_cut(
    rgb: UInt8[np.ndarray, "H W 3"], model: Background, mask: Bool[np.ndarray, "H W"], high: float
) -> Bool[np.ndarray, "H W"]:
    trimap = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    core = morphology.eroded(mask & (model.distance > high), 3)
    trimap[core] = cv2.GC_FGD
    trimap[background.border_ring(*mask.shape) & ~mask] = cv2.GC_BGD
    if not (trimap == cv2.GC_BGD).any() or not core.any():
        return mask
    cv2.setRNGSeed(0)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    state = np.zeros((1, 65)), np.zeros((1, 65))
    cut, _, _ = cv2.grabCut(bgr, trimap, (0, 0, 1, 1), *state, 4, cv2.GC_INIT_WITH_MASK)
    return np.isin(cut, (cv2.GC_FGD, cv2.GC_PR_FGD))


def _tidy(
    mask: Bool[np.ndarray, "H W"], model: Background, low: float, high: float
) -> Bool[np.ndarray, "H W"]:
    """Drop specks and faint threads, fill holes that do not look like background."""
    mask = morphology.opened(mask, 1) | (mask & (model.distance > high))
    mask = morphology.without_specks(mask, _PIECE_SHARE * morphology.largest_piece_px(mask))
    labels, count = morphology.pieces(morphology.holes(mask))
    for index in range(1, count + 1):
        hole = labels == index
        far, hue = (float(np.median(m[hole])) for m in (model.distance, model.chroma))
        is_background = far < low / 2.0
        if model.plain and morphology.opened(hole, _GLINT_PX).any():  # a shadow may lie on it
            is_background |= far < _SHADED_HOLE * low and hue < _SHADED_HUE * _hue_limit(model)
        if not is_background or hole.mean() < _HOLE_SHARE:
            mask |= hole
    return mask
