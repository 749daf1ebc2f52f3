"""FlexiCubes in plain PyTorch (the default): even triangles, closed by construction."""

from typing import Any, ClassVar

from mmpart_core.devices import check_device
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.mesh.settings import DualSettings


class Settings(DualSettings):
    """Settings of ``flexicubes``."""


class FlexiCubesExtractor:
    """Extracts with ``mmpart_core.mesh.flexicubes`` at uniform weights."""

    VERSION: ClassVar[str] = "3"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._extractor: Any = None

    def open(self) -> None:
        """Load PyTorch and work out the tables.

        Raises:
            ConfigError: the device that was asked for is not there.
        """
        from mmpart_core.mesh.flexicubes import FlexiCubes

        check_device("mesh.device", self._settings.device)
        self._extractor = FlexiCubes(self._settings.device)

    def extract(self, field: FieldGrid, views: PosedViews, seed: int) -> ExtractedSurface:
        """See ``SurfaceExtractor.extract``; nothing here is random."""
        from mmpart_core.mesh.dual_surface import extract_finished

        return extract_finished(self._extractor, field, views, self._settings, "FlexiCubes")


BACKEND = FlexiCubesExtractor
