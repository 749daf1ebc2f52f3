"""Measures of a texture's charts, by sampling the faces laid flat."""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

# Samples per texel along each side: what is seen of two charts that share a texel.
_FINER = 2
_FACES_AT_ONCE = 4096


def cover_counts(
    uv: Float[np.ndarray, "V 2"], faces: Int[np.ndarray, "F 3"], size: tuple[int, int]
) -> Int[np.ndarray, "H W"]:
    """How many faces cover the centre of each cell of a grid laid over the unit square.

    A centre on an edge is covered by neither face, so that neighbours do not count as overlap.

    Args:
        uv: origin at the bottom left.
        faces: corners.
        size: columns and rows; row 0 of the result is at the top.
    """
    columns, rows = size
    place = uv * [columns, rows] - 0.5
    counts = np.zeros(rows * columns, dtype=np.int64)
    for begin in range(0, len(faces), _FACES_AT_ONCE):
        corners = place[faces[begin : begin + _FACES_AT_ONCE]]
        low = np.maximum(np.ceil(corners.min(axis=1)), 0).astype(np.int64)
        high = np.minimum(np.floor(corners.max(axis=1)), [columns - 1, rows - 1]).astype(np.int64)
        wide, tall = np.maximum(high - low + 1, 0).T
        number = wide * tall
        face = np.repeat(np.arange(len(corners)), number)
        within = np.arange(len(face)) - np.repeat(np.cumsum(number) - number, number)
        column = low[face, 0] + within % wide[face]
        row = low[face, 1] + within // wide[face]
        held = _strictly_inside(corners[face], np.stack([column, row], axis=1))
        counts += np.bincount((row * columns + column)[held], minlength=rows * columns)
    return counts.reshape(rows, columns)[::-1]


def overlap(
    uv: Float[np.ndarray, "V 2"], faces: Int[np.ndarray, "F 3"], size_px: tuple[int, int]
) -> float:
    """Share of the charts' area that more than one face covers, at four samples per texel."""
    counts = cover_counts(uv, faces, (_FINER * size_px[0], _FINER * size_px[1]))
    return float(np.mean(counts[counts > 0] > 1)) if (counts > 0).any() else 0.0


def unfilled(
    uv: Float[np.ndarray, "V 2"],
    faces: Int[np.ndarray, "F 3"],
    texture: UInt8[np.ndarray, "H W C"],
    reach_px: int,
) -> float:
    """Share of the texels round the charts whose colour is none of the charts'.

    A texel within ``reach_px`` of a chart must lie between the least and the greatest value that
    the charts' own texels near it have, in each channel.
    """
    height, width = texture.shape[:2]
    covered = cover_counts(uv, faces, (width, height)) > 0
    kernel = np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)
    beside = (cv2.dilate(covered.astype(np.uint8), kernel) > 0) & ~covered
    if not beside.any():
        return 0.0
    # One texel more, as the nearest one of a diagonal rim lies that much farther.
    kernel = np.ones((2 * reach_px + 3, 2 * reach_px + 3), np.uint8)
    odd = np.zeros_like(covered)
    for channel in range(texture.shape[2]):
        values = texture[..., channel].astype(np.int16)
        least = cv2.erode(np.where(covered, values, 255).astype(np.int16), kernel)
        most = cv2.dilate(np.where(covered, values, 0).astype(np.int16), kernel)
        odd |= (values < least) | (values > most)
    return float(np.mean(odd[beside]))


def _strictly_inside(
    corners: Float[np.ndarray, "M 3 2"], points: Int[np.ndarray, "M 2"]
) -> Bool[np.ndarray, "M"]:
    """Whether each point lies inside its triangle, however that is wound."""
    side = corners - points[:, None]
    ahead = np.roll(side, -1, axis=1)
    turn = side[..., 0] * ahead[..., 1] - side[..., 1] * ahead[..., 0]
    left, right = np.all(turn > 1e-9, axis=1), np.all(turn < -1e-9, axis=1)
    return np.asarray(left | right)
