"""Surfaces of revolution about an upright axis, from one outline seen at an elevation."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage

from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.lifting.crop import PartCrop
from mmpart_core.multiview.lifting.outline import Symmetry

_LEVELS = 192
_SPOKES = 192
_RADII = 128
_GRAZING = 0.7
_CORNER = 0.4
_CAP_RINGS = 12


@dataclass(frozen=True)
class Profile:
    """Outline of a body of revolution: radius over height, from below upwards.

    Attributes:
        radius: at least 0; the ends may be open discs, closed by flat caps.
        height: along +Z from the part's centre, object units.
    """

    radius: Float[np.ndarray, "L"]
    height: Float[np.ndarray, "L"]


@dataclass(frozen=True)
class Revolution:
    """A revolved part.

    Attributes:
        mesh: closed, with vertex colours; object frame, where it fits the image.
        fit_iou: overlap of its silhouette with the outline.
    """

    mesh: TriangleMesh
    fit_iou: float


def revolve(crop: PartCrop, symmetry: Symmetry) -> Revolution | None:
    """The largest body of revolution inside the outline; None where there is none.

    At each height of the axis the circle grows until its image leaves the outline. Seen from
    above, ever smaller circles would still fit over the top rim and under the bottom rim; there
    the body ends flat where the profile has a corner and round where it has none.

    Args:
        crop: the part.
        symmetry: its mirror axis.
    """
    foot = _axis_foot(crop, symmetry.axis_px)
    profile = _largest_profile(crop, foot)
    if profile is None:
        return None
    profile = _close_ends(profile, crop.elevation_deg)
    vertices, faces = _turned(profile, foot)
    colors = _vertex_colors(crop, vertices, faces, foot)
    mesh = TriangleMesh(vertices, faces, colors=colors)
    seen = RenderScene([mesh]).silhouette(crop.camera)
    union = int((seen | crop.mask).sum())
    return Revolution(mesh, float((seen & crop.mask).sum() / union))


def _axis_foot(crop: PartCrop, axis_px: float) -> Float[np.ndarray, "3"]:
    """The point of the axis at the height of the part's centre."""
    side = (axis_px - cameras.project(crop.camera, crop.center[None])[0][0, 0]) * crop.unit_per_px
    azimuth = np.deg2rad(crop.azimuth_deg)
    return crop.center + side * np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])


def _circles(
    foot: Float[np.ndarray, "3"],
    radius: Float[np.ndarray, "L"],
    height: Float[np.ndarray, "L"],
    spokes: int,
) -> Float[np.ndarray, "L S 3"]:
    angle = np.linspace(0.0, 2.0 * np.pi, spokes, endpoint=False)
    around = np.stack([np.cos(angle), np.sin(angle), np.zeros(spokes)], axis=-1)
    up = height[:, None, None] * np.array([0.0, 0.0, 1.0])
    return foot + up + radius[:, None, None] * around


def _largest_profile(crop: PartCrop, foot: Float[np.ndarray, "3"]) -> Profile | None:
    """For each height, the largest circle whose image stays inside the outline."""
    size = crop.camera.height_px
    unit = crop.unit_per_px
    reach = 0.75 * size * unit / max(np.cos(np.deg2rad(crop.elevation_deg)), 0.2)
    height = np.linspace(-reach, reach, 3 * _LEVELS)
    radii = np.linspace(0.0, 0.6 * size * unit, _RADII)
    spokes = 48
    inside = np.ones(len(height), dtype=bool)
    radius = np.full(len(height), -1.0)
    # The outline's signed distance in pixels lets a circle touch it between two tried radii.
    signed = ndimage.distance_transform_edt(crop.mask) - ndimage.distance_transform_edt(~crop.mask)
    clearance = np.full(len(height), 0.0)
    for tried in radii:
        points = _circles(foot, np.full(len(height), tried), height, spokes)
        at, _ = cameras.project(crop.camera, points.reshape(-1, 3))
        room = ndimage.map_coordinates(
            signed, (at[:, ::-1] - 0.5).T, order=1, mode="nearest"
        ).reshape(len(height), spokes)
        least = room.min(axis=1)
        fits = inside & (least >= 0.0)
        radius[fits] = tried
        leaves = inside & ~fits & (radius >= 0.0)
        step = (radii[1] - radii[0]) * clearance[leaves]
        radius[leaves] += step / np.maximum(clearance[leaves] - least[leaves], 1e-9)
        clearance = least
        inside = fits
        if not inside.any():
            break
    return _longest_run(radius, height)


def _longest_run(
    radius: Float[np.ndarray, "L"], height: Float[np.ndarray, "L"]
) -> Profile | None:
    """The longest unbroken stretch of the axis inside the outline."""
    label, count = ndimage.label(radius > 0.0)
    if count == 0:
        return None
    longest = int(np.argmax(np.bincount(label)[1:])) + 1
    run = label == longest
    if run.sum() < 8:
        return None
    return Profile(radius[run], height[run])


