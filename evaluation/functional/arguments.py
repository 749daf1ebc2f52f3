"""What the public metrics accept, checked and converted in one place.

Arrays come from numpy, as (nested) lists, or as torch tensors of any device, with or without a
gradient; torch itself is not imported: whatever can ``detach``, go to the ``cpu`` and give its
``numpy`` is treated as a tensor. Everything that has no meaning raises ``ArgumentError``, which is
a ``ValueError`` too. It names the argument, what was expected, what came and what to do.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Int

from mmpart_core.errors import ArgumentError
from mmpart_core.quoting import quoted_list

ArrayLike = Any
"""A numpy array, a (nested) list or a torch tensor; the shape is checked when it is used."""

Value = TypeVar("Value")


def to_array(name: str, value: ArrayLike) -> np.ndarray:
    """Any array-like as a numpy array of numbers or truth values.

    Raises:
        ArgumentError: not an array of numbers.
    """
    try:
        found = np.asarray(_plain(value))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArgumentError(
            f"{name}: expected an array of numbers, {_kind(value)} cannot be read as one "
            f"({error}); give a numpy array, a list with rows of equal length or a torch tensor"
        ) from error
    if found.dtype.kind not in "biuf":
        raise ArgumentError(
            f"{name}: expected an array of numbers, got {_kind(value)} of type {found.dtype}; give "
            "a numpy array, a list or a torch tensor"
        )
    return found


def points(name: str, value: ArrayLike, least: int = 1) -> Float[np.ndarray, "P 3"]:
    """Finite points as float64.

    Args:
        name: of the argument.
        value: (P, 3).
        least: how many there must be.

    Raises:
        ArgumentError: another shape, too few, or numbers that are not finite.
    """
    found = _rows(name, value, "points")
    if len(found) < least:
        wanted = f"at least {least} point" + ("" if least == 1 else "s")
        raise ArgumentError(f"{name}: expected {wanted} (P, 3), got {len(found)}")
    refuse_not_finite(name, found, "points")
    return found


def normals(name: str, value: ArrayLike, count: int) -> Float[np.ndarray, "P 3"]:
    """Directions of some points, brought to unit length.

    Args:
        name: of the argument.
        value: (P, 3), of any length but 0.
        count: of the points they belong to.

    Raises:
        ArgumentError: another shape or number, or rows without a direction.
    """
    found = _rows(name, value, "normals")
    if len(found) != count:
        raise ArgumentError(
            f"{name}: expected a normal for each of {count} points, got {len(found)}"
        )
    refuse_not_finite(name, found, "normals")
    lengths = np.linalg.norm(found, axis=-1, keepdims=True)
    if not (lengths > 0).all():
        raise ArgumentError(
            f"{name}: {int((lengths == 0).sum())} of {count} normals have length 0 and so no "
            "direction; leave these points out"
        )
    return found / lengths


def mesh(
    vertices_name: str,
    vertices: ArrayLike,
    faces_name: str,
    faces: ArrayLike,
    *,
    least_faces: int = 1,
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """Vertices as float64 and triangles as int64; vertices that no face uses may be anything.

    Args:
        vertices_name: of that argument.
        vertices: (V, 3).
        faces_name: of that argument.
        faces: (F, 3), indices into the vertices.
        least_faces: how many there must be.

    Raises:
        ArgumentError: another shape or type, indices out of range, or used vertices that are not
            finite.
    """
    positions = _rows(vertices_name, vertices, "vertices")
    triangles = _triangles(faces_name, faces)
    if len(triangles) < least_faces:
        raise ArgumentError(f"{faces_name}: expected at least {least_faces} face (F, 3), got none")
    if len(triangles) and not len(positions):
        raise ArgumentError(f"{vertices_name}: expected at least one vertex (V, 3), got none")
    if len(triangles):
        low, high = int(triangles.min()), int(triangles.max())
        if low < 0 or high >= len(positions):
            raise ArgumentError(
                f"{faces_name}: expected indices from 0 to {len(positions) - 1}, one for each of "
                f"{len(positions)} rows of {vertices_name}, got {low} to {high}"
            )
        if not np.isfinite(positions).all():
            refuse_not_finite(vertices_name, positions[np.unique(triangles)], "used vertices")
    return positions, triangles


def vector(name: str, value: ArrayLike) -> Float[np.ndarray, "3"]:
    """Three finite numbers as float64: a corner, a centroid, an extent.

    Raises:
        ArgumentError: another shape, or numbers that are not finite.
    """
    found = to_array(name, value)
    if found.shape != (3,) or found.dtype.kind == "b":
        raise ArgumentError(f"{name}: expected three numbers (3,), got {shape_text(found)}")
    refuse_not_finite(name, found, "numbers")
    return found.astype(np.float64, copy=False)


def distances(name: str, value: ArrayLike) -> Float[np.ndarray, "P"]:
    """Distances (P,), at least one, finite and not negative.

    Raises:
        ArgumentError: another shape, none, or numbers that are no distances.
    """
    found = to_array(name, value)
    if found.ndim != 1 or not len(found) or found.dtype.kind == "b":
        raise ArgumentError(f"{name}: expected at least one distance (P,), got {shape_text(found)}")
    refuse_not_finite(name, found, "distances")
    if found.min() < 0:
        raise ArgumentError(f"{name}: expected distances from 0 up, got {found.min():g}")
    return found.astype(np.float64, copy=False)


def number(name: str, value: Any, *, least: float = -math.inf, above: float = -math.inf) -> float:
    """One finite number within bounds; a number in an array or tensor without axes will do.

    Raises:
        ArgumentError: no number, not finite, or out of bounds.
    """
    found = to_array(name, value)
    if found.ndim or found.dtype.kind == "b":
        raise ArgumentError(f"{name}: expected one number, got {_kind(value)}")
    single = float(found)
    if not math.isfinite(single) or single < least or single <= above:
        bounds = f" above {above:g}" if above > -math.inf else ""
        bounds += f" from {least:g} up" if least > -math.inf else ""
        raise ArgumentError(f"{name}: expected a finite number{bounds}, got {single:g}")
    return single


def whole_number(name: str, value: Any, least: int = 0) -> int:
    """A whole number from some least one up.

    Raises:
        ArgumentError: another type, or less.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ArgumentError(f"{name}: expected a whole number from {least} up, got {value!r}")
    return int(value)


