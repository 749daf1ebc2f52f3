"""Marching cubes of scikit-image: the plain alternative."""

from typing import ClassVar

import numpy as np

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.mesh.settings import FinishSettings


class Settings(FinishSettings):
    """Settings of ``marching_cubes``."""


class MarchingCubesExtractor:
    """Extracts with ``skimage.measure.marching_cubes`` (Lewiner et al. 2003)."""

    VERSION: ClassVar[str] = "3"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load ahead."""

    def extract(self, field: FieldGrid, views: PosedViews, seed: int) -> ExtractedSurface:
        """See ``SurfaceExtractor.extract``; nothing here is random."""
        from skimage.measure import marching_cubes

        from mmpart_core.mesh.finish import finish_surface
        from mmpart_core.mesh.solid_field import solid_field

        solid = solid_field(field)
        # "descent": values fall towards the inside, so faces turn outward.
        steps, faces, _, _ = marching_cubes(solid.sdf, level=0.0, gradient_direction="descent")
        vertices = steps.astype(np.float64) * solid.spacing + solid.origin
        return finish_surface(
            vertices, faces.astype(np.int64), field, views, self._settings, "marching cubes"
        )


BACKEND = MarchingCubesExtractor
