"""What makes an isolated part unusable."""

import numpy as np

from mmpart_core.errors import StageError
from mmpart_core.isolate.protocol import Isolation

MIN_PX = 12  # below this a part has no outline that could be placed
# Of the image: what covers all of it is no part, its background was left in. By hand.
MAX_SHARE = 0.995
# Of the frame's pixels that a completed area may run along: a corner of it, not a side. By hand.
MAX_CUT_SHARE = 0.02
_OPAQUE = 128  # alpha from which a pixel is the part's: half of 255


def check_isolation(isolation: Isolation, component: str) -> None:
    """Refuse an isolated part that later stages could not use.

    Args:
        isolation: what the back-end drew.
        component: the part's name, for messages.

    Raises:
        StageError: masks of another size than the image, empty, filling the frame, transparent
            where the part is claimed to be, or completed beyond the frame.
    """
    shape = isolation.rgba.shape[:2]
    if isolation.visible.shape != shape or isolation.imagined.shape != shape:
        raise StageError(
            f"part '{component}': image of {shape[1]}x{shape[0]} px, masks of the same size "
            f"expected, got visible {_size(isolation.visible)} and imagined "
            f"{_size(isolation.imagined)}; this is a fault of the isolate back-end"
        )
    drawn = isolation.rgba[..., 3] >= _OPAQUE
    _check_share(drawn, component)
    _check_masks(isolation, drawn, component)
    _check_cut_off(isolation, component)


def _check_share(drawn: np.ndarray, component: str) -> None:
    share = float(drawn.mean())
    if (pixels := int(drawn.sum())) < MIN_PX:
        raise StageError(
            f"part '{component}': foreground covers {pixels} px of the image, at least {MIN_PX} px "
            "expected; describe the part more closely, give it a region, or crop the image closer "
            "to the object"
        )
    if share > MAX_SHARE:
        raise StageError(
            f"part '{component}': it covers {100 * share:.1f} % of the image, at most "
            f"{100 * MAX_SHARE:.1f} % expected; the background was not removed: describe the part "
            "more closely or give it a region"
        )


def _check_masks(isolation: Isolation, drawn: np.ndarray, component: str) -> None:
    claimed = isolation.visible | isolation.imagined
    agreement = (claimed & drawn).sum() / max(int((claimed | drawn).sum()), 1)
    if agreement < 0.5:
        raise StageError(
            f"part '{component}': its visible and imagined pixels overlap its opaque pixels by "
            f"{100 * agreement:.0f} %, at least 50 % expected; this is a fault of the isolate "
            "back-end: refresh isolate or change the seed"
        )


def _check_cut_off(isolation: Isolation, component: str) -> None:
    """A part may be cut off where the photograph is, not where it was completed."""
    imagined = isolation.imagined & ~isolation.visible
    border = np.concatenate([imagined[0], imagined[-1], imagined[1:-1, 0], imagined[1:-1, -1]])
    share = float(border.mean())
    if share > MAX_CUT_SHARE:
        raise StageError(
            f"part '{component}': its completed area runs along {100 * share:.0f} % of the frame, "
            f"at most {100 * MAX_CUT_SHARE:.0f} % expected: it is cut off; give an image with more "
            "room around the object, or change the seed"
        )


def _size(mask: np.ndarray) -> str:
    return f"{mask.shape[1]}x{mask.shape[0]} px"
