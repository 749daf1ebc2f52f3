"""Chooses the depth of every part: image order, contact and the whole object's views together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble import depth_order, part_samples, sight, whole_evidence
from mmpart_core.assemble.depth_order import PairEvidence
from mmpart_core.assemble.part_samples import PartSamples
from mmpart_core.assemble.sight import SightPose
from mmpart_core.assemble.whole_evidence import Witness
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera

# How the search steps; set by hand. Later sweeps try quarter steps up to two steps around the
# present depth, and every fourth step of the rest.
_FINE_STEPS, _FINE_TRIED, _COARSER = 2.0, 17, 4
# Depths whose energy is that near the best, of the way to the median, count as nearly as good; by
# hand, as the next.
_NEARLY = 0.1
_UPRIGHT_REACH = 0.5  # of the reach: the upright plane is a guess, and must leave room to search


@dataclass(frozen=True)
class FittedPart:
    """A part whose image is fitted and whose depth is open.

    Attributes:
        pose: scale and position at the object's middle depth.
        scene: the part alone, part frame.
        samples: coloured points on it, part frame.
        area_px: size of its isolated image; large parts are placed first.
    """

    pose: SightPose
    scene: RenderScene
    samples: PartSamples
    area_px: int


@dataclass(frozen=True)
class SearchSettings:
    """Reach and resolution of the search; lengths in object units.

    Attributes:
        reach: how far a part's centre may be from the object's middle depth.
        steps: candidates per part and sweep.
        sweeps: how often all parts are revisited.
        order_weight: weight of image order and contact beside the whole object's views.
        outside_weight: cost of one pixel outside the whole object's silhouette.
        blocker_px: size of the depth pictures that say which points other parts hide.
    """

    reach: float
    steps: int
    sweeps: int
    order_weight: float
    outside_weight: float
    blocker_px: int


@dataclass
class DepthSearch:
    """Coordinate descent over one depth factor per part.

    Attributes:
        camera: the input camera.
        parts: fitted parts.
        pairs: what the image says of parts i < j.
        witnesses: the whole object's views; empty where there are none.
        settings: reach and resolution.
        factors: the present depth factors, changed by ``run``.
        spread: per part, how far apart depths of nearly the same energy lie, object units.
    """

    camera: Camera
    parts: Sequence[FittedPart]
    pairs: dict[tuple[int, int], PairEvidence]
    witnesses: Sequence[Witness]
    settings: SearchSettings
    factors: list[float] = field(init=False)
    spread: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._upright = [
            _upright_offset(self.camera, part.pose, self.settings) for part in self.parts
        ]
        self.factors = [
            1.0 + offset / part.pose.depth
            for offset, part in zip(self._upright, self.parts, strict=True)
        ]
        self.spread = [0.0] * len(self.parts)
        self._blockers: list[list[Float[np.ndarray, "h w"]]] = [[] for _ in self.parts]

    def run(self) -> list[float]:
        """Search; gives the depth factor of each part."""
        order = self._order()
        self.place_alone()
        if len(self.parts) > 1:
            for sweep in range(self.settings.sweeps):
                for index in order:
                    grid = self._grid() if sweep == 0 else self._near_grid(index)
                    self._improve(index, order, grid, blocked=True)
        else:
            self._improve(0, [], self._near_grid(0), blocked=False)
        if not self.witnesses:
            self._center()
        return self.factors

    def place_alone(self) -> float:
        """The first sweep: each part by itself and, without witnesses, against those before it.

        Returns:
            The mean energy of the parts.
        """
        placed: list[int] = []
        total = 0.0
        for index in self._order():
            total += self._improve(index, placed, self._grid(), blocked=False)
            placed.append(index)
        return total / len(self.parts)

    def points(self) -> Float[np.ndarray, "P 3"]:
        """The sample points of all parts at their present depths, object frame."""
        return np.concatenate(
            [
                _apply(part.pose.moved(factor).object_from_part(self.camera), part.samples.points)
                for part, factor in zip(self.parts, self.factors, strict=True)
            ]
        )

    def _order(self) -> list[int]:
        return sorted(range(len(self.parts)), key=lambda index: -self.parts[index].area_px)

    def _center(self) -> None:
        """Move all parts by one factor, which no image shows, to centre the object's depth."""
        reach = self.points()[:, 0]
        middle = float(reach.min() + reach.max()) / 2.0
        toward = float(np.array(self.camera.world_from_camera)[0, 3])
        factor = toward / (toward - middle)
        self.factors = [factor * each for each in self.factors]

    def _grid(self) -> Float[np.ndarray, "K"]:
        return np.linspace(-self.settings.reach, self.settings.reach, self.settings.steps)

    def _near_grid(self, index: int) -> Float[np.ndarray, "K"]:
        """Finer candidates around the present depth, and the whole reach at coarse steps."""
        middle = (self.factors[index] - 1.0) * self.parts[index].pose.depth
        step = 2.0 * self.settings.reach / (self.settings.steps - 1)
        return np.concatenate(
            [
                middle + step * np.linspace(-_FINE_STEPS, _FINE_STEPS, _FINE_TRIED),
                self._grid()[::_COARSER],
            ]
        )

    def _improve(
        self, index: int, others: Sequence[int], offsets: Float[np.ndarray, "K"], *, blocked: bool
    ) -> float:
        factors = 1.0 + offsets / self.parts[index].pose.depth
        energy = depth_order.prior_energy(offsets - self._upright[index])
        for other in others:
            pair = self._pair(index, other)
            if pair is not None:
                energy = energy + pair.energy(factors, self.factors[other])
        if self.witnesses:
            weight = self.settings.order_weight if blocked else 0.0
            energy = weight * energy + self._witnessed(index, factors, blocked=blocked)
        best = int(np.argmin(energy))
        close = offsets[energy <= energy[best] + _NEARLY * (np.median(energy) - energy[best])]
        self.spread[index] = float(close.max() - close.min())
        self.factors[index] = float(factors[best])
        self._blockers[index] = []
        return float(energy[best])

    def _pair(self, one: int, two: int) -> PairEvidence | None:
        if one == two:
            return None
        if one < two:
            return self.pairs.get((one, two))
        pair = self.pairs.get((two, one))
        return pair.swapped() if pair is not None else None

    def _witnessed(
        self, index: int, factors: Float[np.ndarray, "K"], *, blocked: bool
    ) -> Float[np.ndarray, "K"]:
        part = self.parts[index]
        moved = [part.pose.moved(float(factor)) for factor in factors]
        points = np.stack(
            [_apply(pose.object_from_part(self.camera), part.samples.points) for pose in moved]
        )
        here = np.linalg.inv(part.pose.moved(self.factors[index]).object_from_part(self.camera))
        total = np.zeros(len(factors))
        for number, witness in enumerate(self.witnesses):
            eye = here[:3, :3] @ witness.eye + here[:3, 3]
            seen = part_samples.seen_from(part.scene, part.samples, eye)
            blocker = self._blocker(index, number) if blocked else None
            total += whole_evidence.energies(
                witness, points, part.samples, seen, blocker, self.settings.outside_weight
            )
        return total / len(self.witnesses)

    def _blocker(self, index: int, number: int) -> Float[np.ndarray, "h w"]:
        """Depth of the nearest other part in one witness view."""
        depths = [
            self._part_depths(other)[number] for other in range(len(self.parts)) if other != index
        ]
        return np.min(np.stack(depths), axis=0)

    def _part_depths(self, index: int) -> list[Float[np.ndarray, "h w"]]:
        """Depth pictures of one part at its present pose, one per witness; kept until it moves."""
        if not self._blockers[index]:
            part = self.parts[index]
            pose = part.pose.moved(self.factors[index])
            part_from_object = np.linalg.inv(pose.object_from_part(self.camera))
            for witness in self.witnesses:
                small = sight.resized_camera(witness.camera, self.settings.blocker_px)
                camera = cameras.camera_in_frame(small, part_from_object)
                depth = part.scene.render(camera, supersample=1).depth
                self._blockers[index].append(depth * pose.scale)
        return self._blockers[index]


def _apply(
    matrix: Float[np.ndarray, "4 4"], points: Float[np.ndarray, "P 3"]
) -> Float[np.ndarray, "P 3"]:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _upright_offset(camera: Camera, pose: SightPose, settings: SearchSettings) -> float:
    """Change of depth that brings a part's centre over the object's upright axis.

    Things stand: seen from above, what is higher in the image is not farther away. The plane is
    x = 0 of the object frame, which faces the input camera.
    """
    world_from_camera = transforms.to_array(camera.world_from_camera)
    along = float(world_from_camera[0, :3] @ pose.center)
    if abs(along) < 1e-6:
        return 0.0
    offset = (-float(world_from_camera[0, 3]) / along - 1.0) * pose.depth
    return float(np.clip(offset, -_UPRIGHT_REACH * settings.reach, _UPRIGHT_REACH * settings.reach))
