"""Takes a drawn part off its ground: by its alpha, a matting model, or the ground's colour."""

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from mmpart_core.images import foreground, framing, morphology

RemovalKind = Literal["auto", "alpha", "model", "classical"]
# Fewer transparent pixels than this are no cut-out; published figure generators leave a few.
_MIN_CLEAR_SHARE = 0.005
_CLEAR = 8  # alpha up to which a pixel shows nothing
_RIM_PX = 2  # where an opaque picture mixes the part with its ground


@runtime_checkable
class Matting(Protocol):
    """A model that says which pixels of an opaque picture are its subject."""

    def alpha(self, rgb: UInt8[np.ndarray, "H W 3"]) -> UInt8[np.ndarray, "H W"]:
        """Alpha of the subject, 0 to 255."""
        ...


@dataclass(frozen=True)
class Removal:
    """A part without its ground.

    Attributes:
        rgba: the part, straight alpha.
        by: how the ground was told: ``alpha``, ``model`` or ``classical``.
    """

    rgba: UInt8[np.ndarray, "H W 4"]
    by: str


def has_clear_ground(rgba: UInt8[np.ndarray, "H W 4"]) -> bool:
    """Whether a picture came with a transparent ground."""
    return bool((rgba[..., 3] <= _CLEAR).mean() >= _MIN_CLEAR_SHARE)


def remove_background(
    rgba: UInt8[np.ndarray, "H W 4"], kind: RemovalKind = "auto", matting: Matting | None = None
) -> Removal:
    """Take a part off its ground.

    ``auto`` takes the picture's own alpha where it has any, else the matting model where there is
    one, else what differs from the ground at the border (``images.foreground``).

    Args:
        rgba: the picture as it was drawn, straight alpha.
        kind: how, if not ``auto``.
        matting: the model; needed for ``model``.

    Raises:
        InputError: nothing stands out from the ground.
    """
    if kind == "alpha" or (kind == "auto" and has_clear_ground(rgba)):
        return Removal(_without_haze(rgba), "alpha")
    opaque = rgba.copy()
    opaque[..., 3] = 255
    if matting is not None and kind in ("auto", "model"):
        opaque[..., 3] = matting.alpha(np.ascontiguousarray(rgba[..., :3]))
        return Removal(_without_haze(opaque), "model")
    mask = foreground.foreground_mask(opaque)
    return Removal(_with_own_rim(framing.cut_out(opaque, mask), mask), "classical")


def _without_haze(rgba: UInt8[np.ndarray, "H W 4"]) -> UInt8[np.ndarray, "H W 4"]:
    """Faint specks and soft shadows that models leave around a part are not part of it."""
    solid = rgba[..., 3] >= 128
    if not solid.any():
        return rgba
    near = morphology.dilated(solid, 2 * _RIM_PX)
    cleaned = rgba.copy()
    cleaned[~near] = 0
    return cleaned


def _with_own_rim(
    rgba: UInt8[np.ndarray, "H W 4"], mask: Bool[np.ndarray, "H W"]
) -> UInt8[np.ndarray, "H W 4"]:
    """The rim takes the nearest colour within, so that none of the ground's is left."""
    core = morphology.eroded(mask, _RIM_PX)
    # A part thinner than two rims keeps its own colours there.
    core |= mask & ~morphology.dilated(core, 3 * _RIM_PX)
    if not core.any():
        return rgba
    rows, columns = np.asarray(ndimage.distance_transform_edt(~core, None, False, True))
    drawn = rgba.copy()
    drawn[..., :3] = rgba[..., :3][rows, columns]
    drawn[rgba[..., 3] == 0] = 0
    return drawn
