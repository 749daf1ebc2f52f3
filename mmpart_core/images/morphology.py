"""Masks as shapes: pieces, holes, growing and shrinking. Pixels outside the image are false."""

import cv2
import numpy as np
from jaxtyping import Bool, Int32

_DISC = cv2.MORPH_ELLIPSE  # grows alike in all directions, as a square does not


def pieces(mask: Bool[np.ndarray, "H W"]) -> tuple[Int32[np.ndarray, "H W"], int]:
    """Connected pieces (4 neighbours): labels from 1 (0 is outside), and how many there are."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    return np.asarray(labels, dtype=np.int32), int(count) - 1


def touching(
    mask: Bool[np.ndarray, "H W"], seed: Bool[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    """The pieces of a mask that hold at least one seed pixel."""
    labels, count = pieces(mask)
    hit = np.zeros(count + 1, dtype=bool)
    hit[labels[seed & mask]] = True
    hit[0] = False
    return hit[labels]


def without_specks(mask: Bool[np.ndarray, "H W"], least_px: float) -> Bool[np.ndarray, "H W"]:
    """The pieces of a mask of at least that many pixels."""
    labels, count = pieces(mask)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    return (areas >= max(least_px, 1))[labels]


def largest_piece_px(mask: Bool[np.ndarray, "H W"]) -> int:
    """Pixels of the largest piece; 0 for an empty mask."""
    labels, _ = pieces(mask)
    areas = np.bincount(labels[mask], minlength=1)
    return int(areas.max())


def dilated(mask: Bool[np.ndarray, "H W"], radius_px: int) -> Bool[np.ndarray, "H W"]:
    """A mask grown by a disc."""
    return _morph(cv2.MORPH_DILATE, mask, radius_px)


def eroded(mask: Bool[np.ndarray, "H W"], radius_px: int) -> Bool[np.ndarray, "H W"]:
    """A mask shrunk by a disc; not from the image's border."""
    return ~dilated(~mask, radius_px)


def opened(mask: Bool[np.ndarray, "H W"], radius_px: int) -> Bool[np.ndarray, "H W"]:
    """A mask without what a disc does not fit into."""
    return dilated(eroded(mask, radius_px), radius_px)


def closed(mask: Bool[np.ndarray, "H W"], radius_px: int) -> Bool[np.ndarray, "H W"]:
    """A mask with the gaps filled that a disc does not fit into."""
    return eroded(dilated(mask, radius_px), radius_px)


def _morph(
    operation: int, mask: Bool[np.ndarray, "H W"], radius_px: int
) -> Bool[np.ndarray, "H W"]:
    if radius_px < 1:
        return mask.copy()
    kernel = cv2.getStructuringElement(_DISC, (2 * radius_px + 1, 2 * radius_px + 1))
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), operation, kernel)) > 0


def grown_within(
    seed: Bool[np.ndarray, "H W"], room: Bool[np.ndarray, "H W"], steps: int
) -> Bool[np.ndarray, "H W"]:
    """A seed grown step by step, only into ``room``."""
    grown = seed.copy()
    for _ in range(steps):
        grown |= dilated(grown, 1) & room
    return grown


def holes(mask: Bool[np.ndarray, "H W"]) -> Bool[np.ndarray, "H W"]:
    """What a mask encloses: pixels outside it that no path joins to the image's border."""
    border = np.zeros_like(mask)
    border[[0, -1], :] = True
    border[:, [0, -1]] = True
    return ~mask & ~touching(~mask, border)
