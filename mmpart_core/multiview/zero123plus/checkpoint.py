"""Loads a published checkpoint as it lies on disk; no code that comes with it is run.

The layout is that of diffusers' pipelines: a folder per component, and model_index.json, which
also holds the ramp of the global conditioning.
"""

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError
from safetensors.torch import load_file

from mmpart_core.errors import ConfigError
from mmpart_core.multiview.zero123plus.libraries import (
    AutoencoderKL,
    CLIPImageProcessorPil,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
    ControlNetModel,
    EulerAncestralDiscreteScheduler,
    UNet2DConditionModel,
    quiet_loading,
)
from mmpart_core.quoting import first_line

INDEX = "model_index.json"
_NETWORKS: dict[str, Any] = {
    "vae": AutoencoderKL,
    "text_encoder": CLIPTextModel,
    "unet": UNet2DConditionModel,
    "vision_encoder": CLIPVisionModelWithProjection,
}
# Image processors on PIL, as when the checkpoints were made: torchvision's resize differently.
_OTHERS: dict[str, Any] = {
    "feature_extractor_clip": CLIPImageProcessorPil,
    "feature_extractor_vae": CLIPImageProcessorPil,
}
_VOCABULARIES = ("tokenizer.json", "vocab.json")
_LOAD_FAULTS = (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError)


def load_components(folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """Load a checkpoint's components on the CPU, by its own keys.

    Its scheduler is set to trailing timesteps, as all published examples set it.

    Args:
        folder: with model_index.json and a folder per component.
        dtype: of the networks.

    Raises:
        ConfigError: a file is missing or does not fit; says which.
    """
    components: dict[str, Any] = {"ramping_coefficients": _ramp(folder)}
    for key, kind in _NETWORKS.items():
        components[key] = _network(kind, folder, key, dtype)
    for key, kind in _OTHERS.items():
        components[key] = _loaded(kind, folder, key)
    components["tokenizer"] = _tokenizer(folder)
    scheduler: Any = _loaded(EulerAncestralDiscreteScheduler, folder, "scheduler")
    components["scheduler"] = EulerAncestralDiscreteScheduler.from_config(
        scheduler.config, timestep_spacing="trailing"
    )
    return components


def load_controlnet(folder: Path, dtype: torch.dtype) -> Any:
    """Load a ControlNet on the CPU from its own folder.

    Raises:
        ConfigError: a file is missing or does not fit.
    """
    return _network(ControlNetModel, folder, None, dtype)


def replace_unet_weights(unet: Any, file: Path) -> None:
    """Give the UNet other weights, as InstantMesh's for white grounds.

    Args:
        unet: changed in place; keeps its dtype.
        file: state dictionary, .safetensors or PyTorch's format (which is read without running
            code).

    Raises:
        ConfigError: the file cannot be read, or has not exactly the UNet's weights.
    """
    try:
        if file.suffix == ".safetensors":
            state: Any = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
        unet.load_state_dict(state, strict=True)
    except (*_LOAD_FAULTS, pickle.UnpicklingError, EOFError, AttributeError) as error:
        raise ConfigError(
            f"UNet weights {file.name}: expected a state dictionary with exactly the weights of "
            f"the checkpoint's UNet, got: {first_line(error)}; give InstantMesh's "
            "diffusion_pytorch_model.bin with a checkpoint of Zero123++ v1.2"
        ) from error


def local_folder(source: str, revision: str) -> Path:
    """Where a checkpoint lies on this machine; a repository of the Hub is downloaded first.

    Args:
        source: a folder, or a repository id.
        revision: commit of the repository; not used for a folder.

    Raises:
        ConfigError: the repository cannot be had.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    try:
        found = snapshot_download(
            source, revision=revision, allow_patterns=["*.json", "*.txt", "*.safetensors", "*.bin"]
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ConfigError(
            f"checkpoint {source}: expected a folder of this machine or a repository of the "
            f"Hugging Face Hub with commit {revision}, got: {first_line(error)}; check both, or "
            "download it elsewhere and give its folder"
        ) from error
    return Path(found)


def _ramp(folder: Path) -> list[float]:
    """The weights of the image's embedding at each token."""
    file = folder / INDEX
    try:
        ramp = json.loads(file.read_text(encoding="utf-8"))["ramping_coefficients"]
        return [float(each) for each in ramp]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"checkpoint {folder.name}: expected {INDEX} with a list 'ramping_coefficients', got: "
            f"{type(error).__name__} {first_line(error)}; give the folder of a whole checkpoint of "
            "Zero123++"
        ) from error


def _tokenizer(folder: Path) -> Any:
    """The tokenizer; without a vocabulary the library would make one without words."""
    place = folder / "tokenizer"
    if not any((place / name).is_file() for name in _VOCABULARIES):
        raise ConfigError(
            f"checkpoint {folder.name}: tokenizer has no vocabulary, {' or '.join(_VOCABULARIES)} "
            "expected; the download is incomplete: get it again"
        )
    return _loaded(CLIPTokenizer, folder, "tokenizer")


def _network(kind: Any, folder: Path, key: str | None, dtype: torch.dtype) -> Any:
    """A network whose every weight is in the checkpoint; the libraries would make up the rest."""
    place = folder if key is None else folder / key
    network, report = _loaded(
        kind,
        folder,
        key,
        dtype=dtype,
        output_loading_info=True,
        # v1.1 has PyTorch's own format, which is read without running code.
        use_safetensors=any(place.glob("*.safetensors")),
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise ConfigError(
            f"checkpoint {folder.name}: {key or kind.__name__} lacks {len(missing)} weights, "
            f"{missing[0]} for one; the download is incomplete or of another model: get it again"
        )
    return network.eval()


def _loaded(kind: Any, folder: Path, key: str | None, **options: Any) -> Any:
    place = {} if key is None else {"subfolder": key}
    try:
        with quiet_loading():
            return kind.from_pretrained(str(folder), local_files_only=True, **place, **options)
    except _LOAD_FAULTS as error:
        raise ConfigError(
            f"checkpoint {folder.name}: {key or kind.__name__} cannot be loaded as "
            f"{kind.__name__} ({first_line(error)}); give the folder of a whole checkpoint in the "
            "published layout"
        ) from error
