"""A part's mesh turned a little and stretched along its axes, where the pictures ask for it.

Off unless asked for: a generator that turned or thickened a part is mended by it, and pictures that
are wrong bend a part that was right.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from mmpart_core.assemble.composition import Composition
from mmpart_core.assemble.facets import Facets

# First steps: a turn in radians, the logarithm of a stretch; halved so often. What the largest
# change costs, in squared object units: about that of a rim of a tenth of a pixel. By hand.
_TURN_STEP, _STRETCH_STEP, _HALVINGS = 0.05, 0.08, 4
_RELUCTANCE = 0.002
_MOST_ROUNDS = 40


@dataclass(frozen=True)
class Freedom:
    """How far a part may be changed.

    Attributes:
        turn_deg: about each axis at most.
        stretch: logarithm of the factor along each axis at most.
    """

    turn_deg: float = 0.0
    stretch: float = 0.0

    @property
    def any(self) -> bool:
        """Whether it may be changed at all."""
        return self.turn_deg > 0.0 or self.stretch > 0.0

    @property
    def limits(self) -> Float[np.ndarray, "6"]:
        """Largest turns about x, y, z in radians, and logarithms of stretches along them."""
        return np.array([np.deg2rad(self.turn_deg)] * 3 + [self.stretch] * 3)


@dataclass(frozen=True)
class Reshaping:
    """What a part's vertices are changed by: first stretched along its axes, then turned.

    Attributes:
        turn: rotation vector, radians, part frame.
        stretch: factors along x, y and z.
    """

    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    stretch: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def rotation(self) -> Float[np.ndarray, "4 4"]:
        """The turn."""
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_rotvec(self.turn).as_matrix()
        return matrix

    @property
    def stretched(self) -> bool:
        """Whether any factor is not 1."""
        return self.stretch != (1.0, 1.0, 1.0)

    @property
    def numbers(self) -> Float[np.ndarray, "6"]:
        """Turn, and logarithms of the stretches."""
        return np.array([*self.turn, *np.log(self.stretch)])

    @classmethod
    def of(cls, numbers: Float[np.ndarray, "6"]) -> "Reshaping":
        """Inverse of ``numbers``."""
        a, b, c, x, y, z = (float(each) for each in numbers)
        return cls((a, b, c), (float(np.exp(x)), float(np.exp(y)), float(np.exp(z))))

    def applied(self, facets: Facets) -> Facets:
        """A part's facets, changed."""
        linear = self.rotation[:3, :3] * np.array(self.stretch)
        vertices = np.ascontiguousarray((linear @ facets.vertices).astype(np.float32))
        return replace(facets, vertices=vertices, outline=facets.outline @ linear.T)


def search(
    made: Composition, index: int, whole: Facets, start: Reshaping, freedom: Freedom
) -> Reshaping:
    """The change of a part, others held, that all pictures like best; a pattern search.

    Args:
        made: parts and pictures; the part is left changed.
        index: of the part.
        whole: the part as it was made.
        start: the change to begin with.
        freedom: bounds.
    """
    limits, others = freedom.limits, made.others(index)
    steps = np.minimum([_TURN_STEP] * 3 + [_STRETCH_STEP] * 3, limits)

    def cost(numbers: Float[np.ndarray, "6"]) -> float:
        made.parts[index] = Reshaping.of(numbers).applied(whole)
        share = numbers[limits > 0.0] / limits[limits > 0.0]
        energy = float(made.energies(index, made.poses[index][None], others)[0])
        return energy + _RELUCTANCE * float(share @ share)

    best = start.numbers
    least, halved = cost(best), 0
    for _ in range(_MOST_ROUNDS):
        improved = False
        for axis in np.flatnonzero(steps):
            for sign in (1.0, -1.0):
                trial = best.copy()
                trial[axis] = np.clip(trial[axis] + sign * steps[axis], -limits[axis], limits[axis])
                value = cost(trial)
                if value < least - 1e-12:
                    best, least, improved = trial, value, True
                    break
        if not improved:
            steps, halved = steps / 2.0, halved + 1
            if halved > _HALVINGS:
                break
    kept = Reshaping.of(best) if best.any() else Reshaping()
    made.parts[index] = kept.applied(whole)
    made.place(index, made.poses[index])
    return kept
