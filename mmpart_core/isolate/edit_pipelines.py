"""Image-edit pipelines of diffusers that parts can be drawn with: how each is called."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MEGAPIXEL = 1024 * 1024


@dataclass(frozen=True)
class EditPipeline:
    """How one class of pipeline is called (diffusers 0.42).

    Attributes:
        guidance: keyword of the guidance scale.
        scale: its value for "keep only this".
        steps: denoising steps.
        canvas_px: pixels that it was trained for.
        many: images are given as a list.
        sized: takes height and width; else the output is as large as the input.
        alpha: takes and gives a transparent ground.
        extra: further arguments.
    """

    guidance: str
    scale: float
    steps: int
    canvas_px: int = _MEGAPIXEL
    many: bool = False
    sized: bool = True
    alpha: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


PIPELINES: Mapping[str, EditPipeline] = {
    "Flux2KleinPipeline": EditPipeline("guidance_scale", 1.0, 4),
    "QwenImageEditPlusPipeline": EditPipeline(
        "true_cfg_scale", 4.0, 40, many=True, extra={"negative_prompt": " "}
    ),
    "QwenImage21Pipeline": EditPipeline("true_cfg_scale", 1.0, 40, many=True, alpha=True),
    # Else it squeezes the picture into one of its own sizes, and the part is moved.
    "FluxKontextPipeline": EditPipeline(
        "guidance_scale", 2.5, 28, extra={"_auto_resize": False}
    ),
    "StableDiffusionInstructPix2PixPipeline": EditPipeline(
        "guidance_scale", 7.5, 50, canvas_px=512 * 512, sized=False,
        extra={"image_guidance_scale": 1.5},
    ),
}  # fmt: skip

# As the makers state them (2026-11).
LICENSES = {
    "black-forest-labs/FLUX.2-klein-4B": "Apache-2.0",
    "black-forest-labs/FLUX.2-klein-9B": "FLUX non-commercial licence",
    "Qwen/Qwen-Image-Edit-2509": "Apache-2.0",
    "Qwen/Qwen-Image-Edit-2511": "Apache-2.0",
    "Qwen/Qwen-Image-2.1": "Qwen Research licence: not for commercial products",
    "black-forest-labs/FLUX.1-Kontext-dev": "FLUX.1 [dev] non-commercial licence",
    "timbrooks/instruct-pix2pix": "OpenRAIL-M (Stable Diffusion 1.5)",
}


def call_arguments(
    kind: EditPipeline, width_px: int, height_px: int, steps: int | None, scale: float | None
) -> dict[str, Any]:
    """Arguments of a call beside image, prompt and generator.

    Args:
        kind: the pipeline.
        width_px: of the canvas.
        height_px: of the canvas.
        steps: in place of the pipeline's own; None for those.
        scale: of the guidance, likewise.
    """
    given: dict[str, Any] = {
        "num_inference_steps": steps or kind.steps,
        kind.guidance: kind.scale if scale is None else scale,
        **kind.extra,
    }
    if kind.sized:
        given |= {"height": height_px, "width": width_px}
    if "_auto_resize" in kind.extra:
        given["max_area"] = width_px * height_px
    if kind.alpha:
        # The pictures it looks at are scaled to this side; the canvas stays as it is.
        given["output_resolution"] = max(64, round((width_px * height_px) ** 0.5))
    return given
