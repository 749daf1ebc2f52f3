"""A checkpoint on a device, ready to draw."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from mmpart_core.errors import BackendError
from mmpart_core.multiview.zero123plus.checkpoint import (
    load_components,
    load_controlnet,
    local_folder,
    replace_unet_weights,
)
from mmpart_core.multiview.zero123plus.control import Control
from mmpart_core.multiview.zero123plus.models import Models, Mover, models_from
from mmpart_core.multiview.zero123plus.noise import seeded_noise
from mmpart_core.multiview.zero123plus.sampling import Drawing, draw_grids
from mmpart_core.quoting import first_line

_GIB = 2**30
# Free memory from which everything stays on a CUDA device (5.7 GB are used with a ControlNet), and
# from which whole attention fits beside one network.
_RESIDENT_BYTES, _WHOLE_BYTES = 8 * _GIB, 5 * _GIB
# The normals' noise is another than the views', from the same seed.
_NORMALS_SEED = 0x6E6F726D


@dataclass(frozen=True)
class Weights:
    """Where weights lie.

    Attributes:
        checkpoint: folder or repository, and its commit.
        unet: file that replaces the UNet's weights; empty for none.
        controlnet: normal ControlNet: folder or repository, and its commit; None for none.
    """

    checkpoint: tuple[str, str]
    unet: str
    controlnet: tuple[str, str] | None


class Pipeline:
    """Draws grids of views and, with a normal ControlNet, their normals."""

    def __init__(self, models: Models, mover: Mover) -> None:
        self._models = models
        self._mover = mover

    def draw(
        self,
        images: Sequence[UInt8[np.ndarray, "S S 3"]],
        seeds: Sequence[int],
        steps: int,
        guidance: float,
        size: tuple[int, int],
    ) -> tuple[Float32[np.ndarray, "N Y X 3"], Float32[np.ndarray, "M Y X 3"]]:
        """Draw one grid per image.

        Args:
            images: sRGB on the ground that the weights expect.
            seeds: one per image.
            steps: of the sampler.
            guidance: scale of classifier-free guidance.
            size: height and width of a grid.

        Returns:
            Grids in [0, 1], and their normals as colours in [0, 1]; of the latter as many, or none
            without a ControlNet.

        Raises:
            BackendError: the device's memory does not do, or the networks overflow their dtype.
        """
        drawing = Drawing(steps, guidance, 1, *size)
        grids = self._drawn(images, seeds, drawing, ())
        if self._models.controlnet is None:
            return grids, np.zeros((0, *size, 3), dtype=np.float32)
        controls = [Control(np.rint(grid * 255.0).astype(np.uint8)) for grid in grids]
        return grids, self._drawn(images, [s ^ _NORMALS_SEED for s in seeds], drawing, controls)

    def _drawn(
        self,
        images: Sequence[UInt8[np.ndarray, "S S 3"]],
        seeds: Sequence[int],
        drawing: Drawing,
        controls: Sequence[Control],
    ) -> Float32[np.ndarray, "N Y X 3"]:
        noises = [seeded_noise(seed) for seed in seeds]
        try:
            _, pictures = draw_grids(self._models, images, noises, drawing, controls, self._mover)
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"multiview 'zero123plus': the device's memory does not hold {len(images)} "
                f"picture(s) of {drawing.width}x{drawing.height} px ({first_line(error)}); set "
                "multiview.memory=offload, or slices, which needs least"
            ) from error
        if not bool(torch.isfinite(pictures).all()):
            raise BackendError(
                "multiview 'zero123plus': expected colours, got values that are no numbers; the "
                f"networks overflow {self._models.unet.dtype}: set multiview.dtype=bfloat16, or "
                "float32"
            )
        return pictures.numpy()


def open_pipeline(weights: Weights, device: str, dtype: str, memory: str) -> Pipeline:
    """Load weights and put them where they are used.

    Args:
        weights: where they lie.
        device: a PyTorch device.
        dtype: of the networks: auto, float32, float16 or bfloat16.
        memory: auto, resident, offload or slices.

    Raises:
        ConfigError: weights that are missing or do not fit.
    """
    if dtype == "auto":
        dtype = "float16" if device.startswith("cuda") else "float32"
    number: torch.dtype = getattr(torch, dtype)
    components: dict[str, Any] = load_components(local_folder(*weights.checkpoint), number)
    if weights.unet:
        replace_unet_weights(components["unet"], Path(weights.unet).expanduser())
    if weights.controlnet is not None:
        components["controlnet"] = load_controlnet(local_folder(*weights.controlnet), number)
    models = models_from(components)
    way = chosen_memory(memory, device)
    if way == "slices":
        for network in (models.unet, models.controlnet):
            if network is not None:
                network.set_attention_slice("max")
    if way != "resident":
        return Pipeline(models, Mover(device))
    for network in (models.vae, models.text_encoder, models.unet, models.vision_encoder):
        network.to(device)
    if models.controlnet is not None:
        models.controlnet.to(device)
    return Pipeline(models, Mover())


def chosen_memory(memory: str, device: str) -> str:
    """Resident, offload or slices; what 'auto' stands for on a device.

    Args:
        memory: as set.
        device: a PyTorch device; all stays resident where it is not CUDA.
    """
    if memory != "auto":
        return memory
    if not device.startswith("cuda"):
        return "resident"
    free = torch.cuda.mem_get_info(device)[0]
    if free >= _RESIDENT_BYTES:
        return "resident"
    return "offload" if free >= _WHOLE_BYTES else "slices"
