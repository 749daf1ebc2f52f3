"""Depth from one image: who hides whom, who touches whom."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float

from mmpart_core.assemble.sight import Crop, SightPose
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.render import RenderScene

# Lengths are in object units (the object fits the unit sphere). All of these are set by hand and
# measured nowhere. A wrong order counts in full from 2 % of the object's diameter on, a gap from an
# eighth, a penetration from a quarter. Order (what the image shows) is to outweigh penetration and
# gap (what parts usually do), and those the wish to stay in place.
_ORDER_SOFT = 0.04
_GAP_SOFT = 0.25
_PRIOR_WIDTH = 0.6
_PENETRATION_SOFT = 0.5
_ORDER_WEIGHT, _GAP_WEIGHT, _PENETRATION_WEIGHT, _PRIOR_WEIGHT = 4.0, 0.3, 0.6, 0.1
# An overlap of this share of the smaller part counts in full. Parts touch where their nearest sixth
# does: silhouettes also meet where one passes behind. By hand as well.
_FULL_SHARE = 0.05
_GAP_QUANTILE = 0.15
# Sight lines of a pair that are compared, drawn at random where there are more: it costs time only.
_MOST_PIXELS = 500
_NEIGHBOUR_PX = 2  # of the window: parts no further apart in the image meet


@dataclass(frozen=True)
class Layers:
    """The first and the last surface of one part along each sight line, at its present pose.

    Attributes:
        near: depth of the first, in object units; infinite where the part is not.
        far: depth of the last; minus infinity where the part is not.
    """

    near: Float[np.ndarray, "H W"]
    far: Float[np.ndarray, "H W"]

    @property
    def covered(self) -> Bool[np.ndarray, "H W"]:
        """Where the part is, hidden or not."""
        return np.isfinite(self.near)


def sight_layers(scene: RenderScene, pose: SightPose, window: Crop) -> Layers:
    """Both surfaces of a part seen through a window of the input camera.

    Args:
        scene: the part alone, part frame.
        pose: where it is.
        window: the window, one sight line per pixel.
    """
    part_from_object = np.linalg.inv(pose.object_from_part(window.camera))
    camera = cameras.camera_in_frame(window.camera, part_from_object)
    height, width = camera.height_px, camera.width_px
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    origins, directions = cameras.pixel_rays(camera, columns.ravel(), rows.ravel())
    axis = -transforms.to_array(camera.world_from_camera)[:3, 2]
    directions = directions / (directions @ axis)[:, None]
    beyond = 2.0 * pose.depth / pose.scale
    forth = scene.cast(origins, directions).distance
    back = scene.cast(origins + beyond * directions, -directions).distance
    hit = np.isfinite(forth) & np.isfinite(back)
    near = np.where(hit, forth * pose.scale, np.inf).astype(np.float64)
    far = np.where(hit, (beyond - back) * pose.scale, -np.inf).astype(np.float64)
    return Layers(near.reshape(height, width), far.reshape(height, width))


@dataclass(frozen=True)
class PairEvidence:
    """What the image says about the depth of one part against another's.

    Attributes:
        front: 1 where the first part is the visible one, -1 where the second, 0 unknown.
        first: near and far depth of the first part on common sight lines, at factor 1.
        second: the same of the second.
        weight: 0 to 1, how much of the smaller part the common sight lines are.
        touch_first: near and far of the first part where the two meet in the image.
        touch_second: the same of the second.
    """

    front: Float[np.ndarray, "P"]
    first: Float[np.ndarray, "P 2"]
    second: Float[np.ndarray, "P 2"]
    weight: float
    touch_first: Float[np.ndarray, "Q 2"]
    touch_second: Float[np.ndarray, "Q 2"]

    @property
    def ordered(self) -> bool:
        """Whether the image shows which of the two is in front."""
        return bool((self.front != 0).any())

    @property
    def touching(self) -> bool:
        """Whether the two meet in the image."""
        return len(self.touch_first) > 0

    def swapped(self) -> "PairEvidence":
        """The same, seen from the second part."""
        return PairEvidence(
            -self.front, self.second, self.first, self.weight, self.touch_second, self.touch_first
        )

    def without_contact(self) -> "PairEvidence":
        """The same of parts that meet in the image and are not in contact."""
        none = np.zeros((0, 2))
        return replace(self, touch_first=none, touch_second=none)

    def energy(
        self, factors: Float[np.ndarray, "K"], other: float, *, related: bool = True
    ) -> Float[np.ndarray, "K"]:
        """How badly depths of the first part fit with the second's.

        Args:
            factors: candidate depth factors of the first part.
            other: depth factor of the second.
            related: gap and penetration count.

        Returns:
            Wrong order, gap where they should touch and penetration, weighted; 0 is best.
        """
        total = np.zeros(len(factors))
        if len(self.front):
            first = factors[:, None, None] * self.first
            second = other * self.second
            order = self.front * (first[..., 0] - second[..., 0])
            wrong = np.clip(order / _ORDER_SOFT, 0.0, 1.0).mean(axis=1)
            shared = np.minimum(first[..., 1], second[..., 1]) - np.maximum(
                first[..., 0], second[..., 0]
            )
            inside = np.clip(shared / _PENETRATION_SOFT, 0.0, 1.0).mean(axis=1)
            apart = _PENETRATION_WEIGHT if related else 0.0
            total += self.weight * (_ORDER_WEIGHT * wrong + apart * inside)
        if self.touching and related:
            first = factors[:, None, None] * self.touch_first
            second = other * self.touch_second
            gap = np.maximum(first[..., 0] - second[..., 1], second[..., 0] - first[..., 1])
            closest = np.quantile(np.maximum(gap, 0.0), _GAP_QUANTILE, axis=1)
            total += _GAP_WEIGHT * np.clip(closest / _GAP_SOFT, 0.0, 1.0)
        return total


def compare_pair(
    layers: tuple[Layers, Layers],
    visible: tuple[Bool[np.ndarray, "H W"], Bool[np.ndarray, "H W"]],
    seed: int,
) -> PairEvidence:
    """Collect what the masks say about two parts.

    Args:
        layers: both parts' surfaces along the same sight lines.
        visible: where each is seen in the source, through the same window.
        seed: for thinning out large overlaps.
    """
    one, two = layers
    both = one.covered & two.covered
    front = np.where(visible[0], 1.0, 0.0) - np.where(visible[1], 1.0, 0.0)
    smaller = max(1, min(int(one.covered.sum()), int(two.covered.sum())))
    weight = min(1.0, float(both.sum()) / smaller / _FULL_SHARE)
    wide_one, wide_two = _widened(one), _widened(two)
    meet = _dilated(visible[0]) & _dilated(visible[1]) & wide_one.covered & wide_two.covered
    random = np.random.default_rng(seed)
    chosen, met = _some(both, random), _some(meet, random)
    return PairEvidence(
        front.ravel()[chosen],
        _depths(one, chosen), _depths(two, chosen),
        weight,
        _depths(wide_one, met), _depths(wide_two, met),
    )  # fmt: skip


def prior_energy(offsets: Float[np.ndarray, "K"]) -> Float[np.ndarray, "K"]:
    """A weak wish of every part to stay where one expects it (offsets from there)."""
    return _PRIOR_WEIGHT * (offsets / _PRIOR_WIDTH) ** 2


def _depths(layers: Layers, chosen: np.ndarray) -> Float[np.ndarray, "P 2"]:
    return np.stack([layers.near.ravel()[chosen], layers.far.ravel()[chosen]], axis=-1)


def _some(mask: Bool[np.ndarray, "H W"], random: np.random.Generator) -> np.ndarray:
    chosen = np.flatnonzero(mask)
    if len(chosen) > _MOST_PIXELS:
        chosen = np.sort(random.choice(chosen, size=_MOST_PIXELS, replace=False))
    return chosen


def _kernel() -> np.ndarray:
    side = 2 * _NEIGHBOUR_PX + 1
    return np.ones((side, side), dtype=np.uint8)


def _dilated(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    return cv2.dilate(mask.astype(np.uint8), _kernel()).astype(bool)


def _widened(layers: Layers) -> Layers:
    """Layers carried a little beyond the part's outline, where neighbours meet."""
    near = cv2.erode(layers.near, _kernel(), borderType=cv2.BORDER_REPLICATE)
    far = cv2.dilate(layers.far, _kernel(), borderType=cv2.BORDER_REPLICATE)
    covered = layers.covered
    return Layers(np.where(covered, layers.near, near), np.where(covered, layers.far, far))
