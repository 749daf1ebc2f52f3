"""Settings that every isolator on an image-edit model has: tries, background removal, limits."""

from typing import Any, Literal

from pydantic import Field

from mmpart_core.isolate.check_settings import CheckSettings
from mmpart_core.weight_files import content_of


class EditorSettings(CheckSettings):
    """How often a part is drawn, how its ground is removed, and what is accepted."""

    tries: int = Field(
        default=3,
        ge=1,
        le=10,
        description="How often a part is drawn until a picture is accepted; the reasons of a "
        "rejection are added to the next prompt. Each try is paid.",
    )
    candidates: int = Field(
        default=1, ge=1, le=10, description="Pictures per try, of which the best is taken."
    )
    removal: Literal["auto", "alpha", "model", "classical"] = Field(
        default="auto",
        description="How the ground is removed: by the picture's alpha, by the matting model, or "
        "classically by its colour; 'auto' takes the first of these that there is.",
    )
    matting_model: Literal["", "birefnet-general", "isnet-general-use", "u2net", "u2net_custom",
                           "dis_custom"] = Field(
        default="",
        description="Matting model for opaque pictures (package rembg), each under a licence that "
        "allows commercial use; the '_custom' ones read their file from matting_path. Empty: none.",
    )  # fmt: skip
    matting_path: str = Field(
        default="",
        description="ONNX file of a '_custom' matting model; its licence is yours to see to. A "
        "stored result is found again by the file's content, wherever it lies.",
    )
    min_confidence: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="Least confidence of the place in the source image; 0 accepts any.",
    )
    min_visible: float = Field(
        default=0.2,
        ge=0.0,
        le=1.0,
        description="Least share of the drawn part that agrees with the source; the rest is hidden "
        "there.",
    )
    min_structure: float = Field(
        default=0.4,
        ge=-1.0,
        le=1.0,
        description="Least correlation of detail with the source where the part is seen: a redrawn "
        "part has other detail.",
    )
    max_shift: float = Field(
        default=0.3,
        ge=0.0,
        le=1.0,
        description="How far the model may move the part, over the image's longer side; the shift "
        "itself is undone.",
    )
    max_zoom: float = Field(
        default=1.6, ge=1.0, le=4.0, description="Likewise how much it may scale it, up or down."
    )
    max_turn_deg: float = Field(
        default=8.0, ge=0.0, le=45.0, description="Likewise how much it may turn it in the image."
    )

    def key_settings(self) -> dict[str, Any]:
        """See ``BackendSettings``; a matting model's file counts by what is in it."""
        given = super().key_settings()
        return {**given, "matting_path": content_of(self.matting_path)}
