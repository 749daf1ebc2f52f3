"""Where a component is in the image, as the user says it, and tied to an image."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Bool

from mmpart_core.errors import InputError
from mmpart_core.intake.image import image_size, read_image
from mmpart_core.quoting import quoted, quoted_list
from mmpart_core.records import Region
from mmpart_core.storage import codecs
from mmpart_core.storage.blob_store import BlobStore

Units = Literal["px", "fraction"]
Point = tuple[float, float]
_KINDS = ("box", "points", "polygon", "mask")
_MAX_POINTS = 2000
_MAX_STRETCH = 0.03
# A mask is read at so many times the size it is worked on at: edges fall where they were drawn,
# and one drawn over a picture of a hundred megapixels is not held whole.
_MASK_OVERSIZE = 4
# Beyond any pixel of an image; larger whole numbers may not even have a float.
_MAX_COORDINATE = 1e9


@dataclass(frozen=True)
class RegionHint:
    """A region in the user's own units.

    Attributes:
        kind: box, points, polygon or mask.
        points: corners (column, row): two for a box; none for a mask.
        units: pixels of the original image (as viewers show it) or fractions of its size.
        mask: file of a mask.
    """

    kind: Literal["box", "points", "polygon", "mask"]
    points: tuple[Point, ...] = ()
    units: Units = "fraction"
    mask: Path | None = None


def parse_region(value: Any, where: str, folder: Path) -> RegionHint:
    """Read ``{box|points|polygon|mask: ..., units: px|fraction}``.

    Without ``units``, numbers that all lie within 0 and 1 are fractions of width and height, all
    others pixels of the original image, counted from the top left.

    Args:
        value: the plain value from the file.
        where: file and entry, for messages.
        folder: what a mask's path is relative to.

    Raises:
        InputError: another form, unknown keys, too few points, or numbers that cannot be.
    """
    if not isinstance(value, dict):
        raise InputError(
            f"{where}: region {quoted(value)}; a mapping expected, for instance "
            "box: [10, 20, 200, 180]"
        )
    unknown = [key for key in value if key not in (*_KINDS, "units")]
    kinds = [kind for kind in _KINDS if value.get(kind) is not None]
    if unknown or len(kinds) != 1:
        raise InputError(
            f"{where}: region with {quoted_list(value) or 'nothing'}; exactly one of "
            f"{', '.join(_KINDS)} expected and, as wanted, units"
        )
    units = value.get("units")
    if units not in (None, "px", "fraction"):
        raise InputError(f"{where}: region units {quoted(units)}; 'px' or 'fraction' expected")
    kind = kinds[0]
    if kind == "mask":
        if not isinstance(value["mask"], str):
            raise InputError(
                f"{where}: mask {quoted(value['mask'])}; the path of an image expected"
            )
        return RegionHint(kind="mask", mask=folder / value["mask"])
    points = _corners(value[kind], where) if kind == "box" else _points(kind, value[kind], where)
    if units is None:
        units = "fraction" if all(0 <= n <= 1 for point in points for n in point) else "px"
    return RegionHint(kind=kind, points=points, units=units)  # pyright: ignore[reportArgumentType]


def _corners(value: Any, where: str) -> tuple[Point, ...]:
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        raise InputError(
            f"{where}: box {quoted(value)}; four numbers expected (left, top, right, bottom)"
        )
    left, top, right, bottom = (_number(n, "box", where) for n in value)
    if not (left < right and top < bottom):
        raise InputError(
            f"{where}: box {quoted(value)}; left < right and top < bottom expected (left, top, "
            "right, bottom, counted from the top left)"
        )
    return ((left, top), (right, bottom))


def _points(kind: str, value: Any, where: str) -> tuple[Point, ...]:
    least = 3 if kind == "polygon" else 1
    pairs = isinstance(value, (list, tuple)) and all(
        isinstance(point, (list, tuple)) and len(point) == 2 for point in value
    )
    if not pairs or not least <= len(value) <= _MAX_POINTS:
        raise InputError(
            f"{where}: {kind} {quoted(value)}; {least} to {_MAX_POINTS} pairs [column, row] "
            "expected"
        )
    return tuple((_number(x, kind, where), _number(y, kind, where)) for x, y in value)


def _number(value: Any, kind: str, where: str) -> float:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not plain or not abs(value) <= _MAX_COORDINATE:  # "not <=" refuses NaN as well
        raise InputError(f"{where}: {kind} holds {quoted(value)}; a number expected")
    return float(value)


def resolve_region(
    hint: RegionHint,
    where: str,
    original_size: tuple[int, int],
    working_size: tuple[int, int],
    store: BlobStore,
) -> Region:
    """Tie a region to an image.

    Args:
        hint: the region in the user's units.
        where: file and entry, for messages.
        original_size: width and height of the image as given, pixels, EXIF applied.
        working_size: width and height of the stored image, pixels; masks are resized to it.
        store: where masks go.

    Raises:
        InputError: outside the image, or a mask that cannot be used.
    """
    if hint.mask is not None:
        mask = _read_mask(hint.mask, where, working_size)
        return Region(kind="mask", mask=codecs.put_mask(store, mask))
    scale = original_size if hint.units == "px" else (1, 1)
    points = tuple((x / scale[0], y / scale[1]) for x, y in hint.points)
    outside = next(
        (n for n, p in enumerate(points) if not (0 <= p[0] <= 1 and 0 <= p[1] <= 1)), None
    )
    if outside is not None:
        width, height = original_size
        limit = f"0 to {width}, 0 to {height} px" if hint.units == "px" else "0 to 1"
        raise InputError(
            f"{where}: {hint.kind} point {hint.points[outside]} is outside the image of "
            f"{width}x{height} px; {limit} expected ({hint.units}; set units: px or fraction)"
        )
    if hint.kind == "box":
        return Region(kind="box", box=(*points[0], *points[1]))
    if hint.kind == "points":
        return Region(kind="points", points=points)
    return Region(kind="polygon", polygon=points)


def _read_mask(path: Path, where: str, working_size: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """White (and, where the mask has alpha, opaque) is the component."""
    try:
        rgba = read_image(path, max_side_px=_MASK_OVERSIZE * max(working_size))
    except InputError as error:
        raise InputError(f"{where}: mask: {error}") from error
    width, height = image_size(path)
    stretch = (width / height) / (working_size[0] / working_size[1])
    if abs(math.log(stretch)) > _MAX_STRETCH + 2.0 / min(working_size):
        raise InputError(
            f"{where}: mask '{path.name}' of {width}x{height} px does not have the proportions of "
            f"the image ({working_size[0]}x{working_size[1]} px as stored); draw it over the image"
        )
    level = rgba[..., :3].astype(np.float32).mean(axis=-1) * (rgba[..., 3] / np.float32(255))
    resized = cv2.resize(level, working_size, interpolation=cv2.INTER_AREA)
    mask = np.asarray(resized) >= 127.5
    if not mask.any():
        raise InputError(
            f"{where}: mask '{path.name}' holds no white pixel; white where the component is, "
            "black or transparent elsewhere expected"
        )
    return mask
