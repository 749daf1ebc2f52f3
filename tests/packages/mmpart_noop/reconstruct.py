"""Reconstruct: a ball on the smallest grid."""

from typing import ClassVar

import numpy as np

from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_noop import journal


class Settings(BackendSettings):
    """There are none."""


class NoopTrainer:
    """Gives a ball of the views' colour."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        axis = np.linspace(-1.0, 1.0, 6)
        x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
        self._sdf = (np.sqrt(x**2 + y**2 + z**2) - 0.5).astype(np.float32)

    def open(self) -> None:
        """Nothing to load."""

    def train(self, views: PosedViews, seed: int) -> TrainedField:
        """Give it."""
        colour = views.rgba[views.rgba[..., 3] > 0][0, :3] / 255.0
        seen = np.round(colour * 255).astype(np.uint8)
        journal.note("reconstruct", bytes(seen).decode("latin-1"))
        rgb = np.broadcast_to(colour, (*self._sdf.shape, 3)).astype(np.float32)
        return TrainedField(FieldGrid(self._sdf, rgb, np.full(3, -1.0), 0.4), 30.0, 0.9)


BACKEND = NoopTrainer
