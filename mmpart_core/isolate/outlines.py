"""Outlines that run under a cover, and curves that join their ends."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.images import morphology

# Pixels are those of the image that was given. All of these are set by hand on the examples, which
# ``benchmarks/isolation.py`` scores as a whole; none is measured by itself.
# An outline's point this near the cover runs along it.
_REACH_PX = 2
_SKIP_PX = 3  # next to the cover the outline is blurred
# Shorter stretches along the cover are no cuts, and shorter free ones between two do not part them.
_LEAST_PX = 6
_TANGENT_SHARE = 0.2  # of the cut's width: how far back the direction is read
_TANGENT_PX = (6, 40)  # bounds of it: enough points for a mean, and not the whole side of the part
# A curve leaves the chord at this angle at most: beyond a half circle's 90 degrees it overhangs.
_STEEPEST = np.deg2rad(100.0)
# Two cuts are joined into a bar if each heads for the other (cosine: within 41 degrees), if the
# narrower has this share of the wider one's width, and if the cover hides this share of the bar: a
# bar over open background would be seen.
_FACING = 0.75
_ALIKE = 0.55
_COVERED = 0.8
# Points of a curve: a half circle 500 pixels wide is met to about 0.2 pixels.
_SAMPLES = 48

Point = Float[np.ndarray, "2"]


@dataclass
class Cut:
    """A stretch of a part's outline along its cover.

    Attributes:
        path: its points (column, row), in the outline's direction.
        entering: unit direction of the outline where it runs under the cover, at the path's start.
        leaving: the same at the path's end, seen backwards: it points under the cover too.
        outward: unit normal of the chord, away from the part.
        thickness: twice the visible piece's area over its outline's length, pixels: the width of
            a tube, the radius of a disc.
        bridged: joined to another cut.
    """

    path: Float[np.ndarray, "P 2"]
    entering: Point
    leaving: Point
    outward: Point
    thickness: float
    bridged: bool = False

    @property
    def width(self) -> float:
        """Length of the chord, pixels."""
        return float(np.linalg.norm(self.path[-1] - self.path[0]))

    @property
    def heading(self) -> Point:
        """Unit direction in which the part runs under the cover."""
        mean = self.entering + self.leaving
        length = float(np.linalg.norm(mean))
        return mean / length if length > 0.2 else self.outward


def find_cuts(mask: Bool[np.ndarray, "H W"], cover: Bool[np.ndarray, "H W"]) -> list[Cut]:
    """Where the outer outline of one piece runs along a cover.

    Args:
        mask: one connected piece.
        cover: visible pixels of what is in front of it.
    """
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    near = morphology.dilated(cover, _REACH_PX)
    cuts: list[Cut] = []
    for contour in found:
        points = np.asarray(contour)[:, 0].astype(np.float64)
        touching = near[points[:, 1].astype(int), points[:, 0].astype(int)]
        if touching.all() or not touching.any() or len(points) < 4 * _LEAST_PX:
            continue
        thickness = 2.0 * float(mask.sum()) / len(points)
        first = int(np.flatnonzero(~touching)[0])  # start at a point that is free
        points, touching = np.roll(points, -first, axis=0), np.roll(touching, -first)
        turn = np.sign(cv2.contourArea(points.astype(np.float32), oriented=True)) or 1.0
        for start, stop in _runs(touching):
            if stop - start >= _LEAST_PX:
                cuts.append(_cut(points, touching, (start, stop), float(turn), thickness))
    return cuts


def _runs(flags: Bool[np.ndarray, " P"]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of each stretch of true values; short gaps are closed."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for start, stop in edges.reshape(-1, 2).tolist():
        if runs and start - runs[-1][1] <= _LEAST_PX:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    return runs


def _cut(
    points: Float[np.ndarray, "P 2"],
    touching: Bool[np.ndarray, " P"],
    span: tuple[int, int],
    turn: float,
    thickness: float,
) -> Cut:
    start, stop = span
    path = points[start:stop]
    chord = path[-1] - path[0]
    length = max(float(np.linalg.norm(chord)), 1e-6)
    back = int(np.clip(_TANGENT_SHARE * length, *_TANGENT_PX))
    outward = turn * np.array([chord[1], -chord[0]]) / length
    entering = _direction(points, touching, start, -1, back, outward)
    leaving = _direction(points, touching, stop - 1, 1, back, outward)
    return Cut(path, entering, leaving, outward, thickness)


def _direction(
    points: Float[np.ndarray, "P 2"],
    touching: Bool[np.ndarray, " P"],
    at: int,
    step: int,
    back: int,
    fallback: Point,
) -> Point:
    """Unit direction of the free outline towards an end of a cut."""
    indices = (at + step * np.arange(_SKIP_PX, _SKIP_PX + back + 1)) % len(points)
    covered = np.flatnonzero(touching[indices])
    indices = indices[: int(covered[0])] if len(covered) else indices
    if len(indices) < _LEAST_PX // 2:
        return fallback
    half = max(len(indices) // 3, 1)
    direction = points[indices[:half]].mean(axis=0) - points[indices[-half:]].mean(axis=0)
    length = float(np.linalg.norm(direction))
    return direction / length if length > 0 else fallback


def close_cut(cut: Cut, shape: tuple[int, ...], bulge: float) -> Bool[np.ndarray, "H W"]:
    """The area between a cut and the curve that joins its ends.

    The curve is a cubic that leaves the ends in the outline's directions; for equal angles it is
    the usual approximation of a circle's arc.

    Args:
        cut: where the outline is cut.
        shape: rows and columns of the result.
        bulge: height of the curve over half the chord at most.
    """
    start, end = cut.path[0], cut.path[-1]
    width = max(cut.width, 1e-6)
    along = (end - start) / width
    angles = [
        float(np.clip(np.arctan2(t @ cut.outward, sign * (t @ along)), 0.0, _STEEPEST))
        for t, sign in ((cut.entering, 1.0), (cut.leaving, -1.0))
    ]
    if np.isinf(bulge):  # an ear or a brim at one end says little on how the whole goes on
        angles = [max(angles)] * 2
    mean = max(sum(angles) / 2.0, 1e-3)
    handle = width * (4.0 / 3.0) * np.tan(mean / 2.0) / (2.0 * np.sin(mean))
    first = start + handle * (np.cos(angles[0]) * along + np.sin(angles[0]) * cut.outward)
    last = end + handle * (-np.cos(angles[1]) * along + np.sin(angles[1]) * cut.outward)
    curve = _bezier(start, first, last, end)
    height = (curve - start) @ cut.outward
    # A thin thing that runs along its cover shows a long cut, and is no thicker behind it.
    allowed = bulge * width / 2.0 if np.isinf(bulge) else min(bulge * width / 2.0, cut.thickness)
    if height.max() > allowed:
        curve -= np.outer(height * (1.0 - allowed / height.max()), cut.outward)
    return _filled(np.concatenate([cut.path, curve[::-1]]), shape)


def bridge_cuts(
    cuts: Sequence[Cut], visible: Bool[np.ndarray, "H W"], cover: Bool[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """Join cuts that face each other across a cover; joined ones are marked.

    Args:
        cuts: of one part.
        visible: where the part is seen.
        cover: what is in front of it.
    """
    bridged = np.zeros_like(visible)
    pairs = sorted(itertools.combinations(cuts, 2), key=lambda pair: _gap(*pair))
    for one, other in pairs:
        if one.bridged or other.bridged or not _face(one, other):
            continue
        sides = [
            _joined(one.path[-1], one.leaving, other.path[0], other.entering),
            _joined(other.path[-1], other.leaving, one.path[0], one.entering),
        ]
        area = _filled(np.concatenate([one.path, sides[0], other.path, sides[1]]), visible.shape)
        hidden = area & ~visible
        if (hidden & cover).sum() >= _COVERED * hidden.sum():
            bridged |= hidden & cover
            one.bridged = other.bridged = True
    return bridged


def _gap(one: Cut, other: Cut) -> float:
    return float(np.linalg.norm(one.path.mean(axis=0) - other.path.mean(axis=0)))


def _face(one: Cut, other: Cut) -> bool:
    apart = other.path.mean(axis=0) - one.path.mean(axis=0)
    apart /= max(float(np.linalg.norm(apart)), 1e-6)
    widths = sorted((one.width, other.width))
    return bool(
        one.heading @ apart > _FACING
        and -(other.heading @ apart) > _FACING
        and widths[0] > _ALIKE * widths[1]
    )


def _joined(start: Point, leaving: Point, end: Point, entering: Point) -> Float[np.ndarray, "S 2"]:
    handle = float(np.linalg.norm(end - start)) / 3.0
    return _bezier(start, start + handle * leaving, end + handle * entering, end)


def _bezier(a: Point, b: Point, c: Point, d: Point) -> Float[np.ndarray, "S 2"]:
    t = np.linspace(0.0, 1.0, _SAMPLES)[:, None]
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d


def _filled(corners: Float[np.ndarray, "P 2"], shape: tuple[int, ...]) -> Bool[np.ndarray, "H W"]:
    drawn = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(drawn, [np.rint(corners).astype(np.int32)], (1,))
    return drawn > 0
