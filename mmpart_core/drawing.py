"""Settings shared by the back-ends that draw with the one renderer."""

from pydantic import Field

from mmpart_core.backends import BackendSettings


class DrawingSettings(BackendSettings):
    """How finely a surface is drawn."""

    supersample: int = Field(
        default=2, ge=1, le=8, description="Rays along each side of a pixel, against jagged rims."
    )


class LitDrawingSettings(DrawingSettings):
    """How finely, and in what light, a known scene is drawn."""

    shading: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="0 draws bare base colours, which is what reconstruction should learn; up to 1 "
        "blends in a soft studio light. Isolated parts need the value that the source image was "
        "drawn with.",
    )
