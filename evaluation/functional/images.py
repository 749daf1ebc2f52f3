"""Pictures: PSNR, SSIM, and overlap of silhouettes."""

from typing import Any

import numpy as np
from jaxtyping import Float
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from evaluation.functional import picture_arguments
from evaluation.functional.arguments import ArrayLike
from mmpart_core.errors import ArgumentError

PSNR_CAP_DB = 100.0
_WINDOW_PX = 11


def psnr(
    prediction: ArrayLike,
    truth: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    data_range: float | None = None,
) -> float:
    """Peak signal to noise ratio in dB, ``-10 log10(mean squared error)``; at most 100.

    Args:
        prediction: (H, W, C), floats in [0, 1] or uint8.
        truth: the same.
        mask: (H, W), pixels that count, for instance the union of both silhouettes; None for all.
        data_range: the value of full brightness of both; None takes 1 for floats, 255 for uint8.

    Raises:
        ArgumentError: pictures of different shape, values that are not finite or out of range, or
            a mask without pixels.

    Example:
        >>> black = np.zeros((4, 4, 3), dtype=np.uint8)
        >>> psnr(black, black), psnr(black + 255, black)
        (100.0, 0.0)
    """
    made, true = _pictures(prediction, truth, data_range)
    chosen = np.ones(true.shape[:2], dtype=bool)
    if mask is not None:
        chosen = picture_arguments.mask("mask", mask)
        picture_arguments.same_shape("mask", chosen, "one channel of truth", true[..., 0])
    if not chosen.any():
        raise ArgumentError("mask: expected at least one pixel to count, got none")
    first, second = true[chosen], made[chosen]
    if np.array_equal(first, second):
        return PSNR_CAP_DB
    return min(PSNR_CAP_DB, float(_skimage_psnr(first, second)))


def ssim(prediction: ArrayLike, truth: ArrayLike, *, data_range: float | None = None) -> float:
    """Structural similarity, mean over pixels and channels (Wang et al., 2004).

    Gaussian window of sigma 1.5 (11 pixels), population covariance: the paper's settings, by
    scikit-image.

    Args:
        prediction: (H, W, C), floats in [0, 1] or uint8, at least 11 pixels wide and high.
        truth: the same.
        data_range: the value of full brightness of both; None takes 1 for floats, 255 for uint8.

    Raises:
        ArgumentError: pictures of different shape or too small, or values that are not finite or
            out of range.
    """
    made, true = _pictures(prediction, truth, data_range, least_px=_WINDOW_PX)
    score: Any = structural_similarity(
        true,
        made,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(score)


def silhouette_iou(prediction: ArrayLike, truth: ArrayLike) -> float | None:
    """Pixels in both silhouettes over pixels in either; None when both are empty.

    Args:
        prediction: (H, W), truth values, or only 0 and 1.
        truth: the same.

    Raises:
        ArgumentError: masks of different shape, or other values.
    """
    made = picture_arguments.mask("prediction", prediction)
    true = picture_arguments.mask("truth", truth)
    picture_arguments.same_shape("prediction", made, "truth", true)
    either = int((made | true).sum())
    return int((made & true).sum()) / either if either else None


def _pictures(
    prediction: ArrayLike, truth: ArrayLike, data_range: float | None, least_px: int = 1
) -> tuple[Float[np.ndarray, "H W C"], Float[np.ndarray, "H W C"]]:
    """Both pictures in [0, 1], of one shape."""
    made, true = (
        picture_arguments.image(name, value, data_range, least_px=least_px)
        for name, value in (("prediction", prediction), ("truth", truth))
    )
    picture_arguments.same_shape("prediction", made, "truth", true)
    return made, true


def _skimage_psnr(first: Float[np.ndarray, "P C"], second: Float[np.ndarray, "P C"]) -> float:
    return float(peak_signal_noise_ratio(first, second, data_range=1.0))  # pyright: ignore[reportUnknownArgumentType]
