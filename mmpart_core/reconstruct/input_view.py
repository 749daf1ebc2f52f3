"""The input image as one more training view: the isolated part, at the camera it was seen by.

The other views are made from this image, in a frame of their own; only the image's lens and the
direction it was taken from are known (azimuth 0, the input camera's elevation). Where it belongs
among them is found by laying its outline on their visual hull. It is left out where it does not
fit, and where it would fit clearly better had the camera stood higher or lower.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image
from scipy.spatial.transform import Rotation

from mmpart_core.errors import BackendError
from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.silhouette import FOREGROUND
from mmpart_core.reconstruct import input_view_registration as registration
from mmpart_core.reconstruct.hull import VisualHull
from mmpart_core.reconstruct.input_view_registration import Agreement, HullOutline
from mmpart_core.records import Camera

# Of the part's longer side in the image: with less, a pixel of its outline covers several of a
# view's. By hand.
_LEAST_PX = 48
_MARGIN = 1.15  # side of the new view over the part's in it
_CUT_PX = 4  # so many pixels along the image's border are no accident
# Of 24 parts of known objects, each by six true views and one from elevations -15 and 50, at most
# 1.4 % lay outside the hull. Overlaps are 0.52 to 0.99, 36 of 48 at least 0.75: below that the hull
# is for the most part phantom corners, among which a wrong place fits as well as the right one.
# Of 96 outlines of other parts 13 pass as well: this tells a place from another, not a thing.
_MOST_OUTSIDE = 0.02
_LEAST_IOU = 0.75
# From other elevations a part without symmetry fits worse: taken for 40 degrees too high or low,
# by more than this. Parts that look alike from there are no worse for it.
_OTHER_DEG = (-40.0, -20.0, 20.0, 40.0)
_STEEPEST_DEG = 85.0
_CLEARLY_BETTER = 0.05


@dataclass(frozen=True)
class InputFit:
    """Whether the input image can be trained on, and as what.

    Attributes:
        views: the other views and, last, the image; none where it is left out.
        iou: overlap of its outline with that of the others' visual hull; none where not measured.
        warning: why it is left out; empty where it is not.
    """

    views: PosedViews | None
    iou: float | None
    warning: str = ""


def add_input_view(
    views: PosedViews, rgba: UInt8[np.ndarray, "IH IW 4"], camera: Camera
) -> InputFit:
    """Find the input image's camera in the part's frame, and add both to the views.

    Args:
        views: of the part, part frame; alpha is the foreground.
        rgba: the isolated part in the input image, straight alpha.
        camera: of that image, in the camera-aligned object frame (input azimuth 0).
    """
    mask = rgba[..., 3] >= FOREGROUND
    unusable = _unusable(mask)
    if unusable:
        return _left_out(unusable, None)
    cropped, seen_by = crop_view(rgba, mask, camera, views.rgba.shape[1:3])
    coverage = cropped[..., 3].astype(np.float32) / np.float32(255.0)
    try:
        outline = HullOutline(VisualHull(views, slack_px=0.0))
    except BackendError:
        return _left_out("the other views' masks have no common body to compare it with", None)
    placed, agreement = registration.place_part(outline, coverage, seen_by)
    reason = _misfit(agreement) or _better_elevation(outline, coverage, seen_by)
    if reason:
        return _left_out(reason, agreement.iou)
    added = PosedViews(
        np.concatenate([views.rgba, cropped[None]]), (*views.cameras, placed.camera(seen_by))
    )
    return InputFit(added, agreement.iou)


def crop_view(
    rgba: UInt8[np.ndarray, "IH IW 4"],
    mask: Bool[np.ndarray, "IH IW"],
    camera: Camera,
    shape: tuple[int, int],
) -> tuple[UInt8[np.ndarray, "H W 4"], Camera]:
    """The part of an image around a mask, in another size, and its camera.

    Nothing is turned, so that only lens and optical axis change, in pixels.

    Args:
        rgba: straight alpha.
        mask: where the part is; not empty.
        camera: of the image.
        shape: rows and columns wanted.
    """
    rows, columns = np.nonzero(mask)
    top, left = float(rows.min()), float(columns.min())
    tall, wide = float(np.ptp(rows)) + 1.0, float(np.ptp(columns)) + 1.0
    factor = min(shape[0] / tall, shape[1] / wide) / _MARGIN
    height, width = shape[0] / factor, shape[1] / factor
    low_x, low_y = left + (wide - width) / 2.0, top + (tall - height) / 2.0
    room = int(np.ceil(max(width, height)))
    padded = np.pad(rgba, ((room, room), (room, room), (0, 0)))
    box = (low_x + room, low_y + room, low_x + width + room, low_y + height + room)
    # Pillow weighs colours with their alpha, and averages where it makes smaller.
    picture = Image.fromarray(padded).resize(
        (shape[1], shape[0]), Image.Resampling.BILINEAR, box=box
    )
    column, row = camera.principal_px
    moved = camera.model_copy(update={"principal_px": (column - low_x, row - low_y)})
    return np.asarray(picture), cameras.resized_camera(moved, shape, factor)


def _unusable(mask: Bool[np.ndarray, "H W"]) -> str:
    """Why a mask's outline says too little; empty where it does not."""
    side = max(int(np.ptp(where)) + 1 if len(where) else 0 for where in np.nonzero(mask))
    if side < _LEAST_PX:
        return (
            f"the part is {side} px long in it, at least {_LEAST_PX} expected; give a larger image"
        )
    cut = max(int(edge.sum()) for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))
    if cut > _CUT_PX:
        return f"the part is cut by its border along {cut} px; give an image with more room"
    return ""