def choice(name: str, value: Any, allowed: Collection[str]) -> None:
    """Refuse a word that is none of some.

    Raises:
        ArgumentError: it is not among them.
    """
    if not isinstance(value, str) or value not in allowed:
        raise ArgumentError(f"{name}: expected one of {quoted_list(allowed)}, got {value!r}")


def instance(name: str, value: Any, kind: type[Value], advice: str) -> Value:
    """A value of a class of this library.

    Args:
        name: of the argument.
        value: what came.
        kind: the class.
        advice: what makes one.

    Raises:
        ArgumentError: something else.
    """
    if not isinstance(value, kind):
        raise ArgumentError(f"{name}: expected a {kind.__name__}, got {_kind(value)}; {advice}")
    return value


def names(name: str, value: Any) -> list[str]:
    """A collection of names, each once.

    Raises:
        ArgumentError: one text, or something that holds others than texts.
    """
    if isinstance(value, str | Mapping) or not isinstance(value, Collection):
        raise ArgumentError(f"{name}: expected a list or set of names, got {_kind(value)}")
    found = list(dict.fromkeys(value))
    wrong = [each for each in found if not isinstance(each, str)]
    if wrong:
        raise ArgumentError(f"{name}: expected names as texts, got {wrong[0]!r} among them")
    return found


def _plain(value: Any) -> Any:
    """A tensor, or a list that holds tensors, without torch."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        tensor = value.detach().cpu()
        # numpy has no bfloat16
        return (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _rows(name: str, value: ArrayLike, what: str) -> Float[np.ndarray, "P 3"]:
    """Rows of three numbers as float64; an empty list has no rows."""
    found = to_array(name, value)
    if found.shape == (0,):
        found = found.reshape(0, 3)
    if found.ndim != 2 or found.shape[1] != 3 or found.dtype.kind == "b":
        advice = "give x, y and z of each"
        if found.ndim == 2 and found.shape[0] == 3:
            advice = "the coordinates come last: transpose it"
        elif found.ndim == 3:
            advice = "give the sets of a batch one by one"
        raise ArgumentError(f"{name}: expected {what} (P, 3), got {shape_text(found)}; {advice}")
    return found.astype(np.float64, copy=False)


def _triangles(name: str, value: ArrayLike) -> Int[np.ndarray, "F 3"]:
    found = to_array(name, value)
    if found.shape in ((0,), (0, 3)):
        return np.zeros((0, 3), dtype=np.int64)
    if found.ndim != 2 or found.shape[1] != 3:
        advice = "; cut faces of more corners into triangles" if found.shape[-1:] == (4,) else ""
        raise ArgumentError(f"{name}: expected triangles (F, 3), got {shape_text(found)}{advice}")
    if found.dtype.kind not in "iu":
        raise ArgumentError(
            f"{name}: expected whole numbers, which count vertices, got {found.dtype}; convert "
            "it, faces.astype(int)"
        )
    return found.astype(np.int64, copy=False)


def refuse_not_finite(name: str, values: np.ndarray, what: str) -> None:
    """Refuse NaN and infinite numbers.

    Args:
        name: of the argument.
        values: with at least one axis.
        what: its rows hold.

    Raises:
        ArgumentError: some are not finite.
    """
    finite = np.isfinite(values)
    if finite.all():
        return
    bad = ~finite.reshape(len(values), -1).all(axis=1)
    where = f"{int(bad.sum())} of {len(values)} {what}" if values.ndim < 3 else "some values"
    raise ArgumentError(
        f"{name}: expected finite numbers, {where} are not (NaN or infinite); mend them or leave "
        "them out"
    )


def shape_text(found: np.ndarray) -> str:
    """An array's shape in words."""
    return f"shape {found.shape}"


def _kind(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {type(value).__name__}"
