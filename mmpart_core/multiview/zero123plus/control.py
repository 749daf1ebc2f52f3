"""ControlNets of Zero123++: depth -> views (v1.1), coloured views -> their normals (v1.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.errors import ConfigError, InputError
from mmpart_core.multiview.zero123plus.conditions import rgb_on_grey


@dataclass(frozen=True)
class Control:
    """What a ControlNet is told.

    Attributes:
        image: PIL image or uint8 array of the picture's size: depth, or six coloured views.
        scale: weight of what it adds.
    """

    image: Any
    scale: float = 1.0


class BoundControl:
    """A ControlNet with the images of one batch.

    Args:
        network: ControlNetModel, where it is to run.
        controls: one per input.
        each: pictures per input.
        halves: how often the batch holds every picture.
    """

    def __init__(self, network: Any, controls: Sequence[Control], each: int, halves: int) -> None:
        self._network = network
        pixels = torch.cat([_pixels(control.image) for control in controls])
        self._pixels = self._spread(pixels, each, halves).to(network.device, network.dtype)
        scales = torch.tensor([control.scale for control in controls])[:, None, None, None]
        self._scales = self._spread(scales, each, halves).to(network.device, network.dtype)

    @staticmethod
    def _spread(values: Tensor, each: int, halves: int) -> Tensor:
        return values.repeat_interleave(each, dim=0).repeat(halves, 1, 1, 1)

    def residuals(
        self,
        latents: Float[Tensor, "B C h w"],
        timestep: Float[Tensor, ""],
        context: Float[Tensor, "B T D"],
        dtype: torch.dtype,
    ) -> dict[str, Any]:
        """What the UNet adds to its blocks' outputs, by the names of its arguments.

        Args:
            latents: as the UNet sees them: scaled.
            timestep: as the UNet is told.
            context: as the UNet sees it.
            dtype: the UNet's.
        """
        down, middle = self._network(
            latents.to(self._network.dtype),
            timestep,
            encoder_hidden_states=context.to(self._network.dtype),
            controlnet_cond=self._pixels,
            return_dict=False,
        )
        return {
            "down_block_additional_residuals": [(self._scales * each).to(dtype) for each in down],
            "mid_block_additional_residual": (self._scales * middle).to(dtype),
        }


def check_controls(
    network: Any, controls: Sequence[Control], inputs: int, size_px: tuple[int, int]
) -> None:
    """Refuse control images that cannot be used.

    Args:
        network: the ControlNet; None when there is none.
        controls: at least one.
        inputs: number of input images.
        size_px: width and height of the picture.

    Raises:
        ConfigError: there is no ControlNet.
        InputError: another number than that of the inputs, or another size than the picture's.
    """
    if network is None:
        raise ConfigError(
            "Zero123++: got a control image and no ControlNet; give 'controlnet' among the "
            "components, or no control image"
        )
    if len(controls) != inputs:
        raise InputError(
            f"Zero123++: got {len(controls)} control images for {inputs} images, one each expected"
        )
    for control in controls:
        came = rgb_on_grey(control.image).size
        if came != size_px:
            raise InputError(
                f"Zero123++ control image: got {came[0]}x{came[1]} px, the picture's "
                f"{size_px[0]}x{size_px[1]} px expected; resize it"
            )


def _pixels(image: Any) -> Float[Tensor, "1 3 H W"]:
    """A control image in [-1, 1]."""
    values = torch.from_numpy(np.array(rgb_on_grey(image), dtype=np.float32) / 255.0)
    return ((values - 0.5) / 0.5).permute(2, 0, 1)[None]
