"""Penetration: how much volume two parts share."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from evaluation.functional import arguments
from evaluation.functional.arguments import ArrayLike
from evaluation.functional.boxes import box_around, used_vertices

_COLUMNS = 64
# Columns stand off the centres of their cells by an irrational share, so that none runs along an
# edge of a box-shaped mesh.
_OFFSET = (0.5 + 0.0141421356237, 0.5 + 0.0173205080757)
_CLOSED_SHARE = 0.98


@dataclass(frozen=True)
class _Crossings:
    """Where columns along z cross a surface: column, height, +1 on the way in and -1 out."""

    column: Int[np.ndarray, "K"]
    height: Float[np.ndarray, "K"]
    turn: Int[np.ndarray, "K"]


def solid_volume(vertices: ArrayLike, faces: ArrayLike, columns: int = _COLUMNS) -> float | None:
    """Volume that a mesh encloses; overlapping bodies of it count once.

    Args:
        vertices: finite positions, (V, 3).
        faces: vertex indices, (F, 3).
        columns: resolution along x and y; heights are exact.

    Returns:
        None where the mesh is open: fewer than 98 % of the columns leave it as often as they
        enter it.

    Raises:
        ArgumentError: no mesh (``arguments.mesh``), or no columns.
    """
    mesh = arguments.mesh("vertices", vertices, "faces", faces)
    columns = arguments.whole_number("columns", columns, least=1)
    return _shared(*_box(*mesh), columns, mesh, mesh)


def penetration_volume(
    first_vertices: ArrayLike,
    first_faces: ArrayLike,
    second_vertices: ArrayLike,
    second_faces: ArrayLike,
    columns: int = _COLUMNS,
) -> float | None:
    """Volume inside both of two meshes.

    Integrated over a grid of columns through the overlap of their boxes; along each column the
    shared length is exact (winding number not 0 in both). Contact without penetration is 0,
    which occupancy grids cannot say.

    Args:
        first_vertices: finite positions, (V, 3).
        first_faces: vertex indices, (F, 3).
        second_vertices: positions in the same frame, (W, 3).
        second_faces: vertex indices, (G, 3).
        columns: resolution along x and y.

    Returns:
        Volume in cubed units of the frame; None where a mesh is open (see ``solid_volume``).

    Raises:
        ArgumentError: no meshes (``arguments.mesh``), or no columns.
    """
    one = arguments.mesh("first_vertices", first_vertices, "first_faces", first_faces)
    other = arguments.mesh("second_vertices", second_vertices, "second_faces", second_faces)
    columns = arguments.whole_number("columns", columns, least=1)
    first, second = _box(*one), _box(*other)
    low, high = np.maximum(first[0], second[0]), np.minimum(first[1], second[1])
    if (high <= low).any():
        return 0.0
    return _shared(low, high, columns, one, other)


def penetration_pct(volume: float, first_volume: float, second_volume: float) -> float:
    """Shared volume in % of the smaller part; 0 where the smaller part has no volume.

    Raises:
        ArgumentError: volumes that are not finite numbers from 0 up.

    Example:
        >>> penetration_pct(0.5, 1.0, 2.0)
        50.0
    """
    given = {"volume": volume, "first_volume": first_volume, "second_volume": second_volume}
    volume, *both = (arguments.number(name, value, least=0.0) for name, value in given.items())
    smaller = min(both)
    return min(100.0, 100.0 * volume / smaller) if smaller > 0 else 0.0


def _shared(
    low: Float[np.ndarray, "3"],
    high: Float[np.ndarray, "3"],
    columns: int,
    first: tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]],
    second: tuple[Float[np.ndarray, "W 3"], Int[np.ndarray, "G 3"]],
) -> float | None:
    step = (high - low)[:2] / columns
    if not (step > 0).all():
        return 0.0
    crossings = [_cross(*first, low, step, columns)]
    crossings.append(crossings[0] if second is first else _cross(*second, low, step, columns))
    total = columns * columns
    sound = np.ones(total, dtype=bool)
    for found in crossings:
        sound &= np.bincount(found.column, weights=found.turn, minlength=total) == 0
    if sound.mean() < _CLOSED_SHARE:
        return None
    column = np.concatenate([found.column for found in crossings])
    height = np.concatenate([found.height for found in crossings])
    owner = np.repeat([0, 1], [len(found.column) for found in crossings])
    turn = np.concatenate([found.turn for found in crossings])
    order = np.lexsort((height, column))
    order = order[sound[column[order]]]
    # windings come back to 0 at the end of each sound column, so one running sum serves all
    inside = [np.cumsum(np.where(owner[order] == which, turn[order], 0)) != 0 for which in (0, 1)]
    lengths = np.diff(height[order], append=0.0)
    shared = float(lengths[inside[0] & inside[1]].sum())
    return shared * float(step.prod()) / float(sound.mean())


def _cross(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    low: Float[np.ndarray, "3"],
    step: Float[np.ndarray, "2"],
    columns: int,
) -> _Crossings:
    """All crossings of a grid of columns with the faces of a mesh."""
    corners = vertices[faces]
    grid = (corners[..., :2] - low[:2]) / step - np.array(_OFFSET)
    a, b, c = grid[:, 0], grid[:, 1], grid[:, 2]
    begin = np.clip(np.ceil(np.minimum(np.minimum(a, b), c)), 0, columns).astype(np.int64)
    end = np.clip(np.floor(np.maximum(np.maximum(a, b), c)) + 1, 0, columns).astype(np.int64)
    sizes = np.maximum(end - begin, 0)
    counts = sizes[:, 0] * sizes[:, 1]
    face = np.repeat(np.arange(len(faces)), counts)
    rank = np.arange(len(face)) - np.repeat(np.cumsum(counts) - counts, counts)
    x = begin[face, 0] + rank // np.maximum(sizes[face, 1], 1)
    y = begin[face, 1] + rank % np.maximum(sizes[face, 1], 1)
    p, q, r = ((each[face, 0] - x, each[face, 1] - y) for each in (a, b, c))
    u, v, w = _cross2(q, r), _cross2(r, p), _cross2(p, q)
    area = u + v + w
    hit = ((u > 0) & (v > 0) & (w > 0)) | ((u < 0) & (v < 0) & (w < 0))
    z = corners[face[hit], :, 2]
    height = (u[hit] * z[:, 0] + v[hit] * z[:, 1] + w[hit] * z[:, 2]) / area[hit]
    # counter-clockwise seen from above is a face that looks up: going up, the solid is left
    turn = np.where(area[hit] > 0, -1, 1)
    return _Crossings(x[hit] * columns + y[hit], height, turn)


def _cross2(
    first: tuple[Float[np.ndarray, "K"], Float[np.ndarray, "K"]],
    second: tuple[Float[np.ndarray, "K"], Float[np.ndarray, "K"]],
) -> Float[np.ndarray, "K"]:
    return first[0] * second[1] - first[1] * second[0]


def _box(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    return box_around(used_vertices(vertices, faces))
