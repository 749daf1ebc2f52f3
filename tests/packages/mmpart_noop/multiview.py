"""Multiview: one small square, seen from two sides."""

from typing import ClassVar

import numpy as np

from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.cameras import orbit_camera
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.multiview.protocol import GeneratedViews, PartImage
from mmpart_noop import journal

_SIZE_PX = 16


class Settings(BackendSettings):
    """There are none."""


class NoopGenerator:
    """Paints the part's colour."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cameras = tuple(orbit_camera(angle, 20.0, 30.0, _SIZE_PX) for angle in (0.0, 90.0))

    def open(self) -> None:
        """Nothing to load."""

    def generate(self, part: PartImage, seed: int) -> GeneratedViews:
        """Paint."""
        colour = part.rgba[part.visible][0]
        journal.note("multiview", bytes(colour[:3]).decode("latin-1"))
        image = np.zeros((_SIZE_PX, _SIZE_PX, 4), dtype=np.uint8)
        image[4:12, 4:12] = colour
        return GeneratedViews(PosedViews(np.stack([image] * 2), self._cameras), "a square")


BACKEND = NoopGenerator
