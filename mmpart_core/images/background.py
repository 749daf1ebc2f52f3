"""A model of an image's background, learnt from its border."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int

# Set by hand on the examples and a few published pictures; not measured.
_RING_SHARE = 0.025  # of the shorter side: width of the border that counts as background
_FIT_ROUNDS = 12  # of reweighting; the start is the median colour, so the first ones do most
# Colours that a cluttered border is gathered into, and the share of it that makes one of them
# background: less is a passing detail.
_CLUSTERS = 6
_MIN_CLUSTER_SHARE = 0.06
_MIN_SIDES = 2  # a colour on one side of the frame only may be the object, cut off there
# A background is plain if this share of the border lies near the surface, and with no more spread
# than about one just noticeable difference (2.3 in L*a*b*, Mahy et al. 1994). The rest of the
# border may be an object that is cut off there.
_PLAIN_SPREAD = 2.5
_PLAIN_INLIERS = 0.7


@dataclass(frozen=True)
class Background:
    """How far each pixel is from the background.

    Attributes:
        distance: L*a*b* distance to the nearest background colour expected at that pixel.
        chroma: the part of it that is not lightness; small in shadows.
        lightness: the part of it that is, negative where darker than the background.
        spread: standard deviation of the background around its model.
        chroma_spread: the same without lightness.
        plain: one smooth colour or gradient explains most of the border.
    """

    distance: Float32[np.ndarray, "H W"]
    chroma: Float32[np.ndarray, "H W"]
    lightness: Float32[np.ndarray, "H W"]
    spread: float
    chroma_spread: float
    plain: bool


def estimate_background(lab: Float32[np.ndarray, "H W 3"]) -> Background:
    """Fit a smooth colour surface to the border; add colour clusters where that is not enough.

    The surface is a quadratic in column and row, fitted by iteratively reweighted least squares
    (Tukey's biweight), so an object that is cut off by the frame does not pull it.

    Args:
        lab: the image in L*a*b*.
    """
    ring = border_ring(lab.shape[0], lab.shape[1])
    surface, spread, inliers = _fit_surface(lab, ring)
    distance = np.linalg.norm(lab - surface, axis=-1)
    chroma = np.linalg.norm((lab - surface)[..., 1:], axis=-1)
    plain = spread <= _PLAIN_SPREAD and inliers >= _PLAIN_INLIERS
    if not plain:
        distance = np.minimum(distance, _cluster_distance(lab, ring))
        spread = float(np.median(distance[ring]) * 1.4826)
    return Background(
        distance.astype(np.float32),
        chroma.astype(np.float32),
        (lab - surface)[..., 0].astype(np.float32),
        float(spread),
        float(np.median(chroma[ring])),
        plain,
    )


def border_ring(height: int, width: int) -> Bool[np.ndarray, "H W"]:
    """The pixels along the image's border."""
    thick = max(2, round(_RING_SHARE * min(height, width)))
    ring = np.ones((height, width), dtype=bool)
    ring[thick:-thick, thick:-thick] = False
    return ring


def _fit_surface(
    lab: Float32[np.ndarray, "H W 3"], ring: Bool[np.ndarray, "H W"]
) -> tuple[Float[np.ndarray, "H W 3"], float, float]:
    height, width = ring.shape
    rows, columns = np.mgrid[0:height, 0:width]
    x, y = columns / width - 0.5, rows / height - 0.5
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    design, colours = basis[ring], lab[ring].astype(np.float64)
    residual = np.linalg.norm(colours - np.median(colours, axis=0), axis=-1)
    coefficients = np.zeros((6, 3))
    scale = 1.0
    for _ in range(_FIT_ROUNDS):
        scale = max(1.4826 * float(np.median(residual)), 0.5)
        # 4.685: the biweight is then 95 % as efficient as least squares on Gaussian noise.
        weight = np.clip(1.0 - (residual / (4.685 * scale)) ** 2, 0.0, None)
        # A little ridge keeps the curved terms small where one side of the frame has no weight.
        normal = design.T @ (design * weight[:, None]) + np.diag([0, 1, 1, 1, 1, 1]) * 1e-3
        coefficients = np.linalg.solve(
            normal + 1e-9 * np.eye(6), design.T @ (colours * weight[:, None])
        )
        residual = np.linalg.norm(colours - design @ coefficients, axis=-1)
    inliers = float((residual < max(3.0 * scale, 4.0)).mean())
    return basis @ coefficients, scale if inliers < 1.0 else float(residual.std() + 1e-3), inliers


def _cluster_distance(
    lab: Float32[np.ndarray, "H W 3"], ring: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "H W"]:
    colours = np.ascontiguousarray(lab[ring], dtype=np.float32)
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.1)
    _, found, centres = cv2.kmeans(
        colours, min(_CLUSTERS, len(colours)), np.zeros(0), criteria, 3, cv2.KMEANS_PP_CENTERS
    )
    members = np.asarray(found).ravel()
    sides = _side_of(ring)
    distance = np.full(ring.shape, np.inf)
    for index, centre in enumerate(centres):
        own = members == index
        if own.mean() < _MIN_CLUSTER_SHARE or len(_sides_reached(sides[own])) < _MIN_SIDES:
            continue
        distance = np.minimum(distance, np.linalg.norm(lab - centre, axis=-1))
    return distance


def _side_of(ring: Bool[np.ndarray, "H W"]) -> Int[np.ndarray, " P"]:
    """Which side (0 top, 1 bottom, 2 left, 3 right) each ring pixel is nearest to."""
    height, width = ring.shape
    rows, columns = np.nonzero(ring)
    to_side = np.stack([rows, height - 1 - rows, columns, width - 1 - columns])
    return np.argmin(to_side, axis=0)


def _sides_reached(sides: Int[np.ndarray, " P"]) -> list[int]:
    shares = np.bincount(sides, minlength=4) / max(len(sides), 1)
    return [side for side in range(4) if shares[side] > 0.05]
