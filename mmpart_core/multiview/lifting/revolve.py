"""Surfaces of revolution about the axis that a crop shows upright, coloured from one image."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy import ndimage

from mmpart_core.geometry import cameras
from mmpart_core.geometry.render import RenderScene
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.lifting.crop import PartCrop
from mmpart_core.multiview.lifting.outline import Symmetry
from mmpart_core.multiview.lifting.profile import Profile, circles, find_profile

_SPOKES = 192  # points of a ring: 0.01 % of its radius from a circle
_CAP_RINGS = 16  # on a flat end, so that its vertex colours show what is on it
# All below is set by hand, by the looks of the examples from behind.
# Width of the rim whose colours are not trusted (crop.extend_colors), in outline pixels.
_RIM_PX = 4.0
# Cosine between normal and view below which a pixel tells no colour: 83 degrees. Behind the axis
# twice that is asked (76 degrees), as the mirror point in front is the safer choice.
_LEAST_FACING = 0.12
_SEAM = 0.35  # radians, behind the sides, over which the front's colours give way to the back's


@dataclass(frozen=True)
class Revolution:
    """A revolved part.

    Attributes:
        mesh: closed, with vertex colours; in the crop's frame, where it fits the image.
        fit_iou: overlap of its silhouette with the outline.
    """

    mesh: TriangleMesh
    fit_iou: float


def revolve(
    crop: PartCrop, symmetry: Symmetry, behind: UInt8[np.ndarray, "TH TW 3"]
) -> Revolution | None:
    """Turn the outline's profile about its axis; None where no body fits (see find_profile).

    Args:
        crop: the part.
        symmetry: its mirror axis.
        behind: colours of what the camera does not see, in the place of their mirror points.
    """
    foot = _axis_foot(crop, symmetry.axis_px)
    profile = find_profile(crop, foot)
    if profile is None:
        return None
    rings = _with_caps(profile)
    spokes = np.linspace(0.0, 2.0 * np.pi, _SPOKES, endpoint=False)
    angle = np.broadcast_to(spokes, (len(rings.radius), _SPOKES))
    points = circles(foot, rings.radius, rings.height, angle + np.deg2rad(crop.azimuth_deg))
    colors = _ring_colors(crop, rings, foot, angle, behind)
    ends = foot + np.array([[0.0, 0.0, rings.height[0]], [0.0, 0.0, rings.height[-1]]])
    end_colors = np.stack([colors[0].mean(axis=0), colors[-1].mean(axis=0)])
    mesh = TriangleMesh(
        vertices=np.concatenate([points.reshape(-1, 3), ends]),
        faces=_ring_faces(len(rings.radius)),
        colors=_opaque(np.concatenate([colors.reshape(-1, 3), end_colors])),
    )
    return Revolution(mesh, seen_overlap(mesh, crop))


def seen_overlap(mesh: TriangleMesh, crop: PartCrop) -> float:
    """Intersection over union of a surface's silhouette, seen as the part was, and the outline."""
    seen = RenderScene([mesh]).silhouette(crop.camera)
    return float((seen & crop.mask).sum() / (seen | crop.mask).sum())


def _axis_foot(crop: PartCrop, axis_px: float) -> Float[np.ndarray, "3"]:
    """The point of the axis at the height of the part's centre."""
    side = (axis_px - cameras.project(crop.camera, crop.center[None])[0][0, 0]) * crop.unit_per_px
    azimuth = np.deg2rad(crop.azimuth_deg)
    return crop.center + side * np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])


def _with_caps(profile: Profile) -> Profile:
    """The profile with rings on its flat ends, without rings that have no size."""
    inward = np.linspace(0.0, 1.0, _CAP_RINGS + 1)[1:-1]
    flat = np.ones(len(inward))
    radius = [inward * profile.radius[0], profile.radius, inward[::-1] * profile.radius[-1]]
    height = [flat * profile.height[0], profile.height, flat * profile.height[-1]]
    rings = Profile(np.concatenate(radius), np.concatenate(height))
    keep = rings.radius > 1e-4 * rings.radius.max()
    return Profile(rings.radius[keep], rings.height[keep])


def _ring_faces(count: int) -> Int[np.ndarray, "F 3"]:
    """Triangles between neighbouring rings, and fans around the two end points."""
    spoke = np.arange(_SPOKES)
    following = (spoke + 1) % _SPOKES
    ring = np.arange(count - 1)[:, None] * _SPOKES
    a, b = ring + spoke, ring + following
    bottom, top, upper = count * _SPOKES, count * _SPOKES + 1, (count - 1) * _SPOKES
    triangles = (
        (a, b, b + _SPOKES),
        (a, b + _SPOKES, a + _SPOKES),
        (following, spoke, np.full(_SPOKES, bottom)),
        (upper + spoke, upper + following, np.full(_SPOKES, top)),
    )
    return np.concatenate([np.stack(corners, axis=-1).reshape(-1, 3) for corners in triangles])


