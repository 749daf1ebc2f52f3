"""A drawn part brought into the source's frame, and which of its pixels the source shows."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from mmpart_core.images import colour, morphology
from mmpart_core.isolate.placement_score import COLOUR_SIGMA, fit_light

_OPAQUE = 128  # alpha from which a pixel is the part's: half of 255
# L*a*b* beyond which a pixel is not the part's, the light taken out and both smoothed. By hand.
_AGREES = 2.5 * COLOUR_SIGMA
# Of the square root of the part's area: width of the Gaussians that both images are smoothed by
# (edits shift detail a little), that the light is taken out over, and of gaps that are closed.
_SMOOTH, _LIGHT, _GAP = 0.01, 0.25, 0.02
_SPECK = 0.005  # of the part's area: smaller patches that agree, or do not, are chance
_DETAIL = 2.0  # L*: least standard deviation of a window whose structure can be compared


@dataclass(frozen=True)
class Comparison:
    """A part in the source's frame, beside the source.

    Attributes:
        rgba: the part in the source's frame and size, straight alpha.
        visible: where the source shows it.
        shown: where the source's object is as it is drawn, also where the part cannot be seen; more
            than ``visible`` where other parts were left in the picture.
        share: of its pixels inside the frame, how many the source shows.
        structure: mean correlation of detail (local, -1 to 1) where the source shows it; None
            where the part has no detail to compare.
        outside: share of the part that lies outside the source's frame.
    """

    rgba: UInt8[np.ndarray, "H W 4"]
    visible: Bool[np.ndarray, "H W"]
    shown: Bool[np.ndarray, "H W"]
    share: float
    structure: float | None
    outside: float


def compare_with_source(
    part: UInt8[np.ndarray, "h w 4"],
    source: UInt8[np.ndarray, "H W 3"],
    possible: Bool[np.ndarray, "H W"],
    foreground: Bool[np.ndarray, "H W"],
    source_from_part: Float[np.ndarray, "3 3"],
) -> Comparison:
    """Bring a part into the source's frame and find where the source shows it.

    Args:
        part: the part alone, straight alpha; not empty.
        source: the source image.
        possible: where the part may be seen.
        foreground: where the object is seen.
        source_from_part: pixels of the part's picture to pixels of the source.
    """
    rgba = resampled(part, source_from_part, (source.shape[0], source.shape[1]))
    drawn = rgba[..., 3] >= _OPAQUE
    zoom = float(np.linalg.det(source_from_part[:2, :2]))
    whole_px = float((part[..., 3] >= _OPAQUE).sum()) * zoom
    outside = float(np.clip(1.0 - drawn.sum() / max(whole_px, 1.0), 0.0, 1.0))
    room = drawn & possible
    if not room.any():
        return Comparison(rgba, room, room, 0.0, None, outside)
    size = float(np.sqrt(drawn.sum()))
    pair = tuple(_smoothed(_filled(image, drawn), _SMOOTH * size) for image in (rgba, source))
    visible = _agreeing(pair, drawn, room)
    shown = visible | _agreeing(pair, drawn, drawn & foreground)
    share = float(visible.sum() / drawn.sum())
    structure = _structure(rgba, source, visible, size)
    return Comparison(rgba, visible, shown, share, structure, outside)


def _agreeing(
    pair: tuple[Float32[np.ndarray, "H W 3"], ...],
    drawn: Bool[np.ndarray, "H W"],
    room: Bool[np.ndarray, "H W"],
) -> Bool[np.ndarray, "H W"]:
    """Where part and source are alike within a room, without specks and gaps."""
    if not room.any():
        return room
    drawn_px = float(drawn.sum())
    size = float(np.sqrt(drawn_px))
    agrees = room & (_difference(pair[0], pair[1], room, _LIGHT * size) < _AGREES)
    gap = max(1, round(_GAP * size))
    agrees = morphology.closed(morphology.opened(agrees, gap // 2), gap) & room
    agrees = morphology.without_specks(agrees, _SPECK * drawn_px)
    return room & ~morphology.without_specks(drawn & ~agrees, _SPECK * drawn_px)


def resampled(
    part: UInt8[np.ndarray, "h w 4"], source_from_part: Float[np.ndarray, "3 3"],
    shape: tuple[int, int],
) -> UInt8[np.ndarray, "H W 4"]:  # fmt: skip
    """A picture moved by a similarity, its colours weighted by alpha; clear where nothing came."""
    zoom = float(np.sqrt(np.linalg.det(source_from_part[:2, :2])))
    alpha = part[..., 3:].astype(np.float32) / 255.0
    weighted = np.dstack([part[..., :3].astype(np.float32) * alpha, alpha * 255.0])
    if zoom < 1.0:  # detail finer than the source's pixels would alias
        weighted = np.asarray(cv2.GaussianBlur(weighted, (0, 0), max(0.5 * (1.0 / zoom - 1), 0.01)))
    half = np.eye(3)
    half[:2, 2] = 0.5  # OpenCV's pixel centres lie at whole numbers
    by_index = (np.linalg.inv(half) @ source_from_part @ half)[:2]
    size = (shape[1], shape[0])
    moved = np.asarray(cv2.warpAffine(weighted, by_index, size, flags=cv2.INTER_CUBIC))
    moved[..., :3] /= np.maximum(moved[..., 3:] / 255.0, 1e-3)
    moved[moved[..., 3] < 1.0] = 0.0
    return np.rint(np.clip(moved, 0.0, 255.0)).astype(np.uint8)


def _filled(image: np.ndarray, drawn: Bool[np.ndarray, "H W"]) -> Float32[np.ndarray, "H W 4"]:
    """Colours in L*a*b*, and the weight 1 where the part is."""
    lab = colour.lab_from_rgb(np.ascontiguousarray(image[..., :3]))
    return np.dstack([lab * drawn[..., None], drawn.astype(np.float32)])


def _smoothed(weighted: Float32[np.ndarray, "H W 4"], sigma: float) -> Float32[np.ndarray, "H W 3"]:
    blurred = np.asarray(cv2.GaussianBlur(weighted, (0, 0), max(sigma, 0.6)))
    return blurred[..., :3] / np.maximum(blurred[..., 3:], 1e-3)


def _difference(
    one: Float32[np.ndarray, "H W 3"],
    two: Float32[np.ndarray, "H W 3"],
    room: Bool[np.ndarray, "H W"],
    sigma: float,
) -> Float32[np.ndarray, "H W"]:
    """L*a*b* difference without the light of the whole and slow changes of lightness."""
    light = fit_light(one[room], two[room][None], np.ones((1, int(room.sum())), np.float32))
    lit = one * light.gain[0].astype(np.float32) + light.shift[0].astype(np.float32)
    rest = two - lit
    near = (room & (np.linalg.norm(rest, axis=-1) < 2.0 * _AGREES)).astype(np.float32)
    total = np.asarray(cv2.GaussianBlur(near, (0, 0), max(sigma, 1.0)))
    slow = np.asarray(cv2.GaussianBlur(rest[..., 0] * near, (0, 0), max(sigma, 1.0)))
    rest[..., 0] -= np.clip(slow / np.maximum(total, 1e-3), -_AGREES, _AGREES)
    return np.linalg.norm(rest, axis=-1).astype(np.float32)


def _structure(
    rgba: UInt8[np.ndarray, "H W 4"],
    source: UInt8[np.ndarray, "H W 3"],
    visible: Bool[np.ndarray, "H W"],
    size: float,
) -> float | None:
    """Correlation of lightness in windows, weighted by how much the source varies there."""
    inner = morphology.eroded(visible, max(2, round(_SMOOTH * size))).astype(np.float32)
    one, two = (
        colour.lab_from_rgb(np.ascontiguousarray(image[..., :3]))[..., 0]
        for image in (rgba, source)
    )
    sigma = max(0.03 * size, 2.0)

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.maximum(cv2.GaussianBlur(inner, (0, 0), sigma), 1e-3)
        return (
            np.asarray(cv2.GaussianBlur((values * inner).astype(np.float32), (0, 0), sigma)) / total
        )

    mean_one, mean_two = mean(one), mean(two)
    var_one = np.maximum(mean(one**2) - mean_one**2, 0.0)
    var_two = np.maximum(mean(two**2) - mean_two**2, 0.0)
    covariance = mean(one * two) - mean_one * mean_two
    detailed = (inner > 0) & (np.sqrt(np.maximum(var_one, var_two)) > _DETAIL)
    if detailed.sum() < 0.02 * max(inner.sum(), 1.0):
        return None
    # Noise of a plain window is no structure: variances below that of noise count as it.
    floor = 0.25 * _DETAIL**2
    correlation = covariance / np.sqrt((var_one + floor) * (var_two + floor))
    weight = np.where(detailed, np.sqrt(np.maximum(var_one, var_two)), 0.0)
    return float((correlation * weight).sum() / weight.sum())
