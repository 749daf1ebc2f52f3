"""Pictures and masks that the public metrics accept, checked and converted; see ``arguments``."""

import numpy as np
from jaxtyping import Bool, Float

from evaluation.functional.arguments import (
    ArrayLike,
    number,
    refuse_not_finite,
    shape_text,
    to_array,
)
from mmpart_core.errors import ArgumentError

_CHANNELS = (1, 2, 3, 4)
_ROUNDING = 1e-5


def image(
    name: str, value: ArrayLike, data_range: float | None = None, *, least_px: int = 1
) -> Float[np.ndarray, "H W C"]:
    """A picture with values in [0, 1], float64.

    Args:
        name: of the argument.
        value: (H, W, C), channels last.
        data_range: the value of full brightness; None takes 1 for floats and 255 for uint8.
        least_px: least width and height.

    Raises:
        ArgumentError: another shape or type, or values that are not finite or out of range.
    """
    found = to_array(name, value)
    if found.ndim != 3 or found.shape[-1] not in _CHANNELS:
        advice = "add the channel axis, picture[..., None]" if found.ndim == 2 else "move the axes"
        if found.ndim == 3 and found.shape[0] in _CHANNELS:
            advice = "put the channels last (permute(1, 2, 0) of a torch picture)"
        if found.ndim == 4:
            advice = "give the pictures of a batch one by one"
        raise ArgumentError(
            f"{name}: expected one picture (H, W, C) with 1 to 4 channels, got "
            f"{shape_text(found)}; {advice}"
        )
    if min(found.shape[:2]) < least_px:
        raise ArgumentError(
            f"{name}: expected a picture of at least {least_px} x {least_px} pixels, got "
            f"{shape_text(found)}"
        )
    full = _full_brightness(name, found, data_range)
    refuse_not_finite(name, found, "values")
    low, high = float(found.min()), float(found.max())
    if low < -_ROUNDING * full or high > (1.0 + _ROUNDING) * full:
        raise ArgumentError(
            f"{name}: expected values from 0 to {full:g}, got {low:g} to {high:g}; give floats in "
            "[0, 1] or uint8, or say what full brightness is where a metric takes data_range"
        )
    return found.astype(np.float64) / full


def mask(name: str, value: ArrayLike) -> Bool[np.ndarray, "H W"]:
    """Which pixels count: truth values, or numbers that are all 0 or 1.

    Raises:
        ArgumentError: another shape, no pixels, or other numbers.
    """
    found = to_array(name, value)
    if found.ndim != 2 or not found.size:
        raise ArgumentError(f"{name}: expected a mask (H, W), got {shape_text(found)}")
    if found.dtype.kind != "b" and not ((found == 0) | (found == 1)).all():
        raise ArgumentError(
            f"{name}: expected truth values, or only 0 and 1, got {found.dtype} from "
            f"{found.min():g} to {found.max():g}; compare it with a threshold, mask > 0"
        )
    return found.astype(bool, copy=False)


def same_shape(first_name: str, first: np.ndarray, second_name: str, second: np.ndarray) -> None:
    """Refuse arrays of different shape.

    Raises:
        ArgumentError: they differ.
    """
    if first.shape != second.shape:
        raise ArgumentError(
            f"{first_name} and {second_name}: expected one shape, got {shape_text(first)} and "
            f"{shape_text(second)}; bring both to one size first"
        )


def _full_brightness(name: str, values: np.ndarray, data_range: float | None) -> float:
    if data_range is not None:
        return number("data_range", data_range, above=0.0)
    if values.dtype.kind == "f":
        return 1.0
    if values.dtype == np.uint8:
        return 255.0
    raise ArgumentError(
        f"{name}: expected floats in [0, 1] or uint8, got {values.dtype}; convert it"
    )
