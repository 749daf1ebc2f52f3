"""Sheets that two views see exactly edge-on, and therefore not at all.

A blade without thickness in a plane through two cameras, such as one that faces front and the
cameras at its sides, is no pixel wide in their masks. They deny what the other views have in
common, and the visual hull loses it. One plane through both cameras explains this: where it, cut by
the other views' masks, covers what was lost, it is drawn into the two views as the line, a pixel
wide, that they would show of a sheet with any thickness.
"""

import itertools
import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.images.silhouette import FOREGROUND
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS, VisualHull
from mmpart_core.reconstruct.view_agreement import lost_shares
from mmpart_core.records import Camera

# Set by hand, on a knife and on views that disagree for other reasons.
_CORNERS = 48  # along a side of the grid that stands for space
# With fewer views besides the two a plane explains too much.
_LEAST_OTHERS = 3
# Share of a view's foreground that all views together leave without a body, from which on a sheet
# is looked for; and the share of it, in each such view, that the sheet must cover.
_SUSPECT, _EXPLAINED = 0.08, 0.8
# Planes through two cameras that are tried, and then between two of these; sight lines of each view
# that they are compared by, and how far outside of a mask the plane may meet them.
_PLANES, _FINER, _LINES, _SLACK_PX = 180, 21, 400, 0.5
_PLACES = 768  # along a side of a plane that is drawn: less apart than the pixels of usual views
_WORD = (
    "views {} and {} show nothing of a sheet that all others show: it is taken for seen exactly "
    "edge-on, and for a pixel thick"
)


def show_edge_on(
    views: PosedViews, slack_px: float
) -> tuple[PosedViews, tuple[int, ...], tuple[str, ...]]:
    """Draw a sheet that two views see edge-on into them.

    Args:
        views: alpha is the mask; part frame.
        slack_px: by how many pixels masks are widened.

    Returns:
        The views, as they are where there is no such sheet; which of them were drawn into; a word
        on it.
    """
    count = len(views.cameras)
    if count < _LEAST_OTHERS + 2:
        return views, (), ()
    axis = torch.linspace(-DOMAIN_RADIUS, DOMAIN_RADIUS, _CORNERS)
    points = torch.cartesian_prod(axis, axis, axis)
    reach = float(axis[1] - axis[0])
    inside = torch.stack([cone <= reach for cone in VisualHull(views, slack_px).cones(points)])
    common = points[inside.all(dim=0)]
    lost = lost_shares(views, common)
    affected = lost > _SUSPECT
    if affected.sum() < _LEAST_OTHERS:
        return views, (), ()
    for pair in itertools.combinations(np.flatnonzero(~affected).tolist(), 2):
        others = [index for index in range(count) if index not in pair]
        without = lost_shares(views, points[inside[others].all(dim=0)])
        if _enough(without[affected], lost[affected]):
            sheet = _sheet(views, pair, common, lost)
            if sheet is not None:
                return _drawn(views, pair, sheet), pair, (_WORD.format(*pair),)
    return views, (), ()


def _enough(left: Float[np.ndarray, "A"], lost: Float[np.ndarray, "A"]) -> bool:
    """Whether what is left uncovered is little of what was."""
    return bool((left <= (1.0 - _EXPLAINED) * lost).all())


def _sheet(
    views: PosedViews,
    pair: tuple[int, int],
    common: Float[Tensor, "P 3"],
    lost: Float[np.ndarray, "N"],
) -> Float[Tensor, "Q 3"] | None:
    """Points of the plane through two cameras that shows what the others have lost.

    None where no plane does, or many would: through cameras in one place, or without a centre.
    """
    first, second = (views.cameras[index] for index in pair)
    if "orthographic" in (first.projection, second.projection) or _apart(first, second) < 1e-3:
        return None
    shown, lost = views.without(pair), np.delete(lost, pair)
    affected = lost > _SUSPECT
    angle = _best_angle(shown, first, second)
    points = _plane(first, second, angle, _PLACES)
    points = points[VisualHull(shown, 0.0).sdf(points) <= 0.0]
    left = lost_shares(shown, torch.cat([common, points]))
    return points if _enough(left[affected], lost[affected]) else None


