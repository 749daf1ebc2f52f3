"""Reconstruct: a sphere of the views' colour."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_counting import journal


class Settings(BackendSettings):
    """Settings of the counting trainer."""

    radius: float = Field(default=0.5, gt=0.2, lt=0.8, description="Radius of the sphere.")
    threads: int = Field(default=1, ge=1, description="Threads to use.")

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {"threads": "the same field on any number"}


class CountingTrainer:
    """Makes the signed distance of a sphere."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def train(self, views: PosedViews, seed: int) -> TrainedField:
        """Make the field."""
        colour = views.rgba[views.rgba[..., 3] > 0].mean(axis=0)[:3]
        journal.note("reconstruct", bytes(colour.astype(np.uint8)).hex())
        axis = np.linspace(-1.0, 1.0, 13)
        x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
        sdf = (np.sqrt(x**2 + y**2 + z**2) - self._settings.radius).astype(np.float32)
        rgb = np.broadcast_to(colour / 255.0, (*sdf.shape, 3)).astype(np.float32)
        grid = FieldGrid(sdf, rgb, np.full(3, -1.0), float(axis[1] - axis[0]))
        return TrainedField(grid, train_psnr_db=30.0, confidence=0.9)


BACKEND = CountingTrainer
