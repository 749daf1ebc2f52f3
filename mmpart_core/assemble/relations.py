"""What parts are to each other beside pictures: in contact, apart, of one size.

Weak on purpose: it decides where pictures do not. A hundredth of the object that a part reaches
into another one, over a tenth of its surface, costs about a fiftieth of what moving it out of its
outline by as much costs in the pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble.facets import Facets
from mmpart_core.assemble.solids import Solid, solid_of

# By hand, as all here; object units. Less of a gap, or of depth inside another part, is the
# resolution of the distances.
_TOLERANCE = 0.005
_DEEPEST = 0.1
# Per cubed unit inside each other; per unit between parts in contact, up to so much.
_INSIDE, _GAP, _WIDEST = 0.5, 0.02, 0.5
# Parts are nearest where this share of the points that feel them are.
_NEAREST = 0.01
# Parts that stand no farther apart than this when pictures alone have spoken are in contact.
_MEETING = 0.03
# For twins whose sizes differ by so much or more.
_TWIN, _TWIN_SOFT = 0.002, 0.02

Pose = Float[np.ndarray, "4"]


@dataclass(frozen=True)
class Relations:
    """Solids and what is known of pairs of them.

    Attributes:
        solids: of all parts.
        touching: pairs i < j that are in contact.
        twins: pairs i < j of one size.
    """

    solids: tuple[Solid, ...]
    touching: frozenset[tuple[int, int]]
    twins: frozenset[tuple[int, int]]
    _radius: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        radius = tuple(float(np.linalg.norm(s.feelers, axis=1).max()) for s in self.solids)
        object.__setattr__(self, "_radius", radius)

    def energy(self, index: int, pose: Pose, poses: Float[np.ndarray, "K 4"]) -> float:
        """Cost of a part's pose among the others, squared object units; 0 is best.

        Args:
            index: the part.
            pose: scale and centre of it that is tried.
            poses: of all parts.
        """
        total = 0.0
        for other in range(len(poses)):
            if other == index:
                continue
            pair = min(index, other), max(index, other)
            if pair in self.twins:
                apart = np.log(pose[0] / poses[other][0]) / _TWIN_SOFT
                total += _TWIN * min(float(apart**2), 1.0)
            reach = pose[0] * self._radius[index] + poses[other][0] * self._radius[other]
            between = float(np.linalg.norm(pose[1:] - poses[other][1:])) - float(reach)
            touching = pair in self.touching
            if touching and between >= _WIDEST:
                total += _GAP * _WIDEST
            elif touching or between < 0.0:
                total += self._pair_energy(index, other, pose, poses[other], touching)
        return total

    def gap(self, one: int, two: int, poses: Float[np.ndarray, "K 4"]) -> float:
        """Between the surfaces of two parts; negative where they reach into each other.

        Infinite where neither is closed.
        """
        first, second = self._felt(one, two, poses[one], poses[two])
        return min(_nearest(first), _nearest(second))

    def reshaped(self, index: int, part: Facets, seed: int) -> "Relations":
        """With another shape of one part; who touches whom stays."""
        solids = list(self.solids)
        solids[index] = solid_of(part, seed + index)
        return Relations(tuple(solids), self.touching, self.twins)

    def _pair_energy(self, one: int, two: int, pose: Pose, other: Pose, touching: bool) -> float:
        first, second = self._felt(one, two, pose, other)
        total = 0.0
        for felt, index, scale in ((first, one, pose[0]), (second, two, other[0])):
            deep = np.clip(-felt - _TOLERANCE, 0.0, _DEEPEST)
            total += _INSIDE * self.solids[index].area * float(scale**2) * float(deep.mean())
        if touching:
            gap = min(_nearest(first), _nearest(second))
            if np.isfinite(gap):
                total += _GAP * float(np.clip(gap - _TOLERANCE, 0.0, _WIDEST))
        return total

    def _felt(
        self, one: int, two: int, pose: Pose, other: Pose
    ) -> tuple[Float[np.ndarray, "P"], Float[np.ndarray, "Q"]]:
        """Distances of each part's feelers from the other part, object units."""
        first, second = self.solids[one], self.solids[two]
        there = (pose[0] * first.feelers + (pose[1:] - other[1:])) / other[0]
        back = (other[0] * second.feelers + (other[1:] - pose[1:])) / pose[0]
        return second.distances(there) * other[0], first.distances(back) * pose[0]


def relations_of(
    parts: Sequence[Facets],
    poses: Float[np.ndarray, "K 4"],
    said: frozenset[tuple[int, int]],
    twins: frozenset[tuple[int, int]],
    seed: int,
) -> Relations:
    """Relations of parts that pictures alone have placed.

    Args:
        parts: coarse ones are quicker.
        poses: scale and centre of each.
        said: pairs i < j that the planner says are in contact.
        twins: pairs i < j of one size.
        seed: of the points that parts are felt with.
    """
    solids = tuple(solid_of(part, seed + at) for at, part in enumerate(parts))
    made = Relations(solids, said, twins)
    near = {
        (one, two)
        for two in range(len(parts))
        for one in range(two)
        if made.gap(one, two, poses) < _MEETING
    }
    return Relations(solids, said | near, twins)


def _nearest(felt: Float[np.ndarray, "P"]) -> float:
    """The distance that the nearest points are at, infinite ones among them."""
    return float(np.sort(felt)[round(_NEAREST * (len(felt) - 1))])
