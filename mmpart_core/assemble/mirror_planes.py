"""Upright planes that an object is symmetric about, told by the shapes of its parts alone.

Part frames share their orientation, so that what mirrors one part says which way the object's own
mirror plane faces, wherever the parts stand. Most things that are made or grow have such a plane;
parts without a counterpart stand on it (body, head, hat, mast), others on both sides of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from mmpart_core.assemble.part_samples import sample_part
from mmpart_core.geometry.surface import TriangleMesh

# All by hand. Directions between which planes are looked for, degrees, and how they are refined.
_STEP_DEG, _FINE_DEG = 5.0, (-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0)
# Points of a surface that are compared, and the share of its radius that they lie off a mirror
# image on average which is none any more.
_POINTS, _COMPARED, _UNLIKE = 8000, 300, 0.05
# Counterparts are of one size and height: sizes differ by less than this, as logarithm, and so much
# of the lower one's height is the other's too.
_SIZE, _LEVEL = 0.15, 0.7
# A plane counts that mirrors so much of the object, by weight. Where planes all around do, it is a
# body of revolution, and one across counts as well.
_MOST = 0.6
# A part is taken for its own mirror image, or another's, from this likeness on.
_ALONE = 0.85


@dataclass(frozen=True)
class MirrorPlane:
    """An upright plane's direction, and where it cuts each part.

    Attributes:
        normal: unit vector, level; frame that parts share.
        offsets: per part, its middle along the normal, from the origin of its frame.
        alone: per part, whether it is its own mirror image and has no counterpart: it stands on the
            plane.
        pairs: parts i < j that are each other's mirror images: the plane is midway.
        likeness: per part, 0 to 1, how like its mirror image it or its counterpart is.
    """

    normal: Float[np.ndarray, "3"]
    offsets: Float[np.ndarray, "K"]
    alone: Bool[np.ndarray, "K"]
    pairs: frozenset[tuple[int, int]]
    likeness: Float[np.ndarray, "K"]

    @property
    def mirrored(self) -> frozenset[int]:
        """Parts that it mirrors, onto themselves or another."""
        alone = np.flatnonzero(self.alone).tolist()
        return frozenset(alone) | {index for pair in self.pairs for index in pair}


@dataclass(frozen=True)
class MirrorShape:
    """A part as it is looked at for symmetry.

    Attributes:
        points: of its surface, part frame.
        tree: the same.
        noise: mean distance of other points of the surface from them.
        scale: of the part frame in the object's.
        height: of the part frame's origin in the object's.
    """

    points: Float[np.ndarray, "P 3"]
    tree: KDTree
    noise: float
    scale: float
    height: float

    @classmethod
    def of(cls, mesh: TriangleMesh, scale: float, height: float, seed: int) -> "MirrorShape":
        """Of a part's mesh, part frame, that stands at a scale and height."""
        points = sample_part(mesh, _POINTS + _COMPARED, seed).points
        points, others = points[:_POINTS], points[_POINTS:]
        tree = KDTree(points)
        return cls(points, tree, float(np.mean(tree.query(others)[0])), scale, height)

    @property
    def radius(self) -> float:
        """Half of its longest side, part frame."""
        return max(float(np.ptp(self.points, axis=0).max()) / 2.0, 1e-9)

    @property
    def size(self) -> tuple[float, float]:
        """Its width, from a middle to the farthest point, and its height, object frame."""
        level = self.points[:, :2] - self.points[:, :2].mean(axis=0)
        width = float(np.linalg.norm(level, axis=1).max())
        return max(self.scale * width, 1e-9), max(float(np.ptp(self.level)), 1e-9)

    @property
    def level(self) -> tuple[float, float]:
        """Its lowest and its highest point, object frame."""
        z = self.height + self.scale * self.points[:, 2]
        return float(z.min()), float(z.max())

    def middle(self, axes: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3"]:
        """Of its extent along axes."""
        along = self.points @ axes.T
        return (along.min(axis=0) + along.max(axis=0)) / 2.0

    def mirrors(self, other: "MirrorShape", normal: Float[np.ndarray, "3"]) -> float:
        """How like another part's mirror image it is, or its own, but for size; 0 to 1."""
        axes = np.stack([normal, np.cross([0.0, 0.0, 1.0], normal), [0.0, 0.0, 1.0]])
        local = self.points[:_COMPARED] @ axes.T - self.middle(axes)
        local[:, 0] *= -1.0
        there = (local * (other.radius / self.radius) + other.middle(axes)) @ axes
        away = float(np.mean(other.tree.query(there)[0])) - other.noise
        return float(np.clip(1.0 - away / (_UNLIKE * other.radius), 0.0, 1.0))

    def is_level_with(self, other: "MirrorShape") -> bool:
        """Whether it is as wide and as tall as another, and as high."""
        ratio = np.array(self.size) / np.array(other.size)
        (low, high), (bottom, top) = self.level, other.level
        shared = min(high, top) - max(low, bottom)
        alike = np.abs(np.log(ratio)).max() < _SIZE
        return bool(alike) and shared > _LEVEL * min(high - low, top - bottom)


def mirror_planes(
    shapes: Sequence[MirrorShape], weights: Float[np.ndarray, "K"]
) -> tuple[MirrorPlane, ...]:
    """Planes that mirror most of an object: none, one, or of a body of revolution two.

    Args:
        shapes: the parts, whose frames share their orientation; z is up.
        weights: how much each part counts.
    """
    if len(shapes) < 2:
        return ()
    like = frozenset(
        (one, two)
        for two in range(len(shapes))
        for one in range(two)
        if shapes[one].is_level_with(shapes[two])
    )

    def share(plane: MirrorPlane) -> float:
        return float((weights * plane.likeness).sum() / weights.sum())

    def best_of(directions: Float[np.ndarray, "D"]) -> MirrorPlane:
        return max((_plane(shapes, like, each) for each in directions), key=share)

    def direction(plane: MirrorPlane) -> float:
        return float(np.degrees(np.arctan2(plane.normal[1], plane.normal[0])))

    coarse = best_of(np.arange(0.0, 180.0, _STEP_DEG))
    found = best_of(direction(coarse) + np.array(_FINE_DEG))
    if share(found) < _MOST:
        return ()
    around = [
        _plane(shapes, frozenset(), direction(found) + turn) for turn in (0.0, 45.0, 90.0, 135.0)
    ]
    return (around[0], around[2]) if min(map(share, around)) >= _MOST else (found,)


def _plane(
    shapes: Sequence[MirrorShape], like: frozenset[tuple[int, int]], degrees: float
) -> MirrorPlane:
    """What a plane that faces a direction mirrors."""
    normal = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0])
    axes = np.stack([normal, normal, normal])
    likeness = np.array([each.mirrors(each, normal) for each in shapes])
    twinned = sorted({index for pair in like for index in pair})
    likeness[twinned] = 0.0
    alone = likeness > _ALONE
    pairs = {pair: shapes[pair[0]].mirrors(shapes[pair[1]], normal) for pair in like}
    for pair, found in pairs.items():
        likeness[list(pair)] = np.maximum(likeness[list(pair)], found)
    offsets = np.array([each.middle(axes)[0] for each in shapes])
    mirrored = frozenset(pair for pair, found in pairs.items() if found > _ALONE)
    return MirrorPlane(normal, offsets, alone, mirrored, likeness)
