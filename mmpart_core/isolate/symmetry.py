"""Finds the mirror axis of a part that is partly hidden."""

import cv2
import numpy as np
from jaxtyping import Bool, Float

# Set by hand on the examples; not measured. A part is its own mirror image from this overlap (IoU)
# on, over the pixels that are known on both sides, which must be this share of the visible ones.
_MIN_SYMMETRY = 0.93
_MIN_EVIDENCE = 0.4
_OFFSETS = 41  # tried for each axis, over a quarter of the part's extent to either side
_LEFT_RIGHT = 0.8  # least cosine between a mirror's normal and the image's horizontal: 37 degrees


def find_mirror(
    visible: Bool[np.ndarray, "H W"], room: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "2 3"] | None:
    """The axis in which the visible part is its own mirror image, if there is one.

    Tried are the image's vertical and the part's principal axes, moved about, if they swap left
    and right: things stand upright, and their tops seldom look like their bottoms. Pixels that are
    in ``room``, or whose mirror image is, say nothing.

    Returns:
        2x3 matrix from a pixel (column, row) to its mirror image; None where none fits 93 %.
    """
    rows, columns = np.nonzero(visible)
    centre = np.array([columns.mean(), rows.mean()])
    spread = np.cov(np.stack([columns, rows])) if len(rows) > 2 else np.eye(2)
    _, axes = np.linalg.eigh(spread)
    normals = [np.array([1.0, 0.0]), axes[:, 0], axes[:, 1]]
    normals = [normal for normal in normals if abs(normal[0]) > _LEFT_RIGHT]
    best, best_score = None, _MIN_SYMMETRY
    for normal in normals:
        extent = 0.25 * float(np.ptp(np.stack([columns, rows], axis=-1) @ normal))
        for offset in np.linspace(-extent, extent, _OFFSETS):
            mirror = _reflection(normal, centre + offset * normal)
            score = _symmetry(visible, room, mirror)
            if score > best_score:
                best, best_score = mirror, score
    return best


def _reflection(
    normal: Float[np.ndarray, "2"], point: Float[np.ndarray, "2"]
) -> Float[np.ndarray, "2 3"]:
    turn = np.eye(2) - 2.0 * np.outer(normal, normal)
    return np.concatenate([turn, (point - turn @ point)[:, None]], axis=1)


def _symmetry(
    visible: Bool[np.ndarray, "H W"],
    room: Bool[np.ndarray, "H W"],
    mirror: Float[np.ndarray, "2 3"],
) -> float:
    mirrored = warped(visible, mirror)
    known = ~room & ~warped(room, mirror)
    both = (visible & mirrored & known).sum()
    either = ((visible | mirrored) & known).sum()
    if (visible & known).sum() < _MIN_EVIDENCE * visible.sum():
        return 0.0
    return float(both / max(int(either), 1))


def warped(
    mask: Bool[np.ndarray, "H W"], mirror: Float[np.ndarray, "2 3"]
) -> Bool[np.ndarray, "H W"]:
    """The mirror image of a mask."""
    size = (mask.shape[1], mask.shape[0])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP  # a reflection is its own inverse
    return np.asarray(cv2.warpAffine(mask.astype(np.uint8), mirror, size, flags=flags)) > 0


def enlarged(mirror: Float[np.ndarray, "2 3"], factor: float) -> Float[np.ndarray, "2 3"]:
    """The same reflection in an image enlarged by a factor; pixel centres are half a pixel in."""
    turn, shift = mirror[:, :2], mirror[:, 2]
    half = np.array([0.5, 0.5])
    moved = factor * (shift + half - turn @ half) - half + turn @ half
    return np.concatenate([turn, moved[:, None]], axis=1)
