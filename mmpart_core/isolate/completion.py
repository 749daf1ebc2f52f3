"""Continues a part's shape behind what is in front of it."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage, sparse
from scipy.sparse import linalg

from mmpart_core.images import morphology
from mmpart_core.isolate.occlusion import hull

_SHAPE_SIDE_PX = 144
_MIN_SYMMETRY = 0.9
_MIN_EVIDENCE = 0.4
_OFFSETS = 41
_RIM = 0.1  # of the square root of the visible area


@dataclass(frozen=True)
class Completion:
    """What was imagined.

    Attributes:
        mask: pixels of the completed area.
        mirror: 2x3 matrix that maps a pixel (column, row) to its mirror image, where the visible
            part is symmetric.
    """

    mask: Bool[np.ndarray, "H W"]
    mirror: Float[np.ndarray, "2 3"] | None = None


def complete_shape(
    visible: Bool[np.ndarray, "H W"],
    room: Bool[np.ndarray, "H W"],
    max_growth: float,
    bold: bool,
) -> Completion:
    """Complete a part, under ``room`` only.

    The outline is continued smoothly: the signed distance to the outline is known everywhere but
    in ``room``, and is filled there by biharmonic interpolation, which carries on slope and
    curvature. Holes are closed. A part whose visible area is its own mirror image also takes the
    mirror image of what is seen on the other side.

    Args:
        visible: where the part is seen; not empty.
        room: visible pixels of what is in front of it.
        max_growth: completed area at most, as a multiple of the visible area.
        bold: the user described a hidden area: the outline may be continued as far as it runs.
            Else it stays within the visible part's convex hull and a narrow rim.
    """
    nothing = Completion(np.zeros_like(visible))
    if not room.any():
        return nothing
    scale = min(1.0, _SHAPE_SIDE_PX / max(visible.shape))
    small, small_room = _shrunk(visible, scale), _shrunk(room, scale)
    small_room &= ~small
    if not small.any() or not small_room.any():
        return nothing
    grown = _continued(small, small_room) | (morphology.holes(small) & small_room)
    if not bold:
        rim_px = max(1, round(_RIM * math.sqrt(float(small.sum()))))
        grown &= hull(small) | morphology.dilated(small, rim_px)
    mirror = find_mirror(small, small_room)
    if mirror is not None:
        grown |= _warped(small, mirror) & small_room
    full = _enlarged(small | grown, visible.shape) & room
    full &= morphology.touching(full | visible, visible)
    if mirror is not None:
        mirror = _scaled(mirror, 1.0 / scale)
    return Completion(_bounded(visible, full, max_growth), mirror)


def _shrunk(mask: Bool[np.ndarray, "H W"], scale: float) -> Bool[np.ndarray, "h w"]:
    size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
    return np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)) > 0.5


def _enlarged(mask: Bool[np.ndarray, "h w"], shape: tuple[int, ...]) -> Bool[np.ndarray, "H W"]:
    size = (shape[1], shape[0])
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR)) > 0.5


def _continued(
    visible: Bool[np.ndarray, "H W"], room: Bool[np.ndarray, "H W"]
) -> Bool[np.ndarray, "H W"]:
    outside = ~visible & ~room
    if not outside.any():
        return room.copy()
    inwards = np.asarray(ndimage.distance_transform_edt(~outside))
    outwards = np.asarray(ndimage.distance_transform_edt(~visible))
    distance = np.where(visible, inwards - 0.5, 0.5 - outwards)
    return room & (_biharmonic(distance, room) > 0)


def _biharmonic(
    values: Float[np.ndarray, "H W"], unknown: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "H W"]:
    """Fill the unknown pixels so that the squared Laplacian is least."""
    near = morphology.dilated(unknown, 3)  # further pixels have no influence
    count = int(near.sum())
    index = np.full(values.shape, -1, dtype=np.int64)
    index[near] = np.arange(count)
    links: list[np.ndarray] = []
    for first, second in ((index[:, :-1], index[:, 1:]), (index[:-1], index[1:])):
        both = (first >= 0) & (second >= 0)
        links.append(np.stack([first[both], second[both]], axis=-1))
    pairs = np.concatenate(links)
    ones = np.ones(len(pairs))
    adjacency = sparse.csr_matrix((ones, (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    adjacency = adjacency + adjacency.T
    laplacian = sparse.diags(np.asarray(adjacency.sum(axis=1)).ravel()) - adjacency
    inner = morphology.dilated(unknown, 1)[near]  # rows beyond have cut-off neighbourhoods
    rows = sparse.csr_matrix(laplacian)[np.flatnonzero(inner)]
    free = unknown[near]
    columns = sparse.csc_matrix(rows)
    solve, known = columns[:, np.flatnonzero(free)], columns[:, np.flatnonzero(~free)]
    target = -(solve.T @ (known @ values[near][~free]))
    system = sparse.csc_matrix(solve.T @ solve + 1e-9 * sparse.identity(int(free.sum())))
    filled = values.copy()
    filled[unknown] = np.asarray(linalg.spsolve(system, target))
    return filled


def find_mirror(
    visible: Bool[np.ndarray, "H W"], room: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "2 3"] | None:
    """The axis in which the visible part is its own mirror image, if there is one.

    Tried are the image's vertical and the part's principal axes, moved about. Pixels that are in
    ``room``, or whose mirror image is, say nothing.

    Returns:
        2x3 matrix from a pixel (column, row) to its mirror image; None where none fits 90 %.
    """
    rows, columns = np.nonzero(visible)
    centre = np.array([columns.mean(), rows.mean()])
    spread = np.cov(np.stack([columns, rows])) if len(rows) > 2 else np.eye(2)
    _, axes = np.linalg.eigh(spread)
    normals = [np.array([1.0, 0.0]), axes[:, 0], axes[:, 1]]
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
    mirrored = _warped(visible, mirror)
    known = ~room & ~_warped(room, mirror)
    both = (visible & mirrored & known).sum()
    either = ((visible | mirrored) & known).sum()
    if (visible & known).sum() < _MIN_EVIDENCE * visible.sum():
        return 0.0
    return float(both / max(int(either), 1))


def _warped(
    mask: Bool[np.ndarray, "H W"], mirror: Float[np.ndarray, "2 3"]
) -> Bool[np.ndarray, "H W"]:
    size = (mask.shape[1], mask.shape[0])
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP  # a reflection is its own inverse
    return np.asarray(cv2.warpAffine(mask.astype(np.uint8), mirror, size, flags=flags)) > 0


def _scaled(mirror: Float[np.ndarray, "2 3"], factor: float) -> Float[np.ndarray, "2 3"]:
    """The same reflection in an image enlarged by a factor; pixel centres are half a pixel in."""
    turn, shift = mirror[:, :2], mirror[:, 2]
    half = np.array([0.5, 0.5])
    moved = factor * (shift + half - turn @ half) - half + turn @ half
    return np.concatenate([turn, moved[:, None]], axis=1)


def _bounded(
    visible: Bool[np.ndarray, "H W"], grown: Bool[np.ndarray, "H W"], max_growth: float
) -> Bool[np.ndarray, "H W"]:
    """Keep the pixels nearest to the visible part, as many as are allowed."""
    allowed = int(max_growth * visible.sum())
    if grown.sum() <= allowed:
        return grown
    distance = np.asarray(ndimage.distance_transform_edt(~visible))
    reach = np.sort(distance[grown])[allowed] if allowed else 0.0
    return grown & (distance < reach)
