"""Chooses the depth of every part from one image: order, contact and symmetry."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from mmpart_core.assemble import depth_order
from mmpart_core.assemble.depth_order import PairEvidence
from mmpart_core.assemble.mirror_depth import MirrorDepth
from mmpart_core.assemble.mirror_planes import MirrorPlane
from mmpart_core.assemble.sight import SightPose
from mmpart_core.geometry import transforms
from mmpart_core.geometry.render import RenderScene
from mmpart_core.records import Camera

# How the search steps; set by hand. Later sweeps try quarter steps up to two steps around the
# present depth, and every fourth step of the rest.
_FINE_STEPS, _FINE_TRIED, _COARSER = 2.0, 17, 4
# Depths whose energy is that near the best, of the way to the median, count as nearly as good; by
# hand, as the next.
_NEARLY = 0.1
# Sizes of twins 2 % apart count in full. By hand.
_SIZE_SOFT, _SIZE_WEIGHT = 0.02, 1.0
_UPRIGHT_REACH = 0.5  # of the reach: the upright plane is a guess, and must leave room to search


@dataclass(frozen=True)
class FittedPart:
    """A part whose image is fitted and whose depth is open.

    Attributes:
        pose: scale and position at the object's middle depth.
        scene: the part alone, part frame.
        points: corners of its convex hull, part frame.
        area_px: size of its isolated image; large parts are placed first.
    """

    pose: SightPose
    scene: RenderScene
    points: Float[np.ndarray, "P 3"]
    area_px: int


@dataclass(frozen=True)
class SearchSettings:
    """Reach and resolution of the search; lengths in object units.

    Attributes:
        reach: how far a part's centre may be from the object's middle depth.
        steps: candidates per part and sweep.
        sweeps: how often all parts are revisited.
        related: contact, penetration, twins and symmetry count; without them order alone does.
    """

    reach: float
    steps: int
    sweeps: int
    related: bool = True


@dataclass
class DepthSearch:
    """Coordinate descent over one depth factor per part.

    Attributes:
        camera: the input camera.
        parts: fitted parts.
        pairs: what the image says of parts i < j.
        settings: reach and resolution.
        twins: parts i < j of one size.
        planes: that mirror the object.
        factors: the present depth factors, changed by ``run``.
        spread: per part, how far apart depths of nearly the same energy lie, object units.
    """

    camera: Camera
    parts: Sequence[FittedPart]
    pairs: dict[tuple[int, int], PairEvidence]
    settings: SearchSettings
    twins: frozenset[tuple[int, int]] = frozenset()
    planes: Sequence[MirrorPlane] = ()
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
        poses = [part.pose for part in self.parts]
        self._mirrors = [MirrorDepth.of(plane, poses, self.camera) for plane in self.planes]

    def run(self) -> list[float]:
        """Search; gives the depth factor of each part."""
        order = self._order()
        placed: list[int] = []
        for index in order:
            self._improve(index, placed, self._grid())
            placed.append(index)
        for sweep in range(self.settings.sweeps):
            for index in order:
                grid = self._grid() if sweep == 0 else self._near_grid(index)
                self._improve(index, order, grid)
        self._center()
        return self.factors

    def points(self) -> Float[np.ndarray, "P 3"]:
        """The hulls' corners of all parts at their present depths, object frame."""
        return np.concatenate(
            [
                _apply(part.pose.moved(factor).object_from_part(self.camera), part.points)
                for part, factor in zip(self.parts, self.factors, strict=True)
            ]
        )

    def _order(self) -> list[int]:
        return sorted(range(len(self.parts)), key=lambda index: -self.parts[index].area_px)

    def _center(self) -> None:
        """Move all parts by one factor, which no image shows, to centre the object's box.

        The box lies along the plane that mirrors the object; without one, along the sight line.
        Where its middle cannot be put on the upright axis, least squares.
        """
        across = self.planes[0].normal if self.planes else np.array([1.0, 0.0, 0.0])
        axes = np.stack([across, np.cross([0.0, 0.0, 1.0], across)])
        reach = self.points() @ axes.T
        eye = axes @ np.array(self.camera.world_from_camera)[:3, 3]
        away = eye - (reach.min(axis=0) + reach.max(axis=0)) / 2.0
        if not self.planes:
            eye, away = eye[:1], away[:1]
        factor = float(eye @ away) / float(away @ away)
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

    def _improve(self, index: int, others: Sequence[int], offsets: Float[np.ndarray, "K"]) -> None:
        offsets = np.concatenate([offsets, self._mirrored_offsets(index, others)])
        factors = 1.0 + offsets / self.parts[index].pose.depth
        energy = depth_order.prior_energy(offsets - self._upright[index])
        for other in others:
            pair = self._pair(index, other)
            if pair is not None:
                energy = energy + pair.energy(
                    factors, self.factors[other], related=self.settings.related
                )
            energy = energy + self._size_energy(index, other, factors)
        for mirror in self._mirrors:
            energy = energy + mirror.energy(index, others, self.factors, factors)
        best = int(np.argmin(energy))
        close = offsets[energy <= energy[best] + _NEARLY * (np.median(energy) - energy[best])]
        self.spread[index] = float(close.max() - close.min())
        self.factors[index] = float(factors[best])

    def _mirrored_offsets(self, index: int, others: Sequence[int]) -> Float[np.ndarray, "M"]:
        """Changes of depth that bring a part onto a plane, within reach."""
        found = [each for m in self._mirrors for each in m.candidates(index, others, self.factors)]
        offsets = (np.array(found) - 1.0) * self.parts[index].pose.depth
        return offsets[np.abs(offsets) <= self.settings.reach]

    def _size_energy(
        self, index: int, other: int, factors: Float[np.ndarray, "K"]
    ) -> Float[np.ndarray, "K"]:
        """Twins have one size: of two that look alike the smaller is farther away."""
        pair = min(index, other), max(index, other)
        if not self.settings.related or pair not in self.twins or index == other:
            return np.zeros(len(factors))
        theirs = self.parts[other].pose.scale * self.factors[other]
        apart = np.log(self.parts[index].pose.scale * factors / theirs)
        return _SIZE_WEIGHT * np.clip((apart / _SIZE_SOFT) ** 2, 0.0, 1.0)

    def _pair(self, one: int, two: int) -> PairEvidence | None:
        if one == two:
            return None
        if one < two:
            return self.pairs.get((one, two))
        pair = self.pairs.get((two, one))
        return pair.swapped() if pair is not None else None


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