def _ring_colors(
    crop: PartCrop,
    rings: Profile,
    foot: Float[np.ndarray, "3"],
    angle: Float[np.ndarray, "R S"],
    behind: UInt8[np.ndarray, "TH TW 3"],
) -> Float[np.ndarray, "R S 3"]:
    """SRGB 0..255 of each ring's points, from the image.

    A point behind the axis takes the colour of its mirror point in front, unless the camera sees
    it (the top, from above). Rings whose sides turn away from the camera, and all rings near the
    rim where the image is squeezed and not trusted, have their angles held back to what is seen.
    A ring of which nothing is seen (the underside) takes the colours of the nearest one.
    """
    front = np.arctan2(np.sin(angle), np.cos(angle))
    mirrored = np.where(np.abs(front) > np.pi / 2, np.sign(front) * np.pi - front, front)
    azimuth = np.deg2rad(crop.azimuth_deg)
    furthest = _furthest_angle(crop, rings, foot)
    direct = _facing(crop, rings, foot, angle + azimuth) > 2.0 * _LEAST_FACING
    held = _held_back(mirrored, np.maximum(furthest, 0.0))
    chosen = np.where(direct & (np.abs(front) > np.pi / 2), front, held) + azimuth
    at, _ = cameras.project(
        crop.camera, circles(foot, rings.radius, rings.height, chosen).reshape(-1, 3)
    )
    where = (at[:, ::-1] * (crop.rgb.shape[0] / crop.camera.height_px) - 0.5).T
    # From the sides backwards the front's colours give way to those of the back.
    share = np.clip((np.abs(front) - np.pi / 2) / _SEAM, 0.0, 1.0) * ~direct
    share = share[..., None]
    colors = share * _looked_up(behind, where).reshape(*angle.shape, 3)
    colors += (1.0 - share) * _looked_up(crop.rgb, where).reshape(*angle.shape, 3)
    seen = np.flatnonzero(furthest >= 0.0)
    if not len(seen):
        return colors
    return colors[seen[np.abs(np.arange(len(colors))[:, None] - seen).argmin(axis=1)]]


def _looked_up(
    image: UInt8[np.ndarray, "TH TW 3"], where: Float[np.ndarray, "2 P"]
) -> Float[np.ndarray, "P 3"]:
    """Colours at rows and columns of pixel centres, interpolated."""
    channels = [
        ndimage.map_coordinates(image[..., k].astype(np.float64), where, order=1, mode="nearest")
        for k in range(3)
    ]
    return np.stack(channels, axis=-1)


def _furthest_angle(
    crop: PartCrop, rings: Profile, foot: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "R"]:
    """Angle from the front up to which a ring is seen and trusted, at most a quarter turn.

    -1 for a ring that turns away from the camera altogether.
    """
    tried = np.linspace(0.0, np.pi / 2, 46)
    angle = np.broadcast_to(tried + np.deg2rad(crop.azimuth_deg), (len(rings.radius), len(tried)))
    seen = np.cumprod(_facing(crop, rings, foot, angle) > _LEAST_FACING, axis=1).sum(axis=1)
    radius_px = np.maximum(rings.radius / crop.unit_per_px, 1e-9)
    trusted = np.arcsin(np.clip(1.0 - _RIM_PX / radius_px, 0.5, 1.0))
    return np.where(seen > 0, np.minimum(tried[np.maximum(seen - 1, 0)], trusted), -1.0)


def _held_back(
    angle: Float[np.ndarray, "R S"], furthest: Float[np.ndarray, "R"]
) -> Float[np.ndarray, "R S"]:
    """Angles from the front, slowed towards the sides so that a quarter turn ends at the limit."""
    limit = furthest[:, None]
    start = np.maximum(2.0 * limit - np.pi / 2, 0.0)
    share = np.clip((np.abs(angle) - start) / np.maximum(np.pi / 2 - start, 1e-9), 0.0, 1.0)
    slowed = np.where(np.abs(angle) > start, start + share * (limit - start), np.abs(angle))
    return np.sign(angle) * slowed


def _facing(
    crop: PartCrop, rings: Profile, foot: Float[np.ndarray, "3"], angle: Float[np.ndarray, "R S"]
) -> Float[np.ndarray, "R S"]:
    """Cosine between the surface's normal and the direction to the camera."""
    along_r, along_z = np.gradient(rings.radius), np.gradient(rings.height)
    length = np.maximum(np.hypot(along_r, along_z), 1e-12)
    outward, up = (along_z / length)[:, None], (-along_r / length)[:, None]
    normals = np.stack(
        [outward * np.cos(angle), outward * np.sin(angle), np.broadcast_to(up, angle.shape)], -1
    )
    points = circles(foot, rings.radius, rings.height, angle).reshape(-1, 3)
    at, _ = cameras.project(crop.camera, points)
    _, directions = cameras.pixel_rays(crop.camera, at[:, 0], at[:, 1])
    return -np.einsum("rsc,rsc->rs", normals, directions.reshape(normals.shape))


def _opaque(rgb: Float[np.ndarray, "V 3"]) -> UInt8[np.ndarray, "V 4"]:
    colors = np.full((len(rgb), 4), 255, dtype=np.uint8)
    colors[:, :3] = np.rint(np.clip(rgb, 0.0, 255.0))
    return colors
