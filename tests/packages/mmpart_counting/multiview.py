"""Multiview: the same square, seen from three sides."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.cameras import orbit_camera
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.multiview.protocol import GeneratedViews, PartImage
from mmpart_counting import journal


class Settings(BackendSettings):
    """Settings of the counting view generator."""

    size_px: int = Field(default=32, ge=16, le=64, description="Side of a view.")


class CountingGenerator:
    """Paints the part's colour into three views."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def generate(self, part: PartImage, seed: int) -> GeneratedViews:
        """Make the views."""
        colour = part.rgba[part.visible].mean(axis=0).astype(np.uint8)
        journal.note("multiview", bytes(colour[:3]).hex())
        size = self._settings.size_px
        image = np.zeros((size, size, 4), dtype=np.uint8)
        image[size // 4 : -size // 4, size // 4 : -size // 4] = [*colour[:3], 255]
        cameras = tuple(orbit_camera(angle, 20.0, 30.0, size) for angle in (0.0, 120.0, 240.0))
        return GeneratedViews(PosedViews(np.stack([image] * 3), cameras), "one square, three sides")


BACKEND = CountingGenerator
