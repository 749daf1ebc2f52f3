"""Posed images in memory."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, UInt8

from mmpart_core.images import free_form
from mmpart_core.images.silhouette import silhouette_distance
from mmpart_core.records import Camera


@dataclass(frozen=True)
class PosedViews:
    """Views of one thing with their cameras; all of one size.

    Attributes:
        rgba: uint8 sRGB with straight alpha.
        cameras: one per view, in the thing's frame.
    """

    rgba: UInt8[np.ndarray, "N H W 4"]
    cameras: tuple[Camera, ...]

    @cached_property
    def silhouettes(self) -> Float32[np.ndarray, "N H W"]:
        """Signed distance to each mask's rim, pixels, negative inside."""
        return np.stack([silhouette_distance(rgba[..., 3]) for rgba in self.rgba])

    def without(self, left_out: Collection[int]) -> "PosedViews":
        """These views but for some, by their indices."""
        kept = [index for index in range(len(self.cameras)) if index not in left_out]
        return PosedViews(self.rgba[kept], tuple(self.cameras[index] for index in kept))

    def bent(self, deformations: Float32[np.ndarray, "N 2 Y X"]) -> "PosedViews":
        """These views, each bent by its own free-form deformation."""
        pairs = zip(self.rgba, deformations, strict=True)
        return PosedViews(np.stack([free_form.bent(*pair) for pair in pairs]), self.cameras)
