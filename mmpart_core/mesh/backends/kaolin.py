"""FlexiCubes of NVIDIA's kaolin, where it is installed."""

import importlib
from typing import Any, ClassVar

from mmpart_core.devices import check_device
from mmpart_core.errors import MissingDependencyError
from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.mesh.settings import DualSettings

REQUIRES = ("kaolin.ops.conversions",)
HOW_TO_GET = (
    "install the wheel for your PyTorch from NVIDIA's index (the package of that name on PyPI is "
    "a placeholder) or use mesh.kind 'flexicubes', which needs nothing more"
)


class Settings(DualSettings):
    """Settings of ``kaolin``."""


class KaolinExtractor:
    """Extracts with ``kaolin.ops.conversions.FlexiCubes`` (0.18 or later)."""

    VERSION: ClassVar[str] = "3"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._extractor: Any = None

    def open(self) -> None:
        """Load kaolin.

        Raises:
            MissingDependencyError: kaolin 0.18 or later is not installed.
            ConfigError: the device that was asked for is not there.
        """
        try:
            conversions = importlib.import_module("kaolin.ops.conversions")
            flexicubes = conversions.FlexiCubes
        except (ImportError, AttributeError) as error:
            raise MissingDependencyError(
                "mesh.kind 'kaolin': expected kaolin 0.18 or later, which cannot be loaded "
                f"({error}); {HOW_TO_GET}"
            ) from error
        check_device("mesh.device", self._settings.device)
        self._extractor = flexicubes(device=self._settings.device)

    def extract(self, field: FieldGrid, views: PosedViews, seed: int) -> ExtractedSurface:
        """See ``SurfaceExtractor.extract``; nothing here is random."""
        from mmpart_core.mesh.dual_surface import extract_finished

        return extract_finished(self._extractor, field, views, self._settings, "kaolin FlexiCubes")


BACKEND = KaolinExtractor
