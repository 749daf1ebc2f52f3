"""Draws parts with an open-weight image-edit model on this machine, through diffusers.

One back-end for the pipelines of ``isolate.edit_pipelines``: FLUX.2 [klein], Qwen-Image-Edit-Plus,
Qwen-Image-2.1 (which draws its own transparent ground), FLUX.1 Kontext and InstructPix2Pix. Their
memory in bfloat16, as published or computed: klein 4B 13 GB, Qwen-Image-Edit 57 GB, Qwen-Image-2.1
30 GB, Kontext 24 GB and its text encoder; ``memory: offload`` keeps one network at a time on the
device.
"""

import importlib
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from mmpart_core.devices import has_cuda
from mmpart_core.errors import ConfigError, MissingDependencyError
from mmpart_core.isolate import canvas, image_exchange, tries
from mmpart_core.isolate.check_settings import LICENSES as CHECKER_LICENSES
from mmpart_core.isolate.check_settings import CheckSettings
from mmpart_core.isolate.edit_pipelines import LICENSES as PIPELINE_LICENSES
from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.matting_session import LICENCES as MATTING_LICENSES
from mmpart_core.isolate.matting_session import open_matting
from mmpart_core.isolate.part_checker import expected_check_usd, open_checker, texts_digest
from mmpart_core.isolate.protocol import Isolation, IsolationTask

__all__ = ["BACKEND", "HOW_TO_GET", "LICENSES", "REQUIRES", "DiffusersEditor", "Settings"]

REQUIRES = ("torch", "diffusers", "transformers", "accelerate")
LICENSES = {**PIPELINE_LICENSES, **CHECKER_LICENSES, **MATTING_LICENSES}
HOW_TO_GET = "install the project again: make setup"
# Sides that every pipeline of the table can draw: its latents are patched in pairs of 8 or 16 px.
_STEP_PX = 32


class Settings(EditorSettings):
    """Which model, and how it draws."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        **CheckSettings.EXCLUDED_FROM_KEY,
        "device": "the same computation up to rounding, and noise is always drawn on the CPU",
        "memory": "the same computation, whichever network is on the device",
    }

    checkpoint: str = Field(
        default="",
        description="Folder of a pipeline as diffusers saves it, or a repository of the Hugging "
        "Face Hub such as black-forest-labs/FLUX.2-klein-4B, then with revision.",
    )
    revision: str = Field(
        default="",
        pattern=r"^([0-9a-f]{40})?$",
        description="Commit of the repository, 40 hexadecimal digits; none for a folder.",
    )
    steps: int | None = Field(
        default=None, ge=1, le=500, description="Denoising steps; empty: the pipeline's own."
    )
    guidance: float | None = Field(
        default=None, ge=0.0, le=50.0, description="Guidance scale; empty: the pipeline's own."
    )
    canvas_px: int | None = Field(
        default=None,
        ge=1024,
        le=4_194_304,
        description="Pixels of the pictures, about; empty: what the pipeline was trained for.",
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        default="auto", description="Numbers of the networks; 'auto': bfloat16 on CUDA."
    )
    device: str = Field(default="auto", description="PyTorch device; 'auto': CUDA if there is one.")
    memory: Literal["resident", "offload", "sequential"] = Field(
        default="resident",
        description="What is on a CUDA device: everything, one network at a time, or one layer.",
    )

    def check_machine(self, stage: str) -> None:
        """See ``BackendSettings``; a checkpoint that is not pinned is found here, too.

        Raises:
            ConfigError: no checkpoint is named, or a repository without its commit.
        """
        _check_checkpoint(self)
        super().check_machine(stage)


class DiffusersEditor:
    """Draws a part until a picture passes the gate."""

    VERSION: ClassVar[str] = f"4-{texts_digest()}"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model: Any = None
        self._matting: Any = None
        self._checker: Any = None

    def open(self) -> None:
        """Load the weights. Nothing is downloaded unless a repository and its commit are named.

        Raises:
            MissingDependencyError: a package does not import.
            ConfigError: no checkpoint is named, or it cannot be used.
        """
        settings = self._settings
        settings.check_machine("isolate")
        self._matting = open_matting(settings)
        self._checker = open_checker(settings)
        try:
            loader: Any = importlib.import_module("mmpart_core.isolate.edit_model")
        except ImportError as error:
            raise MissingDependencyError(
                f"isolate 'diffusers': expected the packages {', '.join(REQUIRES)}, but importing "
                f"them failed ({error}); {HOW_TO_GET}"
            ) from error
        device = settings.device
        if device == "auto":
            device = "cuda" if has_cuda() else "cpu"
        self._model = loader.load_model(
            loader.Loading(
                settings.checkpoint, settings.revision, device, settings.dtype, settings.memory
            )
        )

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        """See ``ImageEditor``; the same seed gives the same pictures."""
        return tries.isolate_by_tries(
            task, seed, lambda order: self._draw(task, order), self._settings, self._matting,
            self._checker,
        )  # fmt: skip

    def _draw(self, task: IsolationTask, order: tries.DrawOrder) -> tries.DrawnPictures:
        settings, kind = self._settings, self._model.kind
        rule = canvas.SizeRule(step=_STEP_PX)
        height, width = task.source.shape[:2]
        ground = canvas.fit_canvas(height, width, rule, settings.canvas_px or kind.canvas_px)
        picture = ground.drawn(task.source, canvas.border_colour(task.source))
        prompt = image_exchange.with_ground(order.prompt, kind.alpha)
        pictures = tuple(
            self._model.draw(picture, prompt, seed, settings.steps, settings.guidance)
            for seed in order.seeds
        )
        mapped = tuple(ground.source_from_answer(p.shape[1], p.shape[0]) for p in pictures)
        return tries.DrawnPictures(pictures, mapped)


def expected_cost_usd(settings: Settings) -> float | None:
    """What looking at one part usually costs, where a model is asked to; drawing is free."""
    look = expected_check_usd(settings) if settings.check else None
    return None if look is None else look * max(1.0, 0.5 * settings.tries)


def _check_checkpoint(settings: Settings) -> None:
    if not settings.checkpoint:
        raise ConfigError(
            "isolate.checkpoint: the folder of an image-edit pipeline, or a repository with "
            "isolate.revision expected, none is named; the one to start with is "
            "black-forest-labs/FLUX.2-klein-4B (Apache-2.0)"
        )
    is_folder = Path(settings.checkpoint).expanduser().is_dir()
    if not is_folder and not settings.revision:
        raise ConfigError(
            f"isolate.checkpoint '{settings.checkpoint}': no such folder, and as a repository it "
            "needs isolate.revision, the commit of its weights (40 hexadecimal digits, on the "
            "repository's page); add --set isolate.revision=..., or give a folder: "
            "--set isolate.checkpoint=/folder"
        )


BACKEND = DiffusersEditor
