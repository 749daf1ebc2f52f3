"""Free-form deformation: a picture bent smoothly until it lies on another.

Displacements are cubic B-splines over a coarse lattice (Rueckert et al., "Nonrigid registration
using free-form deformations", 1999), found by Gauss-Newton on squared differences, from blurred
pictures to sharp ones. Differences that stay large lose weight (Geman and McClure), so that what
one picture shows and the other does not is no reason to bend.
"""

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.interpolate import BSpline

_CELLS = 8  # of the lattice, along a picture's longer side
_BLURS = (4.0, 2.0, 1.0)  # standard deviations in pixels, of pictures some 160 pixels wide
_STEPS = 3  # of Gauss-Newton per blur
# Set by hand, on known views bent by 2 to 6 pixels; a hundred times as much changes little. The
# first is the weight of differences between neighbouring displacements, the second that of their
# squares, both in squared pixels against squared colours.
_STIFFNESS, _REST = 0.05, 0.01
_SOFTENING = 0.05  # squared difference at which a pixel's weight is a half


def register(
    moving: Float32[np.ndarray, "H W C"], fixed: Float32[np.ndarray, "H W C"]
) -> Float32[np.ndarray, "2 Y X"]:
    """The deformation that lays one picture on another.

    Args:
        moving: the picture to bend, values in [0, 1].
        fixed: what it is laid on.

    Returns:
        Displacements in x and y at the lattice's points, as shares of the picture's longer side:
        where in the moving picture each place of the fixed one is to be looked up.
    """
    height, width = fixed.shape[:2]
    down, along = _splines(height, fixed.shape), _splines(width, fixed.shape)
    still = _smoothness(down.shape[1], along.shape[1])
    lattice = np.zeros(len(still))
    for blur in _BLURS:
        blurred = [_blurred(picture, blur) for picture in (moving, fixed)]
        for _ in range(_STEPS):
            normal, slope = _linearised(blurred[0], blurred[1], lattice, down, along)
            lattice += np.linalg.solve(normal + still, slope - still @ lattice)
    points = lattice.reshape(2, down.shape[1], along.shape[1])
    return (points / max(height, width)).astype(np.float32)


def displacements(
    lattice: Float32[np.ndarray, "2 Y X"], shape: tuple[int, int]
) -> Float32[np.ndarray, "2 H W"]:
    """Displacements of all pixels in x and y, in pixels of a picture of some height and width."""
    # A lattice made for a picture of rounded size may have a row more or less at the end, which
    # weighs next to nothing.
    down, along = (_splines(length, shape) for length in shape)
    rows, columns = (
        min(pair) for pair in zip((down.shape[1], along.shape[1]), lattice.shape[1:], strict=True)
    )
    moved = down[:, :rows] @ lattice[:, :rows, :columns] @ along[:, :columns].T
    return (max(shape) * moved).astype(np.float32)


def growth(
    lattice: Float32[np.ndarray, "2 Y X"], mask: Bool[np.ndarray, "H W"]
) -> Float[np.ndarray, "2"]:
    """By how much of their length displacements grow in x and y, fitted over some pixels.

    Args:
        lattice: a deformation.
        mask: the pixels; those that do not spread along an axis have no growth in it.
    """
    moved = displacements(lattice, mask.shape)[:, mask]
    places = np.stack(np.nonzero(mask)[::-1]).astype(np.float64)
    places -= places.mean(axis=1, keepdims=True)
    return (moved * places).sum(axis=1) / np.maximum((places**2).sum(axis=1), 1.0)


def without_growth(
    lattice: Float32[np.ndarray, "2 Y X"], amount: Float[np.ndarray, "2"], shape: tuple[int, int]
) -> Float32[np.ndarray, "2 Y X"]:
    """A deformation less one that scales a picture of some height and width about its middle.

    Splines of degree 3 over evenly spaced points reproduce linear functions.
    """
    sides = np.array(shape[::-1]) / max(shape)
    along, down = ((np.arange(count) - 1.0) / _CELLS for count in lattice.shape[:0:-1])
    linear = np.stack(np.broadcast_arrays(along[None] - sides[0] / 2, down[:, None] - sides[1] / 2))
    return (lattice - amount[:, None, None] * linear).astype(np.float32)


