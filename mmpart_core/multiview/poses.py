"""Settings shared by the view generators that draw a surface at Zero123++'s poses."""

from pydantic import Field

from mmpart_core.drawing import DrawingSettings
from mmpart_core.geometry.cameras import Zero123PlusVersion


class PosedDrawingSettings(DrawingSettings):
    """Which six poses, and how large and finely they are drawn."""

    version: Zero123PlusVersion = Field(
        default="v1.2", description="Release of Zero123++ whose six poses and lens are used."
    )
    size_px: int = Field(
        default=320, ge=16, le=2048, description="Side of a view; Zero123++ makes 320."
    )
