"""The profile of a body of revolution, from one outline seen at an elevation."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float
from scipy import ndimage

from mmpart_core.geometry import cameras
from mmpart_core.multiview.lifting.crop import PartCrop
from mmpart_core.multiview.lifting.outline import depth_inside

# How finely is looked: rings of the result, and what is tried for them. On the outline's usual grid
# of 256 pixels heights are about 0.7 pixels apart and radii 1.2, between which the circle is
# interpolated; 48 points of a circle leave out 0.2 % of its radius; the outline is read at twice
# its resolution. By hand: as fine as leaves no ribs to be seen.
LEVELS = 192
_HEIGHTS_TRIED = 576
_RADII_TRIED = 128
_SPOKES = 48
_FINER = 2
# Width of the Gaussian over the radii, in rings, and the rings at each end that keep theirs.
_RIBS, _ENDS = 2.0, 4
# Height over which slopes are averaged, in pixels of the outline's grid: the outline has steps.
_SMOOTHED_PX = 6.0
# Of the slope at which a cone just grazes the view: from here on a fall counts as grazing, and up
# to here the approach to it counts as a corner. Set by hand on cans and balls of known shape
# (``tests/mmpart_core/multiview``); not measured.
_GRAZING = 0.75
_CORNER = 0.4


@dataclass(frozen=True)
class Profile:
    """Outline of a body of revolution about an upright axis, from below upwards.

    Attributes:
        radius: at least 0; where an end's is more than 0, a flat cap closes it.
        height: above the axis' foot, object units.
    """

    radius: Float[np.ndarray, "L"]
    height: Float[np.ndarray, "L"]


def circles(
    foot: Float[np.ndarray, "3"],
    radius: Float[np.ndarray, "L"],
    height: Float[np.ndarray, "L"],
    angle: Float[np.ndarray, "L S"],
) -> Float[np.ndarray, "L S 3"]:
    """Points around an upright axis.

    Args:
        foot: the axis' point at height 0.
        radius: of each circle.
        height: of each circle above the foot.
        angle: of each point about +Z, in radians.
    """
    across = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    up = np.broadcast_to(height[:, None], angle.shape)
    return foot + np.stack([*across, up], axis=-1)


def find_profile(crop: PartCrop, foot: Float[np.ndarray, "3"]) -> Profile | None:
    """The largest body of revolution inside an outline; None where there is none.

    At each height of the axis the circle grows until its image leaves the outline. Seen from
    above, ever smaller circles still fit over the top rim and under the bottom rim, a cone that
    the view just grazes and that the image says nothing of. There the body ends flat where the
    profile has a corner and round where it has none.

    Args:
        crop: the part.
        foot: the axis' point at the height of the part's centre.
    """
    profile = _largest(crop, foot)
    if profile is None:
        return None
    window = max(3, round(_SMOOTHED_PX * crop.unit_per_px / np.diff(profile.height).mean()))
    slope = _grazing_slope(crop, foot, profile.height[-1])
    radius, height = _end_top(profile.radius, profile.height, slope, window)
    slope = _grazing_slope(crop, foot, profile.height[0])
    radius, height = _end_top(radius[::-1], -height[::-1], slope, window)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(radius), np.diff(height)))])
    along = np.linspace(0.0, length[-1], LEVELS)
    radius, height = np.interp(along, length, radius), np.interp(along, length, height)
    # The outline's steps would show as ribs; the ends keep their corners.
    radius[_ENDS:-_ENDS] = ndimage.gaussian_filter1d(radius, _RIBS)[_ENDS:-_ENDS]
    return Profile(radius[::-1], -height[::-1])


def _largest(crop: PartCrop, foot: Float[np.ndarray, "3"]) -> Profile | None:
    """For each height, the largest circle whose image stays inside the outline."""
    span = crop.camera.height_px * crop.unit_per_px
    reach = 0.75 * span / max(np.cos(np.deg2rad(crop.elevation_deg)), 0.2)
    height = np.linspace(-reach, reach, _HEIGHTS_TRIED)
    radii, step = np.linspace(0.0, 0.6 * span, _RADII_TRIED, retstep=True)
    spokes = np.linspace(0.0, 2.0 * np.pi, _SPOKES, endpoint=False)
    angle = np.broadcast_to(spokes, (len(height), _SPOKES))
    # The outline's signed distance tells where between two tried radii the circle touches it.
    fine = cv2.resize(crop.alpha, None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_LINEAR) >= 0.5
    signed = depth_inside(fine) - depth_inside(~fine)
    radius, inside = np.full(len(height), -1.0), np.ones(len(height), dtype=bool)
    room = np.zeros(len(height))
    for tried in radii:
        points = circles(foot, np.full(len(height), tried), height, angle)
        at, _ = cameras.project(crop.camera, points.reshape(-1, 3))
        depth = ndimage.map_coordinates(
            signed, (at[:, ::-1] * _FINER - 0.5).T, order=1, mode="nearest"
        )
        least = depth.reshape(angle.shape).min(axis=1)
        leaves = inside & (least < 0.0) & (radius >= 0.0)
        radius[leaves] += float(step) * room[leaves] / (room[leaves] - least[leaves])
        inside &= least >= 0.0
        radius[inside] = tried
        room = least
        if not inside.any():
            break
    return _longest_run(radius, height)


def _longest_run(radius: Float[np.ndarray, "L"], height: Float[np.ndarray, "L"]) -> Profile | None:
    """The longest unbroken stretch of the axis inside the outline."""
    inside = radius > 0.0
    if not inside.any():
        return None
    # Number the stretches by counting where they start.
    starts = np.diff(inside.astype(np.int8), prepend=0) == 1
    label = np.cumsum(starts) * inside
    run = label == int(np.argmax(np.bincount(label)[1:])) + 1
    return Profile(radius[run], height[run]) if run.sum() >= 8 else None


def _grazing_slope(crop: PartCrop, foot: Float[np.ndarray, "3"], height: float) -> float:
    """How much a radius falls per height on a cone that the view just grazes."""
    point = foot + np.array([0.0, 0.0, height])
    at, _ = cameras.project(crop.camera, point[None])
    _, direction = cameras.pixel_rays(crop.camera, at[:, 0], at[:, 1])
    level = float(np.linalg.norm(direction[0, :2]))
    return level / max(abs(float(direction[0, 2])), 1e-3)


def _end_top(
    radius: Float[np.ndarray, "L"], height: Float[np.ndarray, "L"], slope: float, window: int
) -> tuple[Float[np.ndarray, "_"], Float[np.ndarray, "_"]]:
    """Cut the grazing cone off the upper end; add a round cap where there is no corner."""
    step = height[-1] - height[-2]
    fall = np.diff(radius) / -np.diff(height)
    fall = ndimage.uniform_filter1d(fall, min(window, len(fall)), mode="nearest")
    last = len(radius) - 1
    # The very tip is a pixel or two; whether it grazes is told a little below it.
    if last > 2 * window and fall[last - window // 2] > _GRAZING * slope:
        last -= window // 2
    while last > 4 and fall[last - 1] > _GRAZING * slope:
        last -= 1
    if last == len(radius) - 1:
        return radius, height
    before = max(2, min(last - 1, round(0.2 * radius[last] / step)))
    approach = (radius[last - before] - radius[last]) / (height[last] - height[last - before])
    if approach < _CORNER * slope:
        return radius[: last + 1], height[: last + 1]
    # Radius squared falls linearly, tangent to the profile: a paraboloid.
    share = np.linspace(0.0, 1.0, 33)[1:]
    top = radius[last] / (2.0 * max(approach, slope))
    return (
        np.concatenate([radius[: last + 1], radius[last] * np.sqrt(1.0 - share)]),
        np.concatenate([height[: last + 1], height[last] + share * top]),
    )
