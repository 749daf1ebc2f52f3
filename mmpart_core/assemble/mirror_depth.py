"""Depths at which parts stand on the planes that mirror the object."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble.mirror_planes import MirrorPlane
from mmpart_core.assemble.sight import SightPose
from mmpart_core.geometry import transforms
from mmpart_core.records import Camera

# By hand. Half as much as a wrong order counts in full, so that the image outweighs it; parts this
# far from another's plane, object units, do not stand on it.
_WEIGHT, _SOFT = 2.0, 0.08
_LEVEL = 0.05  # a sight line along a plane tells nothing of it


@dataclass(frozen=True)
class MirrorDepth:
    """Where a plane cuts parts, as their depth factors change.

    Attributes:
        plane: its direction, and the parts' middles.
        eye: of the input camera along its normal.
        reach: per part, from there to the part's middle, at factor 1.
    """

    plane: MirrorPlane
    eye: float
    reach: Float[np.ndarray, "K"]

    @classmethod
    def of(cls, plane: MirrorPlane, poses: Sequence[SightPose], camera: Camera) -> "MirrorDepth":
        """Of parts that the input camera sees.

        Args:
            plane: object frame.
            poses: of the parts, at factor 1.
            camera: object frame.
        """
        matrix = transforms.to_array(camera.world_from_camera)
        centers = np.stack([matrix[:3, :3] @ pose.center for pose in poses]) @ plane.normal
        scales = np.array([pose.scale for pose in poses])
        return cls(plane, float(matrix[:3, 3] @ plane.normal), centers + scales * plane.offsets)

    def energy(
        self,
        index: int,
        others: Collection[int],
        present: Sequence[float],
        factors: Float[np.ndarray, "F"],
    ) -> Float[np.ndarray, "F"]:
        """How far off others' plane a part would stand; 0 is best.

        Args:
            index: the part.
            others: parts that have a depth.
            present: depth factor of every part.
            factors: candidates of the part.
        """
        places = self._places(others, present, without=index)
        if not places:
            return np.zeros(len(factors))
        tried = self._tried(index, others, present, factors)
        costs = [
            np.mean([1.0 - np.exp(-(((mine - place) / _SOFT) ** 2)) for place in places], axis=0)
            for mine in tried
        ]
        return _WEIGHT * np.min(costs, axis=0) if costs else np.zeros(len(factors))

    def candidates(
        self, index: int, others: Collection[int], present: Sequence[float]
    ) -> list[float]:
        """Depth factors at which a part stands on another's plane."""
        if abs(self.reach[index]) < _LEVEL:
            return []
        found: list[float] = []
        for place in self._places(others, present, without=index):
            if self.plane.alone[index]:
                found.append((place - self.eye) / self.reach[index])
            for partner in self._partners(index, others):
                theirs = self.eye + present[partner] * self.reach[partner]
                found.append((2.0 * place - theirs - self.eye) / self.reach[index])
        return found

    def _partners(self, index: int, among: Collection[int]) -> list[int]:
        return [at for at in among if (min(at, index), max(at, index)) in self.plane.pairs]

    def _tried(
        self,
        index: int,
        others: Collection[int],
        present: Sequence[float],
        factors: Float[np.ndarray, "F"],
    ) -> list[Float[np.ndarray, "F"]]:
        """Where the plane would be by a part itself, and midway to each of its mirror images."""
        own = self.eye + factors * self.reach[index]
        found = [own] if self.plane.alone[index] else []
        for partner in self._partners(index, others):
            found.append((own + self.eye + present[partner] * self.reach[partner]) / 2.0)
        return found

    def _places(
        self, others: Collection[int], present: Sequence[float], without: int
    ) -> list[float]:
        """Where other parts say that the plane is, along its normal."""
        middles = {at: self.eye + present[at] * self.reach[at] for at in others if at != without}
        alone = [middle for at, middle in middles.items() if self.plane.alone[at]]
        pairs = [
            (middles[one] + middles[two]) / 2.0
            for one, two in sorted(self.plane.pairs)
            if one in middles and two in middles
        ]
        return alone + pairs
