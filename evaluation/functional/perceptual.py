"""Metrics that need weights: LPIPS and CLIP. Without weights they are unscored, never a number."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from evaluation.functional import arguments, picture_arguments
from evaluation.functional.arguments import ArrayLike
from mmpart_core.errors import ArgumentError

Image = Float[np.ndarray, "H W 3"]
NO_LPIPS = "LPIPS weights are not configured; 'mmpart evaluate' takes them with --lpips"
NO_CLIP = "a CLIP model is not configured; 'mmpart evaluate' takes one with --clip"


@dataclass(frozen=True)
class Unscored:
    """A metric that could not be taken: neither 0 nor NaN, and in no mean.

    Attributes:
        reason: why, in words.
    """

    reason: str


@dataclass(frozen=True)
class PerceptualModels:
    """Scoring functions whose weights the user configured; None leaves a metric unscored.

    Attributes:
        lpips: two images with values in [0, 1] -> distance (Zhang et al., 2018); lower is better.
        clip_image: two images -> cosine of their embeddings.
        clip_text: image and text -> cosine of their embeddings.
    """

    lpips: Callable[[Image, Image], float] | None = None
    clip_image: Callable[[Image, Image], float] | None = None
    clip_text: Callable[[Image, str], float] | None = None


def lpips(prediction: ArrayLike, truth: ArrayLike, models: PerceptualModels) -> float | Unscored:
    """Learned perceptual distance of two images.

    Args:
        prediction: (H, W, 3), floats in [0, 1] or uint8.
        truth: the same.
        models: see ``PerceptualModels``.

    Raises:
        ArgumentError: no such images, or of different shape.
    """
    return _compared(prediction, truth, _checked(models).lpips, NO_LPIPS)


def clip_image_similarity(
    prediction: ArrayLike, truth: ArrayLike, models: PerceptualModels
) -> float | Unscored:
    """Cosine of the CLIP embeddings of two images.

    Args:
        prediction: (H, W, 3), floats in [0, 1] or uint8.
        truth: the same.
        models: see ``PerceptualModels``.

    Raises:
        ArgumentError: no such images, or of different shape.
    """
    return _compared(prediction, truth, _checked(models).clip_image, NO_CLIP)


def clip_text_similarity(
    prediction: ArrayLike, text: str, models: PerceptualModels
) -> float | Unscored:
    """Cosine of the CLIP embeddings of a part's render and its name.

    Args:
        prediction: (H, W, 3), floats in [0, 1] or uint8.
        text: the name.
        models: see ``PerceptualModels``.

    Raises:
        ArgumentError: no such image, or no text.
    """
    made = _rgb("prediction", prediction)
    if not arguments.instance("text", text, str, "give the part's name").strip():
        raise ArgumentError("text: expected words, got an empty text; give the part's name")
    model = _checked(models).clip_text
    if model is None:
        return Unscored(NO_CLIP)
    return float(model(made, text))


def _checked(models: PerceptualModels) -> PerceptualModels:
    return arguments.instance("models", models, PerceptualModels, "PerceptualModels() has none")


def _compared(
    prediction: ArrayLike,
    truth: ArrayLike,
    model: Callable[[Image, Image], float] | None,
    without: str,
) -> float | Unscored:
    made, true = _rgb("prediction", prediction), _rgb("truth", truth)
    picture_arguments.same_shape("prediction", made, "truth", true)
    return Unscored(without) if model is None else float(model(made, true))


def _rgb(name: str, picture: ArrayLike) -> Image:
    found = picture_arguments.image(name, picture)
    if found.shape[-1] != 3:
        raise ArgumentError(
            f"{name}: expected red, green and blue (H, W, 3), got {found.shape[-1]} channels; "
            "lay a picture with alpha on white first"
        )
    return found
