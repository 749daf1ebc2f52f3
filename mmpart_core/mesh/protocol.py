"""What a surface extractor must do."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from mmpart_core.geometry.field_grid import FieldGrid
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.geometry.surface import TriangleMesh


@dataclass(frozen=True)
class ExtractedSurface:
    """A clean, textured surface in the part's frame.

    Attributes:
        mesh: the surface; uv and texture set unless vertex colours were asked for.
        method: how it was made, in words.
        warnings: what the user should know.
    """

    mesh: TriangleMesh
    method: str
    warnings: tuple[str, ...] = ()


@runtime_checkable
class SurfaceExtractor(Protocol):
    """Turns a field into a clean textured mesh."""

    VERSION: ClassVar[str]

    def open(self) -> None:
        """Load what extracting needs."""
        ...

    def extract(self, field: FieldGrid, views: PosedViews, seed: int) -> ExtractedSurface:
        """Extract, clean, simplify, unwrap and texture.

        Args:
            field: signed distance and colour.
            views: the views the field was trained on, for the texture.
            seed: every random choice follows from it.

        Raises:
            BackendError: the field has no surface.
        """
        ...
