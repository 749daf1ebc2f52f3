"""What makes views unusable."""

import numpy as np
from jaxtyping import Bool

from mmpart_core.errors import StageError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import WHOLE_OBJECT

_SOLID = 128  # alpha from which a pixel is foreground: half of 255
# Shares set by hand: of a view, 51 pixels of 320 x 320; and of what the views show in the middle.
_LEAST_FOREGROUND = 0.0005
_LEAST_VIEW_TO_MEDIAN = 0.005
# The unit sphere overflows the 30 degree frame of Zero123++ by its authors' design, so a ball
# covers 30 % of the border; an image whose background was left in covers all of it.
_MOST_BORDER = 0.6


def check_views(views: PosedViews, component: str | None) -> None:
    """Refuse views that reconstruction could make nothing of.

    Args:
        views: what the generator gave.
        component: the component's name; None for the whole object.

    Raises:
        StageError: fewer than two views, no pixels, images and cameras that disagree in number or
            size, a view with almost no foreground, or a foreground that runs out of the frame.
    """
    what = WHOLE_OBJECT if component is None else f"part {component!r}"
    _check_sizes(views, what)
    solid = views.rgba[..., 3] >= _SOLID
    covered = solid.mean(axis=(1, 2))
    # An edge-on sheet is thin, not absent: the floor is low, and lower still for a thin part.
    floor = max(_LEAST_FOREGROUND, _LEAST_VIEW_TO_MEDIAN * float(np.median(covered)))
    for index, share in enumerate(covered):
        if share < floor:
            raise StageError(
                f"{what}: view {index} shows {share:.3%} foreground, at least {floor:.3%} "
                "expected; the background was taken for the part's outside, or the isolated image "
                "is nearly empty: look at it, and give the part a region or isolate it by another "
                "back-end; another --seed helps only where views are drawn at random"
            )
        if (border := _border_share(solid[index])) > _MOST_BORDER:
            raise StageError(
                f"{what}: in view {index} the foreground covers {border:.0%} of the image's "
                f"border, at most {_MOST_BORDER:.0%} expected; it is cut off or its background "
                "was not removed: check the isolated image; another --seed helps only where views "
                "are drawn at random"
            )


def _check_sizes(views: PosedViews, what: str) -> None:
    count, height, width = views.rgba.shape[:3]
    if count < 2 or height == 0 or width == 0:
        raise StageError(
            f"{what}: expected at least two views with pixels, got {count} of {width}x{height} px; "
            "the generator's output is incomplete"
        )
    if count != len(views.cameras):
        raise StageError(
            f"{what}: expected one camera per view, got {len(views.cameras)} cameras for {count} "
            "views; correct the back-end"
        )
    for index, camera in enumerate(views.cameras):
        if (camera.width_px, camera.height_px) != (width, height):
            raise StageError(
                f"{what}: view {index} is {width}x{height} px but its camera {camera.width_px}x"
                f"{camera.height_px} px; correct the back-end"
            )


def _border_share(solid: Bool[np.ndarray, "H W"]) -> float:
    rim = np.concatenate([solid[0], solid[-1], solid[:, 0], solid[:, -1]])
    return float(rim.mean())