def bent(
    rgba: UInt8[np.ndarray, "H W 4"], lattice: Float32[np.ndarray, "2 Y X"]
) -> UInt8[np.ndarray, "H W 4"]:
    """A picture with straight alpha, bent; its border goes on beyond its frame."""
    value = rgba.astype(np.float32)
    value[..., :3] *= value[..., 3:] / 255.0
    moved = _looked_up(value, displacements(lattice, rgba.shape[:2]))
    moved[..., :3] /= np.maximum(moved[..., 3:], 0.5) / 255.0
    return np.rint(moved.clip(0.0, 255.0)).astype(np.uint8)


def _splines(length: int, shape: tuple[int, ...]) -> Float[np.ndarray, "L K"]:
    """Cubic B-splines of the lattice's points at the pixels along one side of a picture."""
    cell = max(shape[:2]) / _CELLS
    cells = int(np.ceil(length / cell))
    places = (np.arange(length) + 0.5) / cell
    return BSpline.design_matrix(places, np.arange(-3.0, cells + 4.0), 3).toarray()


def _smoothness(rows: int, columns: int) -> Float[np.ndarray, "U U"]:
    """The penalty's matrix, of displacements in x and then in y."""
    across, along = (np.diff(np.eye(count), axis=0) for count in (rows, columns))
    change = np.kron(across.T @ across, np.eye(columns)) + np.kron(np.eye(rows), along.T @ along)
    one = _STIFFNESS * change + _REST * np.eye(rows * columns)
    return np.kron(np.eye(2), one)


def _linearised(
    moving: Float32[np.ndarray, "H W C"],
    fixed: Float32[np.ndarray, "H W C"],
    lattice: Float[np.ndarray, "U"],
    down: Float[np.ndarray, "H Y"],
    along: Float[np.ndarray, "W X"],
) -> tuple[Float[np.ndarray, "U U"], Float[np.ndarray, "U"]]:
    """Normal matrix and right-hand side of one step, without the penalty.

    Splines are products of one in y and one in x, which keeps the sums over pixels cheap.
    """
    points = lattice.reshape(2, down.shape[1], along.shape[1])
    shown = _looked_up(moving, (down @ points @ along.T).astype(np.float32))
    rest = fixed - shown
    weight = 1.0 / (1.0 + (rest**2).sum(axis=-1, keepdims=True) / _SOFTENING)
    # The mean of both pictures' slopes converges from farther (Benhimane and Malis, 2004).
    slopes = [0.5 * (np.gradient(shown, axis=a) + np.gradient(fixed, axis=a)) for a in (1, 0)]
    pairs = [[(weight * one * two).sum(axis=-1) for two in slopes] for one in slopes]
    normal = np.block([[_gram(pair, down, along) for pair in row] for row in pairs])
    right = [down.T @ (weight * slope * rest).sum(axis=-1) @ along for slope in slopes]
    return normal, np.concatenate([part.ravel() for part in right])


def _gram(
    values: Float[np.ndarray, "H W"],
    down: Float[np.ndarray, "H Y"],
    along: Float[np.ndarray, "W X"],
) -> Float[np.ndarray, "P P"]:
    """Sums over the pixels of a value times two splines, for each pair of them."""
    pairs_down, pairs_along = _pairs(down), _pairs(along)
    rows, columns = down.shape[1], along.shape[1]
    sums = (pairs_down.T @ values @ pairs_along).reshape(rows, rows, columns, columns)
    return sums.transpose(0, 2, 1, 3).reshape(rows * columns, rows * columns)


def _pairs(splines: Float[np.ndarray, "L K"]) -> Float[np.ndarray, "L K*K"]:
    """Products of each two splines at each pixel."""
    return (splines[:, :, None] * splines[:, None, :]).reshape(len(splines), -1)


def _blurred(picture: Float32[np.ndarray, "H W C"], blur: float) -> Float32[np.ndarray, "H W C"]:
    return cv2.GaussianBlur(picture, (0, 0), blur).reshape(picture.shape)


def _looked_up(
    picture: Float32[np.ndarray, "H W C"], moved: Float32[np.ndarray, "2 H W"]
) -> Float32[np.ndarray, "H W C"]:
    """A picture's values at displaced pixels."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    return cv2.remap(
        picture, columns + moved[0], rows + moved[1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    ).reshape(picture.shape)  # fmt: skip
