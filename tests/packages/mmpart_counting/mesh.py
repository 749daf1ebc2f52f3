"""Mesh: marching cubes of the field, in its mean colour."""

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage.measure import marching_cubes

from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_counting import journal


class Settings(BackendSettings):
    """Settings of the counting extractor."""

    level: float = Field(default=0.0, ge=-0.1, le=0.1, description="Distance of the surface.")


class CountingExtractor:
    """Extracts a vertex-coloured surface."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def extract(self, field: FieldGrid, views: PosedViews, seed: int) -> ExtractedSurface:
        """Extract."""
        colour = np.round(field.rgb.mean(axis=(0, 1, 2)) * 255).astype(np.uint8)
        journal.note("mesh", bytes(colour).hex())
        spacing = (field.spacing,) * 3
        vertices, faces, _, _ = marching_cubes(
            field.sdf, self._settings.level, spacing=spacing, gradient_direction="ascent"
        )
        colors = np.tile(np.append(colour, 255).astype(np.uint8), (len(vertices), 1))
        mesh = TriangleMesh(
            (vertices + field.origin).astype(np.float64), faces.astype(np.int64), colors=colors
        )
        return ExtractedSurface(mesh, "marching cubes of a sphere")


BACKEND = CountingExtractor