def _close_ends(profile: Profile, elevation_deg: float) -> Profile:
    """End the profile where it only grazes the view, flat at a corner and round elsewhere."""
    slope = 1.0 / max(np.tan(np.deg2rad(abs(elevation_deg))), 1e-3)
    radius, height = _end_top(profile.radius, profile.height, slope)
    radius, height = _end_top(radius[::-1], -height[::-1], slope)
    even = np.linspace(0.0, 1.0, _LEVELS)
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(radius), np.diff(height)))])
    along = even * length[-1]
    return Profile(
        np.interp(along, length, radius)[::-1], -np.interp(along, length, height)[::-1]
    )


def _end_top(
    radius: Float[np.ndarray, "L"], height: Float[np.ndarray, "L"], slope: float
) -> tuple[Float[np.ndarray, "_"], Float[np.ndarray, "_"]]:
    """Cut the grazing cone off the upper end; add a round cap where there is no corner."""
    step = height[1] - height[0]
    fall = -np.diff(radius) / step
    last = len(radius) - 1
    while last > 4 and fall[last - 1] > _GRAZING * slope:
        last -= 1
    if last == len(radius) - 1:
        return radius, height
    before = max(1, min(last - 1, round(0.2 * radius[last] / step)))
    approach = (radius[last - before] - radius[last]) / (before * step)
    if approach < _CORNER * slope:
        return radius[: last + 1], height[: last + 1]
    # Radius squared falls linearly, tangent to the profile: a paraboloid.
    share = np.linspace(0.0, 1.0, 33)[1:]
    top = radius[last] / (2.0 * max(approach, slope))
    return (
        np.concatenate([radius[: last + 1], radius[last] * np.sqrt(1.0 - share)]),
        np.concatenate([height[: last + 1], height[last] + share * top]),
    )


def _turned(
    profile: Profile, foot: Float[np.ndarray, "3"]
) -> tuple[Float[np.ndarray, "V 3"], Int[np.ndarray, "F 3"]]:
    """The closed surface: rings from the middle of the bottom to the middle of the top."""
    inward = np.linspace(0.0, 1.0, _CAP_RINGS + 1)[1:-1]
    radius = np.concatenate(
        [inward * profile.radius[0], profile.radius, inward[::-1] * profile.radius[-1]]
    )
    flat = np.ones(len(inward))
    height = np.concatenate(
        [flat * profile.height[0], profile.height, flat * profile.height[-1]]
    )
    keep = radius > 1e-4 * radius.max()
    radius, height = radius[keep], height[keep]
    rings = _circles(foot, radius, height, _SPOKES).reshape(-1, 3)
    ends = np.stack([foot, foot])
    ends[:, 2] += [profile.height[0], profile.height[-1]]
    ring = np.arange(len(radius))[:-1, None] * _SPOKES
    a = ring + np.arange(_SPOKES)
    b = ring + (np.arange(_SPOKES) + 1) % _SPOKES
    sides = [np.stack([a, b, b + _SPOKES], -1), np.stack([a, b + _SPOKES, a + _SPOKES], -1)]
    spoke, following = np.arange(_SPOKES), (np.arange(_SPOKES) + 1) % _SPOKES
    bottom, top = len(rings), len(rings) + 1
    upper = len(rings) - _SPOKES
    fans = [
        np.stack([following, spoke, np.full(_SPOKES, bottom)], -1),
        np.stack([upper + spoke, upper + following, np.full(_SPOKES, top)], -1),
    ]
    faces = np.concatenate([part.reshape(-1, 3) for part in (*sides, *fans)])
    return np.concatenate([rings, ends]), faces


def _vertex_colors(
    crop: PartCrop,
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    foot: Float[np.ndarray, "3"],
) -> np.ndarray:
    """Colours from the image where a vertex faces the camera, else from its mirror point."""
    azimuth = np.deg2rad(crop.azimuth_deg)
    toward = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    area = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], area)
    # Behind the axis only what points up to a raised camera is seen; the rest takes the colour
    # of the point in front of it.
    depth = (vertices - foot) @ toward
    view = _toward_camera(crop, vertices)
    facing = np.einsum("vc,vc->v", normals, view) / np.maximum(
        np.linalg.norm(normals, axis=-1), 1e-12
    )
    hidden = (depth < 0.0) & (facing < 0.15)
    points = np.where(hidden[:, None], vertices - 2.0 * depth[:, None] * toward, vertices)
    at, _ = cameras.project(crop.camera, points)
    scale = crop.rgb.shape[0] / crop.camera.height_px
    where = (at[:, ::-1] * scale - 0.5).T
    rgb = np.stack(
        [
            ndimage.map_coordinates(crop.rgb[..., k].astype(np.float32), where, order=1, mode="nearest")
            for k in range(3)
        ],
        axis=-1,
    )
    colors = np.full((len(vertices), 4), 255, dtype=np.uint8)
    colors[:, :3] = np.rint(np.clip(rgb, 0.0, 255.0))
    return colors


def _toward_camera(
    crop: PartCrop, vertices: Float[np.ndarray, "V 3"]
) -> Float[np.ndarray, "V 3"]:
    """Unit directions to the camera."""
    at, _ = cameras.project(crop.camera, vertices)
    _, directions = cameras.pixel_rays(crop.camera, at[:, 0], at[:, 1])
    return -directions
