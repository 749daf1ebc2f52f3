"""FlexiCubes in plain PyTorch (the default): even triangles, closed by construction."""

from typing import Any, ClassVar

from pydantic import Field

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.mesh.protocol import ExtractedSurface
from mmpart_core.mesh.settings import FinishSettings


class Settings(FinishSettings):
    """Settings of ``flexicubes``."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "device": "says where the same extraction runs",
    }

    device: str = Field(default="cpu", description="PyTorch device, for instance cpu or cuda.")


class FlexiCubesExtractor:
    """Extracts with ``mmpart_core.mesh.flexicubes`` at uniform weights."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._extractor: Any = None

    def open(self) -> None:
        """Load PyTorch and work out the tables.

        Raises:
            BackendError: the device that was asked for is not there.
        """
        from mmpart_core.mesh.device import check_device
        from mmpart_core.mesh.flexicubes import FlexiCubes

        check_device(self._settings.device)
        self._extractor = FlexiCubes(self._settings.device)

    def extract(self, field: FieldGrid, views: PosedViews, seed: int) -> ExtractedSurface:
        """See ``SurfaceExtractor.extract``; nothing here is random."""
        from mmpart_core.mesh.dual_surface import extract_dual_surface
        from mmpart_core.mesh.finish import finish_surface
        from mmpart_core.mesh.solid_field import solid_field

        solid = solid_field(field)
        vertices, faces = extract_dual_surface(self._extractor, solid, self._settings.device)
        return finish_surface(vertices, faces, field, views, self._settings, "FlexiCubes")


BACKEND = FlexiCubesExtractor
