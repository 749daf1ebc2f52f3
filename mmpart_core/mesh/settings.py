"""Settings that surface extractors share."""

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from mmpart_core.backends import BackendSettings

_GPU_REFINE_STEPS = 30  # a step is nothing there


class FinishSettings(BackendSettings):
    """What happens to a raw surface, whichever way it was extracted."""

    max_faces: int = Field(
        default=10_000, ge=100, le=500_000, description="Faces kept by quadric decimation."
    )
    fairing_passes: int = Field(
        default=10,
        ge=0,
        le=200,
        description="Passes that fair the surface of a part whose views disagree (Taubin 1995: "
        "bumps go, bodies keep their size); fewer where they disagree less, none where they "
        "agree. 0 for none.",
    )
    min_body_share: float = Field(
        default=0.01,
        ge=0.0,
        lt=1.0,
        description="Loose pieces below this share of the largest piece's area and volume go.",
    )
    texture: Literal["atlas", "vertex"] = Field(
        default="atlas", description="A texture baked from the views, or a colour per vertex."
    )
    texture_size_px: int = Field(
        default=512, ge=64, le=4096, description="Longer side of the baked texture."
    )


class DualSettings(FinishSettings):
    """Of extractors that are FlexiCubes, whoever wrote it."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "device": "says where the same extraction runs",
    }

    device: str = Field(default="cpu", description="PyTorch device, for instance cpu or cuda.")
    refine_steps: int = Field(
        default=0,
        ge=0,
        le=5000,
        description="Steps that fit the surface to the field and to the views' outlines before it "
        "is cleaned; 0 for none, 30 where it is not given and device is CUDA. With 30, outlines "
        "fit a little better and triangles are rounder; distances to true shapes stay as they "
        "are. Up to half a second each on a CPU core.",
    )
    refine_depth_weight: float = Field(
        default=1.0,
        ge=0.0,
        description="How much refinement heeds the field's depth and normals at the views' pixels, "
        "beside its level everywhere and the outlines; 0 for not at all.",
    )

    @model_validator(mode="before")
    @classmethod
    def _refine_on_a_gpu(cls, values: Any) -> Any:
        if isinstance(values, dict) and str(values.get("device", "")).startswith("cuda"):
            return {"refine_steps": _GPU_REFINE_STEPS, **values}
        return values
