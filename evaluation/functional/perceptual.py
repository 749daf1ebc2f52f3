"""Metrics that need weights: LPIPS and CLIP. Without weights they are unscored, never a number."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

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


def lpips(prediction: Image, truth: Image, models: PerceptualModels) -> float | Unscored:
    """Learned perceptual distance of two images."""
    if models.lpips is None:
        return Unscored(NO_LPIPS)
    return float(models.lpips(prediction, truth))


def clip_image_similarity(
    prediction: Image, truth: Image, models: PerceptualModels
) -> float | Unscored:
    """Cosine of the CLIP embeddings of two images."""
    if models.clip_image is None:
        return Unscored(NO_CLIP)
    return float(models.clip_image(prediction, truth))


def clip_text_similarity(
    prediction: Image, text: str, models: PerceptualModels
) -> float | Unscored:
    """Cosine of the CLIP embeddings of a part's render and its name."""
    if models.clip_text is None:
        return Unscored(NO_CLIP)
    return float(models.clip_text(prediction, text))
