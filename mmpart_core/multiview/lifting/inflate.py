"""Inflation: a closed surface over any outline, holes kept, exact from the input camera."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import sparse
from scipy.sparse import linalg

from mmpart_core.geometry import cameras
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.lifting.crop import PartCrop
from mmpart_core.multiview.lifting.outline import depth_inside
from mmpart_core.multiview.lifting.sheets import closed_sheets

_MOST_TILT_DEG = 45.0
_BEVEL = 0.3


@dataclass(frozen=True)
class Inflation:
    """An inflated part.

    Attributes:
        mesh: closed, textured; object frame, where it fits the image.
        half_depth: half its depth where it is deepest, object units.
        plane_elevation_deg: how far the middle surface is tilted back from upright.
    """

    mesh: TriangleMesh
    half_depth: float
    plane_elevation_deg: float


def inflate(crop: PartCrop, thickness: float, flat: bool) -> Inflation:
    """Inflate an outline evenly to both sides of a middle plane.

    Every point is moved along its own ray, so the outline stays what it was. The middle plane is
    that of an upright ellipsoid with the part's height and depth: seen from elevation e, the
    midpoints of its chords along the view lie on a plane whose normal is at elevation phi with
    tan(phi) = tan(e) (depth / height)^2. A ball gets a plane facing the camera, a tall or thin
    part an upright one.

    Args:
        crop: the part.
        thickness: depth over width, where the part is widest.
        flat: give it a flat front and back with rounded rims, instead of a balloon's.
    """
    mask = crop.mask
    inscribed = depth_inside(mask)
    half_depth = thickness * float(inscribed.max()) * crop.unit_per_px
    rows = np.flatnonzero(mask.any(axis=1))
    half_height = (rows[-1] + 1 - rows[0]) / 2.0 * crop.unit_per_px
    chord, tilt = _ellipsoid_chord(half_height, half_depth, crop.elevation_deg)
    relief = flat_relief(inscribed) if flat else round_relief(mask)
    sheets = closed_sheets(crop.alpha, relief)
    points = _along_rays(crop, sheets.positions_px, sheets.side * chord, tilt)
    uv = sheets.positions_px / np.array([crop.camera.width_px, crop.camera.height_px])
    uv[:, 1] = 1.0 - uv[:, 1]
    mesh = TriangleMesh(points, sheets.faces, uv=uv, texture=crop.rgb)
    return Inflation(mesh, half_depth, tilt)


def round_relief(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Height over the outline, 0 to 1: the root of the solution of Poisson's equation.

    With ``laplacian(u) = -1`` inside and 0 outside, ``sqrt(u)`` is a half sphere over a disc and
    a half cylinder over a strip: round at the rim, smooth inside.
    """
    inside = np.flatnonzero(mask.ravel())
    number = np.full(mask.size, -1, dtype=np.int64)
    number[inside] = np.arange(len(inside))
    width = mask.shape[1]
    links = [number[inside + step] for step in (1, -1, width, -width)]
    row = np.concatenate([np.flatnonzero(link >= 0) for link in links])
    column = np.concatenate([link[link >= 0] for link in links])
    neighbours = sparse.csc_matrix(
        (np.ones(len(row)), (row, column)), shape=(len(inside), len(inside))
    )
    system = sparse.csc_matrix(sparse.identity(len(inside)) * 4.0 - neighbours)
    height = np.zeros(mask.size)
    solution = linalg.splu(system, permc_spec="MMD_AT_PLUS_A").solve(np.ones(len(inside)))
    height[inside] = np.sqrt(np.maximum(solution, 0.0))
    return (height / height.max()).reshape(mask.shape)


def flat_relief(inscribed: Float[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Height over the outline, 0 to 1: flat, with quarter-round rims.

    Args:
        inscribed: distance of each pixel to the outside.
    """
    bevel = max(1.0, _BEVEL * float(inscribed.max()))
    return np.sqrt(1.0 - (1.0 - np.minimum(inscribed / bevel, 1.0)) ** 2)


def _ellipsoid_chord(
    half_height_seen: float, half_depth: float, elevation_deg: float
) -> tuple[float, float]:
    """Half chord along the view, and tilt in degrees of the chords' midplane (see inflate)."""
    elevation = np.deg2rad(elevation_deg)
    cos, sin = np.cos(elevation), np.sin(elevation)
    depth = min(half_depth, half_height_seen)
    height2 = max((half_height_seen**2 - (depth * sin) ** 2) / max(cos**2, 1e-6), depth**2)
    tilt = np.rad2deg(np.arctan2(sin * depth**2, cos * height2))
    tilt = np.clip(tilt, elevation_deg - _MOST_TILT_DEG, elevation_deg + _MOST_TILT_DEG)
    chord = 1.0 / np.sqrt(cos**2 / half_depth**2 + sin**2 / max(height2, half_depth**2))
    return float(chord), float(tilt)


def _along_rays(
    crop: PartCrop,
    positions_px: Float[np.ndarray, "V 2"],
    offset: Float[np.ndarray, "V"],
    tilt_deg: float,
) -> Float[np.ndarray, "V 3"]:
    """Points on pixels' rays, an offset towards the camera from the tilted midplane."""
    azimuth, tilt = np.deg2rad(crop.azimuth_deg), np.deg2rad(tilt_deg)
    normal = np.array(
        [np.cos(tilt) * np.cos(azimuth), np.cos(tilt) * np.sin(azimuth), np.sin(tilt)]
    )
    origins, directions = cameras.pixel_rays(crop.camera, positions_px[:, 0], positions_px[:, 1])
    along = ((crop.center - origins) @ normal) / (directions @ normal)
    return origins + (along - offset)[:, None] * directions