def _best_angle(shown: PosedViews, first: Camera, second: Camera) -> float:
    """The plane through two cameras in which the other views' masks have most in common."""
    hull = VisualHull(shown, _SLACK_PX)
    origins, directions = _sight_lines(shown)
    angles, step = np.linspace(0.0, math.pi, _PLANES, endpoint=False), math.pi / _PLANES
    best = 0.0
    for _ in range(2):
        shares: list[float] = []
        for angle in angles:
            middle, _, _, normal = _frame(first, second, float(angle))
            slope = directions @ normal
            slope = np.where(np.abs(slope) < 1e-9, 1e-9, slope)
            points = origins + directions * (((middle - origins) @ normal) / slope)[:, None]
            shares.append(float((hull.sdf(torch.from_numpy(points).float()) <= 0.0).sum()))
        best = float(angles[int(np.argmax(shares))])
        angles = best + step * np.linspace(-1.0, 1.0, _FINER)
    return best


def _sight_lines(
    views: PosedViews,
) -> tuple[Float[np.ndarray, "R 3"], Float[np.ndarray, "R 3"]]:
    """Rays through foreground, about as many of each view."""
    origins, directions = [], []
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        rows, columns = np.nonzero(rgba[..., 3] >= FOREGROUND)
        every = max(len(rows) // _LINES, 1)
        start, direction = cameras.pixel_rays(camera, columns[::every] + 0.5, rows[::every] + 0.5)
        origins.append(start)
        directions.append(direction)
    return np.concatenate(origins), np.concatenate(directions)


def _apart(first: Camera, second: Camera) -> float:
    """Distance between two cameras' centres."""
    one, two = (transforms.to_array(each.world_from_camera)[:3, 3] for each in (first, second))
    return float(np.linalg.norm(one - two))


def _frame(
    first: Camera, second: Camera, angle: float
) -> tuple[
    Float[np.ndarray, "3"], Float[np.ndarray, "3"], Float[np.ndarray, "3"], Float[np.ndarray, "3"]
]:
    """A plane through two cameras' centres: its place nearest to 0, two axes in it, its normal.

    Args:
        first: a camera that the plane passes at every angle.
        second: the other.
        angle: by which the plane is turned about the line through both.
    """
    one, two = (transforms.to_array(each.world_from_camera)[:3, 3] for each in (first, second))
    along = (two - one) / np.linalg.norm(two - one)
    across = np.cross(along, np.eye(3)[int(np.argmin(np.abs(along)))])
    across /= np.linalg.norm(across)
    turned = across * math.cos(angle) + np.cross(along, across) * math.sin(angle)
    middle = one - along * (one @ along) - turned * (one @ turned)
    return middle, along, turned, np.cross(along, turned)


def _plane(first: Camera, second: Camera, angle: float, places: int) -> Float[Tensor, "P 3"]:
    """A square of points of such a plane, with so many along a side."""
    middle, along, turned, _ = _frame(first, second, angle)
    axis = np.linspace(-DOMAIN_RADIUS, DOMAIN_RADIUS, places)
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    points = middle + rows[..., None] * along + columns[..., None] * turned
    return torch.from_numpy(points.reshape(-1, 3)).float()


def _drawn(views: PosedViews, pair: tuple[int, int], sheet: Float[Tensor, "Q 3"]) -> PosedViews:
    """The views with a sheet in two of them, in the mean colour of the others' pixels of it."""
    places = sheet.double().numpy()
    rgba = views.rgba.copy()
    missing = np.zeros(len(places), dtype=bool)
    for index in pair:
        rows, columns, seen = _pixels(views.cameras[index], places)
        open_ground = seen & (views.rgba[index, rows, columns, 3] == 0)
        rgba[index, rows[open_ground], columns[open_ground], 3] = 255
        missing |= open_ground
    colors: list[Float[np.ndarray, "P 3"]] = []
    for index, camera in enumerate(views.cameras):
        if index not in pair:
            rows, columns, seen = _pixels(camera, places[missing])
            colors.append(views.rgba[index, rows[seen], columns[seen], :3])
    drawn = rgba[..., 3] != views.rgba[..., 3]
    if drawn.any():
        rgba[drawn, :3] = np.rint(np.concatenate(colors).mean(axis=0))
    return PosedViews(rgba, views.cameras)


def _pixels(
    camera: Camera, points: Float[np.ndarray, "P 3"]
) -> tuple[Int[np.ndarray, "P"], Int[np.ndarray, "P"], Bool[np.ndarray, "P"]]:
    """Row and column of the pixel that each point is seen in, or nearest to; whether it is seen."""
    columns, rows = np.floor(cameras.project(camera, points)[0]).astype(int).T
    inside = (columns >= 0) & (columns < camera.width_px) & (rows >= 0) & (rows < camera.height_px)
    return rows.clip(0, camera.height_px - 1), columns.clip(0, camera.width_px - 1), inside
