"""What of an isolated part is compared with the source image: colours inside it, and edges.

Colours say where a part with texture lies, edges where a plain one does; edges do not change with
the light. Both are sampled as points of the drawn part, so that a placement is scored by looking
up its points in maps of the source, without warping an image.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8
from scipy import ndimage

from mmpart_core.images import colour, morphology

ORIENTATIONS = 4  # bins of an edge's direction, half a turn in all
# An edge belongs to every bin whose middle is no further from its own direction than this.
_BIN_REACH_DEG = 40.0
# Gradients in L*a*b* units per pixel: an edge starts at the higher and goes on down to the lower.
_EDGE_LOW, _EDGE_HIGH = 1.5, 4.0
_OPAQUE = 128  # alpha from which a pixel is the part's: half of 255
_SMOOTH_PX = 0.8  # width of the Gaussian before gradients: what a resampled image cannot show
_RIM_PX = 2  # colours nearer to the outline than this are mixed with what was around the part
_AROUND_PX = 3  # from the outline: where the part has ended, and what is there is no longer mixed
_FEW = 40  # fewer edge points within the part than this say nothing beside its outline


@dataclass(frozen=True)
class PartPoints:
    """Points of a drawn part, in pixels of its own image.

    The top left pixel's centre is (0.5, 0.5).

    Attributes:
        inside: points within the part.
        lab: their colours.
        edges: points on its outline and on edges within it.
        bins: the direction of each of these, as the index of a bin.
        weights: of these; sum 1.
        around: points just outside the outline.
        around_lab: the part's colours next to them.
        center: middle of the part's bounding box.
        size_px: square root of the part's area.
    """

    inside: Float[np.ndarray, "P 2"]
    lab: Float32[np.ndarray, "P 3"]
    edges: Float[np.ndarray, "E 2"]
    bins: Int[np.ndarray, "E"]
    weights: Float[np.ndarray, "E"]
    around: Float[np.ndarray, "A 2"]
    around_lab: Float32[np.ndarray, "A 3"]
    center: Float[np.ndarray, "2"]
    size_px: float


@dataclass(frozen=True)
class SourceMaps:
    """The source image at one scale, as placements are scored in it.

    Attributes:
        lab: colours.
        possible: where the part may be seen, 0 to 1.
        distance: distance to the nearest edge of each direction, in pixels of this scale.
        scale: pixels of this scale per pixel of the source.
    """

    lab: Float32[np.ndarray, "H W 3"]
    possible: Float32[np.ndarray, "H W"]
    distance: Float32[np.ndarray, "B H W"]
    scale: float


def source_maps(
    rgb: UInt8[np.ndarray, "H W 3"], possible: Bool[np.ndarray, "H W"], scale: float
) -> SourceMaps:
    """Maps of the source at ``scale`` (at most 1).

    Args:
        rgb: the source.
        possible: where the part may be seen.
        scale: pixels of the maps per pixel of the source.
    """
    size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    room = np.asarray(cv2.resize(possible.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    lab = _smooth_lab(small)
    edge, angle = _edges(lab)
    far = float(max(edge.shape))
    maps = [_distance(edge & _in_bin(angle, index), far) for index in range(ORIENTATIONS)]
    return SourceMaps(lab, room.astype(np.float32), np.stack(maps), scale)


def part_points(
    rgba: UInt8[np.ndarray, "H W 4"], scale: float, counts: tuple[int, int], seed: int = 0
) -> PartPoints:
    """Points of a drawn part, looked at in as much detail as it has at ``scale``.

    Args:
        rgba: the part alone, straight alpha; not empty.
        scale: pixels that are looked at per pixel of the image (at most 1).
        counts: how many points inside and on edges, at most.
        seed: of the choice of points.

    Returns:
        Points in pixels of ``rgba``, not of the smaller copy.
    """
    size = (max(1, round(rgba.shape[1] * scale)), max(1, round(rgba.shape[0] * scale)))
    alpha = np.asarray(cv2.resize(rgba[..., 3], size, interpolation=cv2.INTER_AREA))
    drawn = alpha >= _OPAQUE
    lab = _smooth_lab(_filled(rgba, size))
    core = morphology.eroded(drawn, _RIM_PX)
    core = core if core.any() else drawn
    random = np.random.default_rng(seed)
    inside = _some(np.argwhere(core), counts[0], random)
    outline = _outline(alpha, drawn)
    edge, angle = _edges(lab)
    within = np.argwhere(edge & morphology.eroded(drawn, _RIM_PX + 1))
    rim, rim_bins = _chosen(outline[0], outline[1], counts[1] // 2, random)
    inner, inner_bins = _chosen(
        within, _bin(angle[within[:, 0], within[:, 1]]), counts[1] // 2, random
    )
    share = 0.5 if len(inner) >= _FEW else 0.5 * len(inner) / _FEW
    weights = np.concatenate(
        [np.full(len(rim), (1.0 - share) / max(len(rim), 1)),
         np.full(len(inner), share / max(len(inner), 1))]
    )  # fmt: skip
    ring = morphology.dilated(drawn, _AROUND_PX) & ~morphology.dilated(drawn, _AROUND_PX - 1)
    around = _some(np.argwhere(ring), counts[1], random)
    back = np.array([rgba.shape[1] / size[0], rgba.shape[0] / size[1]])
    corners = np.argwhere(drawn)
    center = (corners.min(axis=0) + corners.max(axis=0) + 1.0)[::-1] / 2.0 * back
    return PartPoints(
        inside=(inside[:, ::-1] + 0.5) * back,
        lab=lab[inside[:, 0], inside[:, 1]],
        edges=(np.concatenate([rim, inner])[:, ::-1] + 0.5) * back,
        bins=np.concatenate([rim_bins, inner_bins]),
        weights=weights / max(float(weights.sum()), 1e-9),
        around=(around[:, ::-1] + 0.5) * back,
        around_lab=lab[around[:, 0], around[:, 1]],
        center=center,
        size_px=float(np.sqrt(drawn.sum() * back.prod())),
    )


def _filled(rgba: UInt8[np.ndarray, "H W 4"], size: tuple[int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """The smaller picture, its ground taking the part's nearest colour: no edge at the outline."""
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    weighted = np.asarray(
        cv2.resize(rgba[..., :3].astype(np.float32) * alpha, size, interpolation=cv2.INTER_AREA)
    )
    total = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))
    known = total >= 0.5
    rgb = weighted / np.maximum(total, 1e-6)[..., None]
    if known.any():
        rows, columns = np.asarray(ndimage.distance_transform_edt(~known, None, False, True))
        rgb = rgb[rows, columns]
    return np.rint(np.clip(rgb, 0.0, 255.0)).astype(np.uint8)


