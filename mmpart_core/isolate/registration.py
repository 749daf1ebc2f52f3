"""Where a drawn part lies in the source image: a similarity, and how sure it is.

An image-edit model is asked to leave the part in its place, and mostly shifts and scales it a
little. Candidates (its place as drawn, a grid of shifts and scales, matched keypoints where there
is texture) are scored by colour and edges, the best are refined from coarse to fine. Hidden areas
do not agree with the source and are not expected to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy import optimize

from mmpart_core.isolate.image_points import PartPoints, SourceMaps, part_points, source_maps
from mmpart_core.isolate.keypoints import match_keypoints
from mmpart_core.isolate.placement_score import Score, score_placements

# Set by hand on the examples; ``benchmarks/isolation_gate.py`` gives the errors of all together.
# Part sizes (square root of the area) in pixels of the search's copy, from coarse to fine, and how
# near an edge must be at each, in such pixels.
_SIZES_PX = (36.0, 90.0, 240.0)
_EDGE_SIGMAS_PX = (2.0, 1.6, 1.2)
_COUNTS = ((200, 200), (500, 400), (1000, 800))  # points inside and on edges
_MAX_SIDE_PX = (288, 640, 1536)  # of the source's copy
_EVALUATIONS = (70, 90, 110)  # of the score, per refinement
_SCALES = tuple(float(s) for s in np.geomspace(0.64, 1.56, 11))
_STEP = 0.08  # of the part's size, between the shifts that are tried
_REACH = 0.35  # of the source's longer side: shifts that are tried
_STARTS = 7  # candidates that are refined
_FINALISTS = 3  # of them that are refined at full detail
_TURNS_DEG = (-4.0, 0.0, 4.0)
# A model asked to leave the part in place mostly does: a shift of a quarter of the image, about
# half the size, or a turn by six degrees must agree so much better than what lies nearer.
_PRIOR, _PRIOR_SHIFT, _PRIOR_SCALE, _PRIOR_TURN = 0.04, 0.25, 0.6, float(np.deg2rad(6.0))
_MAX_TURN_DEG = 15.0
_APART = 0.15  # of the part's size, or of its scale: placements further apart are different


@dataclass(frozen=True)
class Registration:
    """A part's place in the source image.

    Attributes:
        source_from_part: similarity, pixels of the part's image to pixels of the source, whose top
            left pixel's centre is (0.5, 0.5).
        confidence: 0 to 1; from 0.5 on the place is to be trusted.
        colour: share of the part that agrees with the source in colour, up to the light.
        edges: share of its edges that lie on edges of the source.
        rival: score of the best other place over that of this one.
    """

    source_from_part: Float[np.ndarray, "3 3"]
    confidence: float
    colour: float
    edges: float
    rival: float


def register_part(
    part: UInt8[np.ndarray, "h w 4"],
    source: UInt8[np.ndarray, "H W 3"],
    possible: Bool[np.ndarray, "H W"],
    source_from_drawn: Float[np.ndarray, "3 3"],
) -> Registration:
    """Find a drawn part in the source image.

    Args:
        part: the part alone, straight alpha; not empty.
        source: the source image.
        possible: where the part may be seen: the object, or what a region hint leaves of it.
        source_from_drawn: where it lies if the model left it in its place.
    """
    search = _Search(part, source, possible, source_from_drawn)
    starts = search.starts()
    found = sorted((search.refined(start, 1) for start in starts), key=lambda item: -item[1])
    finest = [search.refined(placed, 2) for placed, _ in found[:_FINALISTS]]
    best, value = max(finest, key=lambda item: item[1])
    others = [score for placed, score in found if search.apart(placed, best)]
    rival = max([*others, 0.0]) / max(float(search.valued(best[None], 1)[0]), 1e-6)
    score = search.score(best[None], 2)
    colour, edges = float(score.colour[0]), float(score.edges[0])
    steady = search.steadiness(best, value)
    return Registration(best, _confidence(colour, edges, rival, steady), colour, edges, rival)


def _confidence(colour: float, edges: float, rival: float, steady: float) -> float:
    """From what agrees, and from how much less anything else does; by hand on the benchmark."""
    agrees = np.clip((0.5 * (colour + edges) - 0.25) / 0.35, 0.0, 1.0)
    alone = np.clip((1.0 - rival) / 0.12, 0.0, 1.0)
    return float(agrees * (0.4 + 0.6 * alone) * np.clip(steady / 0.03, 0.0, 1.0))


class _Search:
    """Copies of one part and its source at three scales.

    Placements are 3 3, or K 3 3 where there are several. The methods are called a thousand times
    and more for each part: shapes are checked by ``register_part`` and by ``score_placements``.
    """

    def __init__(
        self,
        part: UInt8[np.ndarray, "h w 4"],
        source: UInt8[np.ndarray, "H W 3"],
        possible: Bool[np.ndarray, "H W"],
        source_from_drawn: Float[np.ndarray, "3 3"],
    ) -> None:
        self._part, self._source, self._drawn = part, source, source_from_drawn
        zoom = float(np.sqrt(np.linalg.det(source_from_drawn[:2, :2])))
        area = float((part[..., 3] >= 128).sum())
        size = max(np.sqrt(area) * zoom, 1.0)  # in pixels of the source
        longest = max(source.shape[:2])
        self._levels: list[tuple[PartPoints, SourceMaps]] = []
        for wanted, limit, counts in zip(_SIZES_PX, _MAX_SIDE_PX, _COUNTS, strict=True):
            scale = float(min(1.0, wanted / size, limit / longest))
            points = part_points(part, min(1.0, scale * zoom), counts)
            self._levels.append((points, source_maps(source, possible, scale)))
        self._size, self._longest = size, float(longest)

    def score(self, placements: np.ndarray, level: int) -> Score:
        """Scores at one level."""
        points, maps = self._levels[level]
        return score_placements(points, maps, placements, _EDGE_SIGMAS_PX[level])

    def valued(self, placements: np.ndarray, level: int) -> np.ndarray:
        """Scores less what moving the part costs."""
        change = placements @ np.linalg.inv(self._drawn)
        center = np.append(self._levels[0][0].center, 1.0)
        moved = (placements @ center - self._drawn @ center)[:, :2]
        shift = np.linalg.norm(moved, axis=1) / self._longest / _PRIOR_SHIFT
        scale = np.log(np.sqrt(np.linalg.det(change[:, :2, :2]))) / _PRIOR_SCALE
        turn = np.arctan2(change[:, 1, 0], change[:, 0, 0]) / _PRIOR_TURN
        return self.score(placements, level).total - _PRIOR * (shift**2 + scale**2 + turn**2)

    def moved(self, start: np.ndarray, step: np.ndarray) -> np.ndarray:
        """A placement changed by shifts (part sizes), log scale and turn (radians)."""
        center = (start @ np.append(self._levels[0][0].center, 1.0))[:2]
        turn = np.exp(step[2]) * np.array(
            [[np.cos(step[3]), -np.sin(step[3])], [np.sin(step[3]), np.cos(step[3])]]
        )
        change = np.eye(3)
        change[:2, :2] = turn
        change[:2, 2] = center - turn @ center + step[:2] * self._size
        return change @ start

    def starts(self) -> list[np.ndarray]:
        """Different placements worth refining: as drawn, by keypoints, and the best of a grid."""
        chosen = [self._drawn]
        keypoints = match_keypoints(self._part, self._source)
        if keypoints is not None and self._plausible(keypoints):
            chosen.append(keypoints)
        grid, values = self._grid()
        for index in np.argsort(-values):
            if len(chosen) >= _STARTS:
                break
            if all(self.apart(grid[index], other) for other in chosen[1:]):
                chosen.append(grid[index])
        return chosen

    def _plausible(self, placement: np.ndarray) -> bool:
        change = (placement @ np.linalg.inv(self._drawn))[:2, :2]
        turn = np.rad2deg(np.arctan2(change[1, 0], change[0, 0]))
        scale = np.sqrt(abs(np.linalg.det(change)))
        sized = _SCALES[0] / 1.5 < scale < _SCALES[-1] * 1.5
        return bool(abs(turn) <= _MAX_TURN_DEG and sized)

    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        count = int(np.clip(_REACH * self._longest / (_STEP * self._size), 1, 16))
        offsets = np.linspace(-_REACH, _REACH, 2 * count + 1) * self._longest / self._size
        placements, values = [], []
        for scale in _SCALES:
            steps = [np.array([x, y, np.log(scale), 0.0]) for y in offsets for x in offsets]
            some = np.stack([self.moved(self._drawn, step) for step in steps])
            placements.append(some)
            values.append(self.valued(some, 0))
        return np.concatenate(placements), np.concatenate(values)

    def refined(self, start: np.ndarray, level: int) -> tuple[np.ndarray, float]:
        """The best placement near one, and its value; level 1 starts from the coarsest copy."""
        if level == 1:
            start = self._climbed(start, 0, _TURNS_DEG)
        start = self._climbed(start, level, (0.0,) if level == 1 else (-1.5, 0.0, 1.5))
        return start, float(self.valued(start[None], level)[0])

    def _climbed(self, start: np.ndarray, level: int, turns: Sequence[float]) -> np.ndarray:
        points = self._levels[level]
        pixel = 1.0 / (points[1].scale * self._size)  # of this level, in part sizes
        reach = np.array([3.0 * pixel, 3.0 * pixel, 4.0 * pixel, 4.0 * pixel])
        turned = np.stack([self.moved(start, np.array([0, 0, 0, np.deg2rad(t)])) for t in turns])
        base = turned[int(self.valued(turned, level).argmax())]

        def loss(step: np.ndarray) -> float:
            return -float(self.valued(self.moved(base, step)[None], level)[0])

        simplex = np.concatenate([np.zeros((1, 4)), np.diag(reach)])
        done = optimize.minimize(
            loss, np.zeros(4), method="Nelder-Mead",
            options={"initial_simplex": simplex, "maxfev": _EVALUATIONS[level],
                     "xatol": 0.1 * pixel, "fatol": 1e-5},
        )  # fmt: skip
        return self.moved(base, np.asarray(done.x))

    def apart(self, one: np.ndarray, two: np.ndarray) -> bool:
        """Whether two placements are different ones, not the same one a little off."""
        center = np.append(self._levels[0][0].center, 1.0)
        shift = np.linalg.norm(((one - two) @ center)[:2]) / self._size
        scale = abs(0.5 * np.log(np.linalg.det(one[:2, :2]) / np.linalg.det(two[:2, :2])))
        return bool(shift > _APART or scale > _APART)

    def steadiness(self, best: np.ndarray, value: float) -> float:
        """How much the value falls at least when the part is moved by a twentieth of its size."""
        steps = np.concatenate([np.eye(4), -np.eye(4)]) * 0.05
        near = np.stack([self.moved(best, step) for step in steps])
        return float(value - self.valued(near, 2).max())
