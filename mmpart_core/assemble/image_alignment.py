"""Isolated images brought back to where the source shows the part: edit models shift and zoom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from mmpart_core.assemble import sight
from mmpart_core.assemble.protocol import PartEvidence

# An isolated image that covers less of the part's visible pixels than this, or lies on the
# background with more of its own than that, is not where it belongs. By hand, as all here.
_LEAST_COVERED = 0.9
_MOST_BESIDE = 0.05
_SIDE_PX = 128  # of the picture in which places are tried: 1 % of the object is about a pixel
_FINE_PX = 320  # of that in which the best place is refined
_FINE_STEPS = (0.012, 2.0, 2.0)  # logarithm of zoom, and pixels; halved so often:
_HALVINGS = 3
_ZOOMS = tuple(float(each) for each in np.exp(np.linspace(-0.3, 0.3, 25)))
# All of an image over other parts costs so much of the visible area: it may lie behind, but need
# not. By the image's own share, lest a part of which little is seen be made small for it. A move
# across the picture, and a zoom by e, cost so much of the visible area.
_BEHIND = 0.05
_FARTHER, _ZOOMED = 0.02, 0.1
_ALPHA_THRESHOLD = 128  # half of 255
# A hidden part lies in its box where the two boxes overlap by this much (IoU).
_IN_ITS_BOX = 0.5


@dataclass(frozen=True)
class Move:
    """How an isolated image was moved, in the source image.

    Attributes:
        zoom: factor about the image's top left corner.
        right_px: then moved right, in pixels.
        down_px: then moved down.
        middle_px: how far the middle of the part's box moved, in pixels.
    """

    zoom: float
    right_px: float
    down_px: float
    middle_px: float

    @property
    def matrix(self) -> Float[np.ndarray, "2 3"]:
        """Source pixel positions to moved ones."""
        return np.array([[self.zoom, 0.0, self.right_px], [0.0, self.zoom, self.down_px]])


def align_part(
    part: PartEvidence,
    others: Sequence[PartEvidence],
    foreground: Bool[np.ndarray, "H W"],
) -> tuple[PartEvidence, Move | None]:
    """Move and scale a part's isolated image so that it lies over the part's visible pixels.

    A part of which nothing is visible goes into the box that the user or the planner gave it, where
    it lies elsewhere.

    Left as it is where it covers them and keeps off the background; where another part is seen, it
    may lie behind.

    Args:
        part: with its isolated image.
        others: all other parts.
        foreground: the whole object.

    Returns:
        The part, and the move; None where none was needed or can be found.
    """
    alpha = part.rgba[..., 3] >= _ALPHA_THRESHOLD
    visible = part.visible
    if alpha.any() and not visible.any() and part.box is not None:
        return _boxed(part, alpha, part.box)
    if not visible.any() or not alpha.any() or _fits(alpha, visible, foreground):
        return part, None
    seen = np.zeros_like(visible)
    for other in others:
        seen |= other.visible
    field = _Field.of(visible, seen | foreground)
    move = _refined(_best_move(alpha, field), alpha, field)
    moved = _moved(part.rgba, move)
    solid = moved[..., 3] >= _ALPHA_THRESHOLD
    if not solid.any() or field.score(solid) <= field.score(alpha):
        return part, None
    return replace(part, rgba=moved, imagined=solid & ~visible), move


@dataclass(frozen=True)
class _Field:
    """What a pixel of an isolated image is worth where it lies in the source.

    Attributes:
        worth: 1 over the part's visible pixels, -1 over the background, else 0.
        behind: 1 over other parts, else 0.
        seen: sum of visible pixels.
    """

    worth: Float[np.ndarray, "h w"]
    behind: Float[np.ndarray, "h w"]
    seen: float

    @classmethod
    def of(cls, visible: Bool[np.ndarray, "h w"], others: Bool[np.ndarray, "h w"]) -> "_Field":
        behind = (others & ~visible).astype(np.float32)
        worth = visible.astype(np.float32) - (~others & ~visible).astype(np.float32)
        return cls(worth, behind, float(visible.sum()))

    def resized(self, size: tuple[int, int]) -> "_Field":
        """Of another width and height."""
        worth, behind = (
            cv2.resize(each, size, interpolation=cv2.INTER_AREA)
            for each in (self.worth, self.behind)
        )
        return _Field(worth, behind, self.seen * worth.size / self.worth.size)

    def behind_cost(self, area: float) -> float:
        """Of one pixel behind another part, of an image that covers so many."""
        return _BEHIND * self.seen / max(area, 1e-9)

    def score(self, shown: Shaped[np.ndarray, "h w"]) -> float:
        """What an image in place is worth; its pixels are 0 to 1, or false and true."""
        hidden = self.behind_cost(float(shown.sum())) * float((shown * self.behind).sum())
        return float((shown * self.worth).sum()) - hidden


def _boxed(
    part: PartEvidence, alpha: Bool[np.ndarray, "H W"], box: sight.Box
) -> tuple[PartEvidence, Move | None]:
    """A hidden part moved into its box, where it lies elsewhere; its proportions stay.

    The zoom is the geometric mean of those of width and height.
    """
    height, width = alpha.shape
    have = np.array(sight.mask_box(alpha))
    want = np.array(box) * [width, height, width, height]
    if _box_overlap(have, want) >= _IN_ITS_BOX:
        return part, None
    zoom = float(np.sqrt(np.prod(np.maximum(want[2:] - want[:2], 1.0) / (have[2:] - have[:2]))))
    middle, target = (have[:2] + have[2:]) / 2.0, (want[:2] + want[2:]) / 2.0
    right, down = target - zoom * middle
    move = Move(zoom, float(right), float(down), float(np.hypot(*(target - middle))))
    moved = _moved(part.rgba, move)
    solid = moved[..., 3] >= _ALPHA_THRESHOLD
    if not solid.any():
        return part, None
    return replace(part, rgba=moved, imagined=solid), move


def _box_overlap(one: Float[np.ndarray, "4"], two: Float[np.ndarray, "4"]) -> float:
    shared = np.maximum(np.minimum(one[2:], two[2:]) - np.maximum(one[:2], two[:2]), 0.0)
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(two[2:] - two[:2]))
    return float(np.prod(shared)) / max(areas - float(np.prod(shared)), 1e-9)


def _fits(
    alpha: Bool[np.ndarray, "H W"],
    visible: Bool[np.ndarray, "H W"],
    foreground: Bool[np.ndarray, "H W"],
) -> bool:
    covered = float((alpha & visible).sum() / visible.sum())
    beside = float((alpha & ~foreground & ~visible).sum() / alpha.sum())
    return covered >= _LEAST_COVERED and beside <= _MOST_BESIDE


def _best_move(alpha: Bool[np.ndarray, "H W"], field: _Field) -> Move:
    """The move whose pixels are worth most: every shift at once, by correlation."""
    small, field, factor, middle = _shrunk(alpha, field, _SIDE_PX)
    size = (small.shape[1], small.shape[0])
    # Beyond the picture is background: the field is twice as large, and wraps there.
    worth, behind = (
        np.pad(each, ((0, size[1]), (0, size[0])), constant_values=beyond)
        for each, beyond in ((field.worth, -1.0), (field.behind, 0.0))
    )
    seen_spectrum, behind_spectrum = np.fft.rfft2(worth), np.fft.rfft2(behind)
    rows = np.fft.fftfreq(worth.shape[0]) * worth.shape[0]
    columns = np.fft.fftfreq(worth.shape[1]) * worth.shape[1]
    far = _FARTHER * np.hypot(rows[:, None], columns[None, :]) / _SIDE_PX
    best, most = Move(1.0, 0.0, 0.0, 0.0), -np.inf
    for zoom in _ZOOMS:
        zoomed = np.zeros_like(worth)
        zoomed[: size[1], : size[0]] = cv2.warpAffine(small, _about(middle, zoom, middle), size)
        spectrum = seen_spectrum - field.behind_cost(float(zoomed.sum())) * behind_spectrum
        score = np.fft.irfft2(spectrum * np.conj(np.fft.rfft2(zoomed)), s=worth.shape)
        score = score - field.seen * (far + _ZOOMED * abs(np.log(zoom)))
        at = np.unravel_index(int(np.argmax(score)), score.shape)
        if float(score[at]) > most:
            most = float(score[at])
            shift = np.array([columns[at[1]], rows[at[0]]]) / factor
            offset = (1.0 - zoom) * middle / factor + shift
            best = Move(zoom, float(offset[0]), float(offset[1]), float(np.hypot(*shift)))
    return best


def _refined(move: Move, alpha: Bool[np.ndarray, "H W"], field: _Field) -> Move:
    """The move after a pattern search with bilinear edges, in a finer picture."""
    small, field, factor, middle = _shrunk(alpha, field, _FINE_PX)
    size = (small.shape[1], small.shape[0])
    to = move.zoom * middle + np.array([move.right_px, move.down_px]) * factor
    best = np.array([np.log(move.zoom), *to])

    def score(place: Float[np.ndarray, "3"]) -> float:
        matrix = _about(middle, float(np.exp(place[0])), place[1:])
        zoomed = _ZOOMED * field.seen * abs(float(place[0]))
        return field.score(cv2.warpAffine(small, matrix, size)) - zoomed

    most, steps = score(best), np.array(_FINE_STEPS)
    for _ in range(_HALVINGS):
        improved = True
        while improved:
            improved = False
            for change in (*np.diag(steps), *np.diag(-steps)):
                found = score(best + change)
                if found > most:
                    best, most, improved = best + change, found, True
        steps = steps / 2.0
    zoom = float(np.exp(best[0]))
    offset = (best[1:] - zoom * middle) / factor
    far = float(np.hypot(*(best[1:] - middle))) / factor
    return Move(zoom, float(offset[0]), float(offset[1]), far)


def _shrunk(
    alpha: Bool[np.ndarray, "H W"], field: _Field, longest_px: int
) -> tuple[Float[np.ndarray, "h w"], _Field, float, Float[np.ndarray, "2"]]:
    """An image and its field at most so large, the factor, and the middle of the image's box."""
    height, width = alpha.shape
    factor = min(1.0, longest_px / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(alpha.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    box = sight.mask_box(alpha) or (0.0, 0.0, float(width), float(height))
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2.0 * factor
    return small, field.resized(size), factor, middle


def _about(
    middle: Float[np.ndarray, "2"], zoom: float, to: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "2 3"]:
    """Scaled about a point that goes elsewhere."""
    return np.concatenate([zoom * np.eye(2), (to - zoom * middle)[:, None]], axis=1)


def _moved(rgba: UInt8[np.ndarray, "H W 4"], move: Move) -> UInt8[np.ndarray, "H W 4"]:
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    both = np.concatenate([rgba[..., :3] * alpha, alpha], axis=-1)
    both = cv2.warpAffine(both, move.matrix, (rgba.shape[1], rgba.shape[0]))
    color = both[..., :3] / np.maximum(both[..., 3:], 1e-3)
    straight = np.concatenate([color, 255.0 * both[..., 3:]], axis=-1)
    return np.clip(np.rint(straight), 0, 255).astype(np.uint8)