def _smooth_lab(rgb: UInt8[np.ndarray, "H W 3"]) -> Float32[np.ndarray, "H W 3"]:
    return np.asarray(cv2.GaussianBlur(colour.lab_from_rgb(rgb), (0, 0), _SMOOTH_PX))


def _edges(
    lab: Float32[np.ndarray, "H W 3"],
) -> tuple[Bool[np.ndarray, "H W"], Float32[np.ndarray, "H W"]]:
    """Thin edges (Canny 1986) of the channel that changes most, and the gradient's angle in rad."""
    across = cv2.Sobel(lab, cv2.CV_32F, 1, 0) / 8.0
    down = cv2.Sobel(lab, cv2.CV_32F, 0, 1) / 8.0
    channel = (across**2 + down**2).argmax(axis=-1)[..., None]
    gradient = [np.take_along_axis(g, channel, axis=-1)[..., 0] for g in (across, down)]
    # Canny takes 16-bit gradients: a hundredth of a unit is kept.
    fixed = [np.rint(np.clip(g * 100.0, -32000, 32000)).astype(np.int16) for g in gradient]
    edge = cv2.Canny(fixed[0], fixed[1], _EDGE_LOW * 100.0, _EDGE_HIGH * 100.0, L2gradient=True)
    return np.asarray(edge) > 0, np.arctan2(gradient[1], gradient[0]).astype(np.float32)


def _outline(
    alpha: UInt8[np.ndarray, "H W"], drawn: Bool[np.ndarray, "H W"]
) -> tuple[Int[np.ndarray, "E 2"], Int[np.ndarray, "E"]]:
    """Rim pixels (row, column), not along the image's border, with the bins of their normals."""
    inner = drawn & morphology.dilated(~drawn, 1)
    inner[[0, -1], :] = False
    inner[:, [0, -1]] = False
    soft = cv2.GaussianBlur(alpha.astype(np.float32), (0, 0), 1.5)
    across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    at = np.argwhere(inner)
    return at, _bin(np.arctan2(down, across)[at[:, 0], at[:, 1]])


def _bin(angle_rad: np.ndarray) -> Int[np.ndarray, "E"]:
    return np.rint(angle_rad / (np.pi / ORIENTATIONS)).astype(np.int64) % ORIENTATIONS


def _in_bin(angle_rad: Float32[np.ndarray, "H W"], index: int) -> Bool[np.ndarray, "H W"]:
    away = np.abs((angle_rad - index * np.pi / ORIENTATIONS + np.pi / 2) % np.pi - np.pi / 2)
    return away <= np.deg2rad(_BIN_REACH_DEG)


def _distance(edge: Bool[np.ndarray, "H W"], far: float) -> Float32[np.ndarray, "H W"]:
    if not edge.any():
        return np.full(edge.shape, far, np.float32)
    away = cv2.distanceTransform((~edge).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away, dtype=np.float32)


def _some(
    rows: Int[np.ndarray, "P 2"], count: int, random: np.random.Generator
) -> Int[np.ndarray, "Q 2"]:
    if len(rows) <= count:
        return rows
    return rows[np.sort(random.choice(len(rows), count, replace=False))]


def _chosen(
    rows: Int[np.ndarray, "E 2"],
    bins: Int[np.ndarray, "E"],
    count: int,
    random: np.random.Generator,
) -> tuple[Int[np.ndarray, "F 2"], Int[np.ndarray, "F"]]:
    if len(rows) <= count:
        return rows, bins
    kept = np.sort(random.choice(len(rows), count, replace=False))
    return rows[kept], bins[kept]
