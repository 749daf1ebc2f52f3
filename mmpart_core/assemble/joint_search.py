"""Scale and position of all parts together, by drawing them and comparing with every picture."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble.composition import Composition, Others, Pose
from mmpart_core.geometry import transforms
from mmpart_core.records import Camera

# By hand, as all here. A pattern search ends when its steps are so many times smaller.
_HALVINGS = 4
# Depths whose energy is that near the least, of the way to the median, count as nearly as good.
_NEARLY = 0.1
_CANDIDATES = 5


@dataclass(frozen=True)
class Axes:
    """Directions in which a part is moved: towards the input camera, and in its picture.

    Attributes:
        eye: the camera's position.
        right: unit vector.
        up: unit vector.
        ahead: unit vector, the viewing axis.
    """

    eye: Float[np.ndarray, "3"]
    right: Float[np.ndarray, "3"]
    up: Float[np.ndarray, "3"]
    ahead: Float[np.ndarray, "3"]

    @classmethod
    def of(cls, camera: Camera) -> "Axes":
        """Of a camera."""
        pose = transforms.to_array(camera.world_from_camera)
        return cls(pose[:3, 3], pose[:3, 0], pose[:3, 1], -pose[:3, 2])

    def depth(self, pose: Pose) -> float:
        """Of a part, along the viewing axis."""
        return float((pose[1:] - self.eye) @ self.ahead)

    def slid(self, pose: Pose, offset: float) -> Pose:
        """Moved along its sight line by so much depth, its image as it is."""
        factor = 1.0 + offset / self.depth(pose)
        return np.concatenate([[pose[0] * factor], self.eye + factor * (pose[1:] - self.eye)])

    def moved(self, pose: Pose, change: Float[np.ndarray, "4"]) -> Pose:
        """Slid, scaled by the exponential of the second number, moved right and up."""
        slid = self.slid(pose, float(change[0]))
        center = slid[1:] + change[2] * self.right + change[3] * self.up
        return np.concatenate([[slid[0] * np.exp(change[1])], center])


def local_minima(values: Float[np.ndarray, "D"], most: int = _CANDIDATES) -> list[int]:
    """Indices whose neighbours are no better, the best first."""
    padded = np.concatenate([[np.inf], values, [np.inf]])
    low = np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] < padded[2:]))
    return sorted(low.tolist(), key=lambda at: float(values[at]))[:most]


@dataclass
class JointSearch:
    """Coordinate descent over parts, each by a search over depth and a pattern search.

    Attributes:
        composition: parts and pictures; changed.
        axes: of the input camera.
        spread: per part, how far apart depths of nearly the same energy lie, object units.
    """

    composition: Composition
    axes: Axes
    spread: list[float]

    def scan(self, index: int, offsets: Float[np.ndarray, "D"], tries: int) -> None:
        """Try a part at many depths among the others, refine the best few and keep the best.

        Args:
            index: the part.
            offsets: changes of depth, object units.
            tries: how many local minima are refined.
        """
        others = self.composition.others(index)
        start = self.composition.poses[index].copy()
        poses = np.stack([self.axes.slid(start, float(offset)) for offset in offsets])
        energies = self.composition.energies(index, poses, others)
        found: list[tuple[float, Pose]] = [(self.composition.energy(index, start, others), start)]
        step = float(np.median(np.diff(np.sort(offsets)))) / 2.0
        for at in local_minima(energies, tries):
            steps = np.array([step, 0.01, 0.01, 0.01])
            found.append(self.pattern(index, poses[at], others, steps, 2))
        best = min(found, key=lambda each: each[0])
        low, middle = float(energies.min()), float(np.median(energies))
        close = offsets[energies <= low + _NEARLY * (middle - low)]
        self.spread[index] = float(close.max() - close.min())
        self.composition.place(index, best[1])

    def refine(self, index: int, steps: Float[np.ndarray, "4"]) -> None:
        """Pattern search of a part among the others, from where it is."""
        others = self.composition.others(index)
        _, pose = self.pattern(index, self.composition.poses[index].copy(), others, steps)
        self.composition.place(index, pose)

    def pattern(
        self,
        index: int,
        start: Pose,
        others: Others,
        steps: Float[np.ndarray, "4"],
        halvings: int = _HALVINGS,
    ) -> tuple[float, Pose]:
        """Steps along each direction, kept where they improve, halved where none does.

        Args:
            index: the part.
            start: where to begin.
            others: the other parts.
            steps: depth, logarithm of scale, right, up; 0 holds a direction.
            halvings: how often.

        Returns:
            Energy and pose.
        """
        pose, energy = start, self.composition.energy(index, start, others)
        size, sign = steps.copy(), np.ones(4)
        for _ in range(60):
            improved = False
            for axis in np.flatnonzero(steps):
                for _ in range(2):
                    change = np.zeros(4)
                    change[axis] = sign[axis] * size[axis]
                    trial = self.axes.moved(pose, change)
                    value = self.composition.energy(index, trial, others)
                    if value < energy - 1e-12:
                        pose, energy, improved = trial, value, True
                        break
                    sign[axis] = -sign[axis]
            if not improved:
                size = size / 2.0
                if size.max() < steps.max() * 0.5**halvings:
                    break
        return energy, pose
