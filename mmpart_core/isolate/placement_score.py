"""How well a placement of a drawn part agrees with the source image, whatever the light."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from mmpart_core.isolate.image_points import PartPoints, SourceMaps

# L*a*b* difference that is left of an agreeing pixel after the light is taken out. An edit model
# draws the part anew, so this is more than noise; by hand on real edits.
COLOUR_SIGMA = 6.0
# What another light may do: L*a*b* channels are scaled and shifted by no more. Beyond, it is
# another colour. By hand.
_GAIN = (0.6, 1.6)
_SHIFT = (25.0, 15.0, 15.0)
_BEYOND = 0.3  # weight of colours that go on beyond the outline; by hand
_ROUNDS = 2  # of reweighting when the light is fitted
_SPREAD = 4.0  # variance added to a channel's: the gain of a flat one is 1, not noise


@dataclass(frozen=True)
class Score:
    """Agreement of K placements, each number in [0, 1].

    Attributes:
        colour: share of the part's points that have their colour, in another light, in the source.
        edges: share of its edge points on an edge of that direction.
        beyond: share of points just outside its outline that still have its colour: a plain part
            drawn too small would agree anywhere within itself.
    """

    colour: Float[np.ndarray, "K"]
    edges: Float[np.ndarray, "K"]
    beyond: Float[np.ndarray, "K"]

    @property
    def total(self) -> Float[np.ndarray, "K"]:
        """All of them, as one number."""
        return 0.5 * (self.colour + self.edges) - _BEYOND * self.beyond


@dataclass(frozen=True)
class Light:
    """What turns the part's L*a*b* colours into the source's: ``gain * lab + shift``."""

    gain: Float[np.ndarray, "K 3"]
    shift: Float[np.ndarray, "K 3"]


def score_placements(
    points: PartPoints,
    maps: SourceMaps,
    source_from_part: Float[np.ndarray, "K 3 3"],
    edge_sigma_px: float,
) -> Score:
    """Score placements.

    Args:
        points: of the drawn part.
        maps: of the source.
        source_from_part: similarities that bring the part's pixels into the source's.
        edge_sigma_px: distance to an edge at which it hardly counts, in pixels of the maps.
    """
    small_from_part = np.diag([maps.scale, maps.scale, 1.0]) @ source_from_part
    seen, room = _looked_up(points.inside, maps, small_from_part)
    gain, shift = _fitted(points.lab, seen, room)
    near = _near_colour(points.lab, seen, room, gain, shift)
    beyond = np.zeros(len(seen))
    if len(points.around):
        around = _looked_up(points.around, maps, small_from_part)
        beyond = _near_colour(points.around_lab, *around, gain, shift).mean(axis=1)
    away = _edge_distance(points, maps, small_from_part)
    on_edge = np.exp(-0.5 * (away / edge_sigma_px) ** 2) @ points.weights
    return Score(near.mean(axis=1), on_edge, beyond)


def fit_light(
    lab: Float32[np.ndarray, "P 3"],
    seen: Float32[np.ndarray, "K P 3"],
    room: Float32[np.ndarray, "K P"],
) -> Light:
    """The light that most points agree on: weighted least squares, reweighted.

    Args:
        lab: colours of the part.
        seen: colours of the source at the same points.
        room: weights, 0 where the part cannot be seen.
    """
    return Light(*_fitted(lab, seen, room))


# The functions below are called a thousand times and more for each part, so shapes are checked
# where arrays come in: in the functions above.


def _looked_up(
    points: np.ndarray, maps: SourceMaps, small_from_part: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colours (K P 3) of the source at points of the part, and whether it may be seen there."""
    at = _placed(points, small_from_part)
    return _sampled(maps.lab, at), _sampled(maps.possible, at)


def _fitted(lab: np.ndarray, seen: np.ndarray, room: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gain and shift of the light, both K 3."""
    weight = room.astype(np.float64)
    gain, shift = np.ones((len(seen), 3)), np.zeros((len(seen), 3))
    for _ in range(_ROUNDS):
        total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-6)
        mean_part = weight @ lab / total
        mean_seen = np.einsum("kp,kpc->kc", weight, seen) / total
        square = weight @ (lab.astype(np.float64) ** 2) / total - mean_part**2
        cross = np.einsum("kp,kpc,pc->kc", weight, seen, lab) / total - mean_part * mean_seen
        # The gain is drawn to 1: a channel without variance says nothing about it.
        gain = np.clip((cross + _SPREAD) / (square + _SPREAD), *_GAIN)
        middle = np.array([50.0, 0.0, 0.0])
        shift = mean_seen - gain * mean_part
        # A gain about the middle of its range is light, what is left beyond is another colour.
        limit = np.array(_SHIFT)
        shift = np.clip(shift, (1 - gain) * middle - limit, (1 - gain) * middle + limit)
        weight = room * _near_colour(lab, seen, room, gain, shift, 2.0 * COLOUR_SIGMA)
    return gain, shift


def _near_colour(
    lab: np.ndarray,
    seen: np.ndarray,
    room: np.ndarray,
    gain: np.ndarray,
    shift: np.ndarray,
    sigma: float = COLOUR_SIGMA,
) -> np.ndarray:
    """How near each point's colour is in that light, K P."""
    lit = gain[:, None].astype(np.float32) * lab + shift[:, None].astype(np.float32)
    away = ((seen - lit) ** 2).sum(axis=-1)
    return room * np.exp(-0.5 * away / sigma**2)


def _edge_distance(points: PartPoints, maps: SourceMaps, small_from_part: np.ndarray) -> np.ndarray:
    """Distance of each edge point to an edge of its direction, K E, in pixels of the maps."""
    at = _placed(points.edges, small_from_part)
    away = np.zeros(at.shape[:2])
    for index, layer in enumerate(maps.distance):
        chosen = points.bins == index
        if chosen.any():
            # Beyond the image's border there are no edges: they count as far away.
            away[:, chosen] = _sampled(layer, at[:, chosen], outside=float(max(layer.shape)))
    return away


def _placed(points: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Points (P 2) moved by similarities, K P 2."""
    moved = points @ transforms[:, :2, :2].transpose(0, 2, 1) + transforms[:, None, :2, 2]
    return moved.astype(np.float32)


def _sampled(image: np.ndarray, at: np.ndarray, outside: float = 0.0) -> np.ndarray:
    """Bilinear samples; pixel centres lie at half numbers."""
    # remap takes tables of less than 32768 on a side: points are laid out in rows of placements.
    columns, rows = np.ascontiguousarray(at[..., 0] - 0.5), np.ascontiguousarray(at[..., 1] - 0.5)
    return np.asarray(
        cv2.remap(
            image, columns, rows, cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT, borderValue=(outside,) * 4,
        )
    )  # fmt: skip
