"""Which files of this machine the metrics with weights use, told apart by what is in them."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from evaluation.functional.perceptual import Image, PerceptualModels
from evaluation.models.clip_model import ClipScores, open_clip
from evaluation.models.lpips_model import open_lpips
from evaluation.protocol import Protocol
from mmpart_core.errors import ConfigError
from mmpart_core.records import Record

_CLIP_ADVICE = "give a folder that transformers' CLIPModel and CLIPProcessor were saved to"
# All that transformers reads of a model's folder; notes and weights for other libraries are not.
_CLIP_SUFFIXES = (".json", ".txt", ".safetensors", ".bin")
_CLIP_WEIGHTS = (".safetensors", ".bin")


class ModelFile(Record):
    """A model as it lies on this machine.

    Attributes:
        path: file or folder; in no key, as the same weights may lie anywhere.
        digest: SHA-256 of all its files that affect what it says.
    """

    path: str
    digest: str


class ModelFiles(Record):
    """The models that were given; None leaves their metrics unscored.

    Attributes:
        lpips: a file of weights.
        clip: a folder of a model with its tokenizer and image processor.
    """

    lpips: ModelFile | None = None
    clip: ModelFile | None = None


def find_models(lpips: Path | None, clip: Path | None) -> ModelFiles:
    """The models at some paths, with their digests.

    Args:
        lpips: ImageNet weights of torchvision's AlexNet, VGG16 or SqueezeNet 1.1, or a whole
            ``lpips.LPIPS``; ``.pth``, ``.pt`` or ``.safetensors``.
        clip: what ``save_pretrained`` of transformers' CLIPModel and CLIPProcessor wrote, or a
            download of such a model.

    Raises:
        ConfigError: there is no such file, or a folder lacks what a CLIP model has.
    """
    if lpips is not None and not lpips.is_file():
        raise ConfigError(
            f"LPIPS weights '{lpips}': a file expected, "
            f"{'this is a folder' if lpips.is_dir() else 'there is none'}; give torchvision's "
            "ImageNet weights of alexnet, vgg16 or squeezenet1_1 (.pth or .safetensors)"
        )
    if clip is not None:
        _check_clip(clip)
    return ModelFiles(
        lpips=ModelFile(path=str(lpips.absolute()), digest=digest_of(lpips)) if lpips else None,
        clip=ModelFile(path=str(clip.absolute()), digest=digest_of(clip)) if clip else None,
    )


def with_models(protocol: Protocol, files: ModelFiles) -> Protocol:
    """A protocol that says by which models its appearance is scored; others stay as they are."""
    if not protocol.takes("appearance"):
        return protocol
    return protocol.model_copy(
        update={
            "lpips_model": files.lpips.digest if files.lpips else "",
            "clip_model": files.clip.digest if files.clip else "",
        }
    )


def open_models(files: ModelFiles) -> PerceptualModels:
    """Scoring functions of some models, kept for the next object.

    Raises:
        ConfigError: a model cannot be read, or is not what was found there before.
    """
    clip = _opened_clip(files.clip.path, files.clip.digest) if files.clip else None
    return PerceptualModels(
        lpips=_opened_lpips(files.lpips.path, files.lpips.digest) if files.lpips else None,
        clip_image=clip.images_alike if clip else None,
        clip_text=clip.text_alike if clip else None,
    )


@lru_cache(maxsize=1)
def _opened_lpips(path: str, digest: str) -> Callable[[Image, Image], float]:
    return open_lpips(_unchanged(path, digest))


@lru_cache(maxsize=1)
def _opened_clip(path: str, digest: str) -> ClipScores:
    return open_clip(_unchanged(path, digest))


def _unchanged(path: str, digest: str) -> Path:
    """The path, where there still is what was found before; else ConfigError."""
    model = Path(path)
    if digest_of(model) != digest:
        raise ConfigError(
            f"model '{model.name}': its files changed after they were first read; evaluate again"
        )
    return model


def digest_of(model: Path) -> str:
    """SHA-256 of a file, or of the names and contents of a model folder's files.

    Raises:
        ConfigError: a file cannot be read.
    """
    try:
        if not model.is_dir():
            return _file_digest(model)
        lines = (f"{path.name} {_file_digest(path)}\n" for path in _clip_files(model))
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    except OSError as error:
        raise ConfigError(f"model '{model}': cannot be read ({error.strerror})") from error


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _clip_files(folder: Path) -> list[Path]:
    found = (path for path in folder.iterdir() if path.suffix in _CLIP_SUFFIXES)
    return sorted(path for path in found if path.is_file())


def _check_clip(folder: Path) -> None:
    """Look for each piece: transformers makes up a vocabulary where a folder has none."""
    if not folder.is_dir():
        raise ConfigError(
            f"CLIP model '{folder}': a folder expected, "
            f"{'this is a file' if folder.exists() else 'there is none'}; {_CLIP_ADVICE}"
        )
    names = {path.name for path in _clip_files(folder)}
    pieces = {
        "config.json": "config.json" in names,
        "weights (model.safetensors)": any(name.endswith(_CLIP_WEIGHTS) for name in names),
        "a tokenizer (tokenizer.json, or vocab.json and merges.txt)": (
            "tokenizer.json" in names or {"vocab.json", "merges.txt"} <= names
        ),
        "an image processor (preprocessor_config.json)": bool(
            names & {"preprocessor_config.json", "processor_config.json"}
        ),
    }
    missing = next((piece for piece, there in pieces.items() if not there), None)
    if missing is not None:
        raise ConfigError(
            f"CLIP model '{folder}': {missing} expected in it, there is none; {_CLIP_ADVICE}"
        )
