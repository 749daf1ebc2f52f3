"""Pictures: PSNR, SSIM, and overlap of silhouettes."""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

PSNR_CAP_DB = 100.0


def psnr(
    prediction: Float[np.ndarray, "H W C"],
    truth: Float[np.ndarray, "H W C"],
    mask: Bool[np.ndarray, "H W"] | None = None,
) -> float:
    """Peak signal to noise ratio in dB, ``-10 log10(mean squared error)``; at most 100.

    Args:
        prediction: values in [0, 1].
        truth: values in [0, 1].
        mask: pixels that count, for instance the union of both silhouettes; None for all.

    Raises:
        ValueError: a mask without pixels.
    """
    chosen = np.ones(truth.shape[:2], dtype=bool) if mask is None else mask
    if not chosen.any():
        raise ValueError("PSNR: expected a mask with at least one pixel")
    first, second = truth[chosen].astype(np.float64), prediction[chosen].astype(np.float64)
    if np.array_equal(first, second):
        return PSNR_CAP_DB
    return min(PSNR_CAP_DB, float(_skimage_psnr(first, second)))


def ssim(prediction: Float[np.ndarray, "H W C"], truth: Float[np.ndarray, "H W C"]) -> float:
    """Structural similarity, mean over pixels and channels (Wang et al., 2004).

    Gaussian window of sigma 1.5 (11 pixels), population covariance: the paper's settings, by
    scikit-image.

    Args:
        prediction: values in [0, 1], at least 11 pixels wide and high.
        truth: values in [0, 1].
    """
    score: Any = structural_similarity(
        truth.astype(np.float64),
        prediction.astype(np.float64),
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(score)


def silhouette_iou(
    prediction: Bool[np.ndarray, "H W"], truth: Bool[np.ndarray, "H W"]
) -> float | None:
    """Pixels in both silhouettes over pixels in either; None when both are empty."""
    either = int((prediction | truth).sum())
    return int((prediction & truth).sum()) / either if either else None


def _skimage_psnr(first: Float[np.ndarray, "P C"], second: Float[np.ndarray, "P C"]) -> float:
    return float(peak_signal_noise_ratio(first, second, data_range=1.0))  # pyright: ignore[reportUnknownArgumentType]
