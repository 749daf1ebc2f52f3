"""An image-edit pipeline of diffusers, loaded. Imported only when a part is to be drawn."""

# ruff: noqa: E402 - diffusers imports torchvision, whose operators are to be declared before.

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

from diffusers.pipelines.pipeline_utils import DiffusionPipeline

from mmpart_core.errors import BackendError, ConfigError
from mmpart_core.isolate.edit_pipelines import PIPELINES, EditPipeline, call_arguments
from mmpart_core.quoting import first_line

_GROUND = 205  # light grey: what a transparent source is laid on for models without alpha


@dataclass(frozen=True)
class Loading:
    """What is loaded, and how.

    Attributes:
        checkpoint: a folder, or a repository of the Hugging Face Hub.
        revision: commit of the repository; empty for a folder.
        device: a PyTorch device.
        dtype: ``auto``, ``float32``, ``float16`` or ``bfloat16``.
        memory: ``resident``, ``offload`` or ``sequential``.
    """

    checkpoint: str
    revision: str
    device: str
    dtype: str
    memory: str


class EditModel:
    """A pipeline that draws pictures from a picture and words.

    Args:
        pipeline: of diffusers.
        kind: how it is called.
    """

    def __init__(self, pipeline: Any, kind: EditPipeline) -> None:
        self._pipeline = pipeline
        self.kind = kind
        self._lock = threading.Lock()

    def draw(
        self,
        canvas: UInt8[np.ndarray, "H W 4"],
        prompt: str,
        seed: int,
        steps: int | None,
        scale: float | None,
    ) -> UInt8[np.ndarray, "h w 4"]:
        """Draw one picture; the same seed gives the same one.

        Args:
            canvas: what is edited, straight alpha.
            prompt: what to do.
            seed: of the noise, which is drawn on the CPU whatever the device.
            steps: in place of the pipeline's own.
            scale: of the guidance, likewise.

        Raises:
            BackendError: the model does not fit into memory.
        """
        image = Image.fromarray(canvas if self.kind.alpha else _on_ground(canvas))
        arguments = call_arguments(self.kind, canvas.shape[1], canvas.shape[0], steps, scale)
        generator = torch.Generator("cpu").manual_seed(seed)
        try:
            with self._lock, torch.inference_mode():
                drawn = self._pipeline(
                    image=[image] if self.kind.many else image,
                    prompt=prompt,
                    generator=generator,
                    **arguments,
                )
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"isolate 'diffusers': {canvas.shape[1]}x{canvas.shape[0]} px do not fit into the "
                f"device's memory ({first_line(error)}); set isolate.memory=offload or lower "
                "isolate.canvas_px"
            ) from error
        return np.asarray(drawn.images[0].convert("RGBA"))


def load_model(loading: Loading) -> EditModel:
    """Load a pipeline.

    Raises:
        ConfigError: no such checkpoint, or a pipeline that parts cannot be drawn with.
    """
    place = str(Path(loading.checkpoint).expanduser())
    place = place if Path(place).is_dir() else loading.checkpoint
    revision: dict[str, Any] = {"revision": loading.revision} if loading.revision else {}
    try:
        config: Any = DiffusionPipeline.load_config(place, **revision)
        kind = _kind(str(config.get("_class_name", "")), loading.checkpoint)
        pipeline: Any = DiffusionPipeline.from_pretrained(
            place, dtype=_dtype(loading), use_safetensors=True, **revision
        )
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"isolate.checkpoint '{loading.checkpoint}': expected a pipeline as diffusers saves "
            f"it, loading failed: {first_line(error)}; check the folder, or repository and revision"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    if loading.memory == "resident" or not loading.device.startswith("cuda"):
        pipeline.to(loading.device)
    elif loading.memory == "offload":
        pipeline.enable_model_cpu_offload(device=loading.device)
    else:
        pipeline.enable_sequential_cpu_offload(device=loading.device)
    return EditModel(pipeline, kind)


def _kind(name: str, checkpoint: str) -> EditPipeline:
    if name not in PIPELINES:
        raise ConfigError(
            f"isolate.checkpoint '{checkpoint}': a pipeline of one of the classes "
            f"{', '.join(PIPELINES)} expected, got {name or 'none'}; choose another checkpoint"
        )
    return PIPELINES[name]


def _dtype(loading: Loading) -> torch.dtype:
    if loading.dtype == "auto":
        return torch.bfloat16 if loading.device.startswith("cuda") else torch.float32
    number: torch.dtype = getattr(torch, loading.dtype)
    return number


def _on_ground(rgba: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 3"]:
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    return np.rint(rgba[..., :3] * alpha + _GROUND * (1.0 - alpha)).astype(np.uint8)
