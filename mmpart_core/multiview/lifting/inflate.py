"""Inflation: a closed surface over any outline, holes kept, exact from the input camera."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage, sparse
from scipy.sparse import linalg

from mmpart_core.geometry import cameras
from mmpart_core.geometry.surface import TriangleMesh
from mmpart_core.multiview.lifting.crop import PartCrop
from mmpart_core.multiview.lifting.depth import Piece
from mmpart_core.multiview.lifting.outline import depth_inside
from mmpart_core.multiview.lifting.sheets import closed_sheets

Relief = Callable[[Bool[np.ndarray, "H W"]], Float[np.ndarray, "H W"]]
# Set by hand; not measured. Rays must meet the middle plane well off grazing, and a flat part must
# keep some height: its depth, seen aslant, makes up this share of its outline's height at most.
_MOST_TILT_DEG = 60.0
_MOST_DEPTH = 0.9
_BEVEL = 0.3  # width of a slab's round rim, of the radius of the largest circle inside the outline
_SMOOTHED_ROWS = 0.02  # of the grid's side: width of the Gaussian over level sections


@dataclass(frozen=True)
class Inflation:
    """An inflated part.

    Attributes:
        mesh: closed, textured; object frame, where it fits the image.
        from_behind: the faces of the back sheet.
        plane_elevation_deg: how far the middle surface is tilted back from upright.
    """

    mesh: TriangleMesh
    from_behind: Bool[np.ndarray, "F"]
    plane_elevation_deg: float


def inflate(crop: PartCrop, pieces: Sequence[Piece], relief: Relief) -> Inflation:
    """Inflate an outline evenly to both sides of a middle plane.

    Every point is moved along its own ray, so the outline stays what it was. The middle plane is
    that of an upright ellipsoid with the part's height and depth: seen from elevation e, the
    midpoints of its chords along the view lie on a plane whose normal is at elevation phi with
    tan(phi) = tan(e) (depth / height)^2. A ball gets a plane facing the camera, a tall or thin
    part an upright one, a disc on a table a level one. Over known objects this comes nearer to
    the truth than an upright plane and than one that faces the camera, for all parts alike
    (silhouette IoU 0.64, 0.58 and 0.59 over 88 parts).

    Args:
        crop: the part, taken upright, so that its frame is the object's.
        pieces: of its outline, with their depths, the deepest first.
        relief: gives the height, 0 to 1, over the outline of one piece.
    """
    rows = np.flatnonzero(crop.mask.any(axis=1))
    half_height = (rows[-1] + 1 - rows[0]) / 2.0 * crop.unit_per_px
    half_depth = pieces[0].half_depth_px
    chord, tilt = _ellipsoid_chord(half_height, half_depth * crop.unit_per_px, crop.elevation_deg)
    height = np.zeros(crop.alpha.shape)
    for piece in pieces:
        height += relief(piece.mask) * (piece.half_depth_px / half_depth)
    return inflate_about(crop, height, chord, tilt)


def inflate_about(
    crop: PartCrop,
    height: Float[np.ndarray, "H W"],
    half_depth: float,
    plane_elevation_deg: float = 0.0,
) -> Inflation:
    """Inflate an outline to both sides of a plane through the part's centre.

    Args:
        crop: the part.
        height: over the outline, of ``half_depth``.
        half_depth: along the rays, object units.
        plane_elevation_deg: how far the plane, facing the camera, is tilted back from upright.
    """
    sheets = closed_sheets(crop.alpha, height)
    points = _along_rays(crop, sheets.positions_px, sheets.side * half_depth, plane_elevation_deg)
    uv = sheets.positions_px / np.array([crop.camera.width_px, crop.camera.height_px])
    uv[:, 1] = 1.0 - uv[:, 1]
    mesh = TriangleMesh(points, sheets.faces, uv=uv, texture=crop.rgb)
    return Inflation(mesh, sheets.side[sheets.faces].min(axis=1) < 0.0, plane_elevation_deg)


def section_relief(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Height over the outline, 0 to 1, of level circular sections: one over each row's spans."""
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    rows, start = np.nonzero(np.diff(padded, axis=1) == 1)
    _, end = np.nonzero(np.diff(padded, axis=1) == -1)
    span = np.zeros((*mask.shape, 2))
    for row, first, last in zip(rows, start, end, strict=True):
        span[row, first:last] = first, last
    column = np.arange(mask.shape[1]) + 0.5
    squared = np.maximum((column - span[..., 0]) * (span[..., 1] - column), 0.0) * mask
    # Spans join and part from row to row; their depths are evened out over a few.
    blur = max(0.5, _SMOOTHED_ROWS * len(mask))
    share = np.maximum(ndimage.gaussian_filter(mask.astype(np.float64), blur), 1e-6)
    height = np.sqrt(np.maximum(ndimage.gaussian_filter(squared, blur) / share, 0.0)) * mask
    return height / max(float(height.max()), 1e-9)


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


def flat_relief(mask: Bool[np.ndarray, "H W"]) -> Float[np.ndarray, "H W"]:
    """Height over the outline, 0 to 1: flat, with quarter-round rims."""
    inscribed = depth_inside(mask)
    bevel = max(1.0, _BEVEL * float(inscribed.max()))
    return np.sqrt(1.0 - (1.0 - np.minimum(inscribed / bevel, 1.0)) ** 2)


def _ellipsoid_chord(
    half_height_seen: float, half_depth: float, elevation_deg: float
) -> tuple[float, float]:
    """Half chord along the view, and tilt in degrees of the chords' midplane (see inflate).

    A level disc of that depth would be seen ``depth * sin(elevation)`` high: the depth is held
    below what the outline's height allows.
    """
    elevation = np.deg2rad(elevation_deg)
    cos, sin = np.cos(elevation), np.sin(elevation)
    depth = min(half_depth, _MOST_DEPTH * half_height_seen / max(abs(sin), 1e-6))
    height2 = (half_height_seen**2 - (depth * sin) ** 2) / max(cos**2, 1e-6)
    chord = 1.0 / np.sqrt(cos**2 / depth**2 + sin**2 / height2)
    tilt = np.rad2deg(np.arctan2(sin * depth**2, cos * height2))
    tilt = np.clip(tilt, elevation_deg - _MOST_TILT_DEG, elevation_deg + _MOST_TILT_DEG)
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
