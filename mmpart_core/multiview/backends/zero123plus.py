"""Views drawn by Zero123++ (Shi et al., 2023), from weights on this machine.

The pipeline is our own (``multiview.zero123plus``): no code of a checkpoint is run. It takes
about 5 GB of GPU memory in float16 (5.7 GB with a ControlNet; the project's README), 4 GB of which
are weights; ``memory: offload`` keeps only the network in use there, at most 1.8 GB of weights.
On a CPU in float32 it takes twice as much and minutes per step.

The weights are not for commercial products; see ``LICENSES``.
"""

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from mmpart_core.devices import has_cuda
from mmpart_core.errors import MissingDependencyError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.framing import FramedSquare
from mmpart_core.multiview.protocol import GeneratedViews, PartImage
from mmpart_core.multiview.zero123plus.settings import LICENSES, VERSIONS, Settings

__all__ = ["BACKEND", "LICENSES", "Settings", "Zero123PlusViews", "run"]

REQUIRES = ("torch", "diffusers", "transformers", "safetensors", "huggingface_hub")
HOW_TO_GET = "install the project again: make setup"


class Zero123PlusViews:
    """Draws six views of a part and takes them off their ground."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pipeline: Any = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Load the weights.

        Raises:
            MissingDependencyError: no checkpoint is named, or a package does not import.
            ConfigError: the checkpoint cannot be loaded.
        """
        options = self._settings
        options.check_machine("multiview")
        try:
            opening: Any = importlib.import_module("mmpart_core.multiview.zero123plus.opening")
        except ImportError as error:
            raise MissingDependencyError(
                f"multiview 'zero123plus': expected the packages {', '.join(REQUIRES)}, but "
                f"importing them failed ({error}); {HOW_TO_GET}"
            ) from error
        device = options.device
        if device == "auto":
            device = "cuda" if has_cuda() else "cpu"
        self._pipeline = opening.open_pipeline(
            opening.Weights(
                checkpoint=(options.checkpoint, options.revision),
                unet=options.unet_checkpoint,
                controlnet=(options.controlnet_checkpoint, options.controlnet_revision)
                if options.alpha == "normals"
                else None,
            ),
            device,
            options.dtype,
            options.memory,
        )

    def generate(self, part: PartImage, seed: int) -> GeneratedViews:
        """Draw the part's views; the same seed gives the same views.

        Raises:
            StageError: the image shows nothing.
            BackendError: the device's memory does not do, or the networks overflow their dtype.
        """
        return self.generate_all([part], [seed])[0]

    def generate_all(
        self, parts: Sequence[PartImage], seeds: Sequence[int]
    ) -> list[GeneratedViews]:
        """Draw several parts' views in one batch; each as it would be drawn alone.

        Args:
            parts: at least one.
            seeds: one per part.

        Raises:
            StageError: an image shows nothing.
            BackendError: as ``generate``.
        """
        from mmpart_core.multiview.zero123plus.grid_views import grid_from_picture
        from mmpart_core.multiview.zero123plus.input_square import framed_on_ground, square_of

        options = self._settings
        squares = [square_of(part.rgba, options.foreground) for part in parts]
        inputs = [
            framed_on_ground(part.rgba, square, options.ground)
            for part, square in zip(parts, squares, strict=True)
        ]
        size = 3 * options.size_px, 2 * options.size_px
        with self._lock:
            drawn, normals = self._pipeline.draw(
                inputs, seeds, options.steps, options.guidance, size
            )
        grids = [grid_from_picture(picture) for picture in drawn]
        coded = [grid_from_picture(picture) for picture in normals] or [None] * len(grids)
        return [
            GeneratedViews(self._views(grid, normal), _method(options, square))
            for grid, normal, square in zip(grids, coded, squares, strict=True)
        ]

    def _views(self, grid: Any, normals: Any) -> PosedViews:
        from mmpart_core.multiview.zero123plus import grid_views

        options = self._settings
        poses = grid_views.grid_cameras(
            VERSIONS[options.release], options.size_px, options.used_distance
        )
        if normals is None:
            return grid_views.views_by_ground(grid, poses)
        return grid_views.views_by_normals(grid, normals, poses)


def run(
    components: Mapping[str, Any],
    image: Any,
    *,
    steps: int,
    guidance: float | int,
    num_images: int,
    height: int,
    width: int,
    noise: Callable[[tuple[int, ...]], Any],
    control_image: Any = None,
    control_scale: float | int | None = None,
) -> tuple[Any, Float[np.ndarray, "N H W 3"]]:
    """Run the pipeline on given components with given noise; nothing else is random.

    Args:
        components: by the checkpoint's keys: vae, text_encoder, tokenizer, unet, scheduler,
            vision_encoder, feature_extractor_clip, feature_extractor_vae, ramping_coefficients,
            and controlnet where ``control_image`` is given. They are used where they are and as
            they are configured.
        image: PIL image or uint8 array, RGB or RGBA; clear pixels are shown on grey 127.
        steps: of the sampler.
        guidance: scale of classifier-free guidance; at most 1 for none.
        num_images: pictures of the one image.
        height: of a picture; a multiple of the VAE's factor, 8.
        width: the same.
        noise: called with a shape for each tensor of standard normal numbers, in this order: the
            image's latents; with guidance those of zeros; the first latents; then at each step
            the condition pass, both halves at once, and the ancestral update.
        control_image: what the ControlNet is told, of the picture's size.
        control_scale: weight of what it adds; 1 when None.

    Returns:
        Latents in the VAE's range, not yet divided by its scaling factor: a float32 tensor on the
        CPU, N x C x h x w. Pictures in [0, 1], float32.

    Raises:
        ConfigError: components that are missing or do not go together.
        InputError: an image or a size that cannot be used.
    """
    from mmpart_core.multiview.zero123plus.control import Control
    from mmpart_core.multiview.zero123plus.models import models_from
    from mmpart_core.multiview.zero123plus.sampling import Drawing, draw_grids

    controls: list[Control] = []
    if control_image is not None:
        controls = [Control(control_image, 1.0 if control_scale is None else float(control_scale))]
    latents, pictures = draw_grids(
        models_from(components),
        [image],
        [noise],
        Drawing(steps, float(guidance), num_images, height, width),
        controls,
    )
    return latents, pictures.numpy()


def _method(options: Settings, square: FramedSquare) -> str:
    column, row = square.center_px
    return (
        f"drawn by {options.release} in {options.steps} steps with guidance {options.guidance:g}, "
        f"from the {square.side_px:.0f} px square around column {column:.0f}, row {row:.0f} of the "
        f"image; ground taken out by {'its colour' if options.alpha == 'ground' else 'normals'}"
    )


BACKEND = Zero123PlusViews
