"""LPIPS (Zhang et al., 2018): learned perceptual distance of two pictures.

Network and linear heads are torchmetrics' (the heads of version 0.1 come with it); the backbone's
ImageNet weights are the user's.
"""

import re
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from mmpart_core.errors import ConfigError
from mmpart_core.quoting import first_line, shortened
from mmpart_core.torchvision_compat import declare_missing_operators

Image = Float[np.ndarray, "H W 3"]
Net = Literal["alex", "vgg", "squeeze"]

# Where torchvision's weights tell the networks apart: the shape of a layer that only one has.
_SIGNATURES: dict[tuple[str, tuple[int, ...]], Net] = {
    ("features.0.weight", (64, 3, 11, 11)): "alex",
    ("features.28.weight", (512, 512, 3, 3)): "vgg",
    ("features.12.expand3x3.weight", (256, 64, 3, 3)): "squeeze",
}
_BACKBONE = "net."
# torchmetrics cuts a backbone into slices and keeps the layers' numbers: net.slice2.3.weight
_SLICED = re.compile(r"net\.(?:slice\d+|slices\.\d+)\.(.+)")
_SMALLEST_PX = 64


def open_lpips(path: Path) -> Callable[[Image, Image], float]:
    """A function of two pictures with values in [0, 1]; 0 for equal ones.

    Pictures with a side below 64 px are enlarged to it, as the deepest layers would see nothing.

    Args:
        path: ImageNet weights of torchvision's AlexNet, VGG16 or SqueezeNet 1.1 (which of them is
            told by the layers), or the state of a whole ``lpips.LPIPS`` of such a backbone.

    Raises:
        ConfigError: the file cannot be read, or holds other weights.
    """
    import torch

    declare_missing_operators()
    from torchmetrics.functional.image.lpips import (
        _LPIPS,  # pyright: ignore[reportPrivateUsage] - the public class downloads its weights
    )

    state = _as_features(_read_weights(path))
    net = _net_of(state, path)
    model: Any = _LPIPS(pretrained=True, net=net, pnet_rand=True)
    model.load_state_dict(_renamed(state, model.state_dict(), path), strict=False)

    def distance(first: Image, second: Image) -> float:
        pair = torch.from_numpy(np.stack([first, second])).float().permute(0, 3, 1, 2)
        short = min(pair.shape[-2:])
        if short < _SMALLEST_PX:
            scale = _SMALLEST_PX / short
            pair = torch.nn.functional.interpolate(pair, scale_factor=scale, mode="bilinear")
        with torch.inference_mode():
            return float(model(pair[:1], pair[1:], normalize=True))

    return distance


def _read_weights(path: Path) -> dict[str, Any]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, UnpicklingError, SafetensorError) as error:
        said = shortened(first_line(error))
        raise ConfigError(
            f"LPIPS weights '{path}': cannot be read ({type(error).__name__}: {said}); give "
            "a state dict as torch.save or safetensors write it"
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(
            f"LPIPS weights '{path}': a state dict expected, a {type(found).__name__} came; save "
            "model.state_dict()"
        )
    return found


def _as_features(state: dict[str, Any]) -> dict[str, Any]:
    """The layers of the backbone by torchvision's names, whatever of both kinds came; and heads."""
    return {
        f"features.{found.group(1)}" if (found := _SLICED.fullmatch(key)) else key: value
        for key, value in state.items()
    }


def _net_of(state: dict[str, Any], path: Path) -> Net:
    for (key, shape), net in _SIGNATURES.items():
        if key in state and tuple(getattr(state[key], "shape", ())) == shape:
            return net
    raise ConfigError(
        f"LPIPS weights '{path}': these are not weights of AlexNet, VGG16 or SqueezeNet 1.1 "
        f"(first of {len(state)} entries: {next(iter(state), 'none')}); give torchvision's "
        "ImageNet weights of one of them"
    )


def _renamed(state: dict[str, Any], wanted: dict[str, Any], path: Path) -> dict[str, Any]:
    """Backbone and, where the file has them, heads by torchmetrics' names, of fitting shapes."""
    found: dict[str, Any] = {}
    for key, value in wanted.items():
        sliced = _SLICED.fullmatch(key)
        name = f"features.{sliced.group(1)}" if sliced else key
        if name in state and tuple(state[name].shape) == tuple(value.shape):
            found[key] = state[name]
        elif key.startswith(_BACKBONE):
            raise ConfigError(
                f"LPIPS weights '{path}': the layer {name} of shape {tuple(value.shape)} is not in "
                "it; give the whole of torchvision's ImageNet weights"
            )
    return found