def _misfit(agreement: Agreement) -> str:
    """Why the image does not fit; empty where it does."""
    if agreement.outside <= _MOST_OUTSIDE and agreement.iou >= _LEAST_IOU:
        return ""
    return (
        f"its outline and that of the other views' hull overlap by {agreement.iou:.2f} (IoU), at "
        f"least {_LEAST_IOU:.2f} expected, and {agreement.outside:.1%} of it is outside, at most "
        f"{_MOST_OUTSIDE:.0%} expected; say from how high it was taken (--camera elevation=...), "
        "or compare isolated image and views in sheet.png"
    )


def _better_elevation(outline: HullOutline, coverage: np.ndarray, camera: Camera) -> str:
    """From where else the image would fit clearly better; empty where from nowhere."""
    _, given = registration.place_part(outline, coverage, camera, registration.COARSE)
    pose = transforms.to_array(camera.world_from_camera)
    elevation = math.degrees(math.asin(float(np.clip(pose[2, 2], -1.0, 1.0))))
    fits: dict[float, float] = {}
    for change in _OTHER_DEG:
        if abs(elevation + change) <= _STEEPEST_DEG:
            other = _raised(camera, change)
            _, agreement = registration.place_part(outline, coverage, other, registration.COARSE)
            fits[elevation + change] = agreement.misfit
    best = min(fits, key=lambda each: fits[each], default=elevation)
    if given.misfit <= fits.get(best, math.inf) + _CLEARLY_BETTER:
        return ""
    return (
        f"it fits the other views better as taken from {best:.0f} degrees (misfit "
        f"{fits[best]:.2f}) than from {elevation:.0f} ({given.misfit:.2f}); say from how high it "
        "was taken (--camera elevation=...)"
    )


def _raised(camera: Camera, degrees: float) -> Camera:
    """The camera moved up around the origin that it looks at."""
    pose = transforms.to_array(camera.world_from_camera)
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_rotvec(-np.deg2rad(degrees) * pose[:3, 0]).as_matrix()
    return camera.model_copy(update={"world_from_camera": transforms.to_tuple(turn @ pose)})


def _left_out(reason: str, iou: float | None) -> InputFit:
    return InputFit(None, iou, f"the input image was not trained on: {reason}")
