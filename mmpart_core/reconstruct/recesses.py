"""Recesses: hollows of one colour behind a flat opening, sunk to the depth at which views agree.

A lid over an open box explains each view by itself. Two things tell that it is none, colour of its
own or not: through the same place of it the views see walls of unequal brightness; and the floor,
which has one direction and so one brightness, is where all that is seen of a plane has one colour.
So an opening is moved inward. What it passes is free as long as the views go on disagreeing, or as
far as the floor, where there is one. What only one view sees of a deeper hollow stays a guess.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from scipy.spatial import ConvexHull

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS, GridSpec
from mmpart_core.reconstruct.openings import DIFFERENT, Witnesses, find_openings
from mmpart_core.reconstruct.planes import Plane

# By hand, all; lengths in object units. Cells of an opening's plane; how far holes in it close; the
# least area of one.
_CELL, _CLOSED, _AREA = 0.0125, 0.05, 0.1
# An opening fills so much of its convex hull: one that is seen in pieces has no known rim. Ranges
# of colour hide so much of it along the rim.
_SOLID, _HIDDEN = 0.85, 0.0125
# The first shape is flat there, but for this share of a spacing.
_UNEVEN = 0.12
# Steps inward, and the last; views that disagree on this share of the points go on disagreeing.
_STEP, _DEEPEST, _MOSTLY = 0.01, 1.4, 0.5
# A floor has all but this share of what is seen of it in one colour, give or take a share of its
# brightness; the views see this share of it at least. It is looked for so much deeper than found.
_ODD, _ONE_COLOR, _DARKEST, _SEEN, _BEYOND = 0.05, 0.06, 0.012, 0.1, 0.1
# Views disagree over this share of the way to it.
_WAY = 0.2
# Matter in front of the plane within this much belongs to the lid.
_LID = 0.06
_THINNEST = 0.03  # behind a floor
# How like a face a plane is whose openings count only where they take so much of it.
_FACE_WAY, _FACE_AWAY, _FACE_SHARE = 0.98, 0.05, 0.5
Cells = Bool[np.ndarray, "A B"]


@dataclass(frozen=True)
class Recess:
    """Space behind an opening.

    Attributes:
        opening: its plane.
        rim: distance to the rim within the plane, on cells around the origin's foot; positive in
            the opening.
        depth: behind the plane, object units.
    """

    opening: Plane
    rim: Float[np.ndarray, "A A"]
    depth: float

    def inside(self, points: Float[torch.Tensor, "P 3"]) -> Float[torch.Tensor, "P"]:
        """How far points are inside; negative outside."""
        place = points.double().numpy()
        within = _cells(self.opening, place)
        rim = ndimage.map_coordinates(self.rim, within.T, order=1, mode="nearest")
        behind = self.opening.offset - place @ self.opening.normal
        inside = np.where(behind > -_LID, np.minimum(rim, self.depth - behind), -_LID)
        return torch.from_numpy(inside.astype(np.float32))


def _cells(opening: Plane, points: Float[np.ndarray, "P 3"]) -> Float[np.ndarray, "P 2"]:
    """Places of points over an opening's plane, in its cells."""
    return (points @ np.stack(opening.axes(), axis=1) + DOMAIN_RADIUS) / _CELL


def cut_recesses(
    recesses: Sequence[Recess],
    points: Float[torch.Tensor, "P 3"],
    distances: Float[torch.Tensor, "P"],
    room: float = 0.0,
) -> Float[torch.Tensor, "P"]:
    """Distances of a body at points, less recesses that are this much smaller on all sides."""
    for recess in recesses:
        distances = torch.maximum(distances, recess.inside(points) - room)
    return distances


def find_recesses(
    views: PosedViews,
    spec: GridSpec,
    sdf: Float[torch.Tensor, "X Y Z"],
    least: float,
    faces: Sequence[Plane] = (),
) -> list[Recess]:
    """Recesses of a shape.

    Args:
        views: images that agree.
        spec: the grid.
        sdf: distances of a shape that holds the part on it.
        least: shallower ones are left out, object units.
        faces: what stands on these hides some of them, and views disagree there; an opening in
            one takes most of it.
    """
    witnesses = Witnesses(views, spec, sdf.numpy())
    return [
        recess
        for opening in find_openings(witnesses)
        for recess in _recesses(witnesses, opening, _least_share(opening, faces))
        if recess.depth >= least
    ]


def _least_share(opening: Plane, faces: Sequence[Plane]) -> float:
    """Share of its plane that an opening takes at least."""
    known = any(opening.like(face, _FACE_WAY, _FACE_AWAY) for face in faces)
    return _FACE_SHARE if known else 0.0


def _recesses(witnesses: Witnesses, opening: Plane, least_share: float) -> Iterator[Recess]:
    """What lies behind the parts of an opening's plane."""
    count = round(2.0 * DOMAIN_RADIUS / _CELL) + 1
    axes = np.stack(opening.axes())
    ticks = np.stack(np.meshgrid(*[np.arange(count)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    points = opening.offset * opening.normal + (ticks * _CELL - DOMAIN_RADIUS) @ axes
    away = np.abs(witnesses.distances(points)) / witnesses.spec.spacing
    face = away < 1.0
    normals = np.broadcast_to(opening.normal, points.shape)
    seen = np.zeros((len(witnesses.cameras), len(points)), bool)
    seen[:, face] = witnesses.seen(points[face], normals[face])
    gap, views = witnesses.disagreement(points, seen)
    disagree = (face & (views > 1) & (gap > DIFFERENT)).reshape(count, count)
    for shape in _outlines(disagree, face.reshape(count, count)):
        if np.median(away[shape.ravel()]) > _UNEVEN or shape.sum() < least_share * face.sum():
            continue
        depth = _depth(witnesses, opening, points, shape, seen)
        if depth > 0.0:
            inner = np.asarray(ndimage.distance_transform_edt(shape))
            outer = np.asarray(ndimage.distance_transform_edt(~shape))
            yield Recess(opening, (inner - outer) * _CELL + _HIDDEN, depth)


def _outlines(disagree: Cells, face: Cells) -> Iterator[Cells]:
    """Openings within a plane: where views disagree, and what that encloses."""
    disagree = np.asarray(ndimage.binary_opening(disagree, np.ones((2, 2))))
    if not disagree.any():
        return
    reach = _CLOSED / _CELL
    grown = np.pad(disagree, int(reach) + 2)
    grown = np.asarray(ndimage.distance_transform_edt(~grown)) <= reach
    grown = np.asarray(ndimage.distance_transform_edt(grown)) > reach
    trim = slice(int(reach) + 2, -int(reach) - 2)
    areas, number = ndimage.label(grown[trim, trim] | disagree)  # pyright: ignore[reportGeneralTypeIssues]
    for area in range(1, number + 1):
        whole = np.asarray(ndimage.binary_fill_holes(areas == area)) & face
        smooth = np.asarray(ndimage.binary_opening(whole, np.ones((3, 3)), iterations=2))
        pieces, _ = ndimage.label(smooth)  # pyright: ignore[reportGeneralTypeIssues]
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        if sizes.max() * _CELL**2 >= _AREA:
            whole = pieces == sizes.argmax()
            hull = ConvexHull(np.argwhere(whole)).volume  # of cells' middles: a rim less
            if sizes.max() >= _SOLID * hull:
                yield whole


def _depth(
    witnesses: Witnesses,
    opening: Plane,
    points: Float[np.ndarray, "C 3"],
    shape: Cells,
    seen: Bool[np.ndarray, "V C"],
) -> float:
    """How deep an opening goes, object units; 0 where nothing is proven.

    Args:
        witnesses: the views.
        opening: its plane.
        points: of the plane's cells.
        shape: the opening's cells.
        seen: by view, cells that it sees.
    """
    cells, through = points[shape.ravel()], seen & shape.ravel()
    proven, on, floors = 0.0, True, list[tuple[float, float]]()
    for depth in np.arange(_STEP, _DEEPEST, _STEP).tolist():
        inward = cells - depth * opening.normal
        matter = witnesses.distances(inward) < -_THINNEST if depth > _THINNEST else shape[shape]
        if matter.mean() < 0.5:
            break
        sights = _through(witnesses, opening, inward, depth, through, shape.shape) & matter
        gap, views = witnesses.disagreement(inward, sights)
        told = views > 1
        share = float((gap[told] > DIFFERENT).mean()) if told.mean() > 0.05 else 0.0
        on = on and share > _MOSTLY
        proven = depth if on else proven
        if floors and depth > floors[0][0] + _BEYOND:
            break
        if sights.mean(axis=1).max() > _SEEN:
            odd = _odd(witnesses, inward, sights)
            if floors or (odd < 3.0 * _ODD and share < 0.2):
                floors.append((depth, odd))
    if not floors or min(odd for _, odd in floors) > _ODD:
        return proven
    best = min(odd for _, odd in floors)
    floor = min(depth for depth, odd in floors if odd <= best + 0.01)
    return floor if proven >= _WAY * floor else proven


def _through(
    witnesses: Witnesses,
    opening: Plane,
    points: Float[np.ndarray, "P 3"],
    depth: float,
    through: Bool[np.ndarray, "V C"],
    shape: tuple[int, ...],
) -> Bool[np.ndarray, "V P"]:
    """Which views see points behind an opening, through cells of it."""
    found = np.zeros((len(through), len(points)), bool)
    for view, eye in enumerate(witnesses.eyes):
        way = eye - points
        height = way @ opening.normal
        crossing = points + way * (depth / np.where(height > 1e-6, height, np.inf))[:, None]
        row, column = np.round(_cells(opening, crossing)).astype(int).T
        inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
        cell = np.where(inside, row * shape[1] + column, 0)
        found[view] = (height > 1e-6) & inside & through[view, cell]
    return found


def _odd(
    witnesses: Witnesses, points: Float[np.ndarray, "P 3"], sights: Bool[np.ndarray, "V P"]
) -> float:
    """Share of all sights of points that differ in colour from the usual one."""
    colors: list[np.ndarray] = []
    for view, some in enumerate(sights):
        row, column, opaque = witnesses.pixels(view, points[some])
        colors.append(witnesses.rgb[view, row[opaque], column[opaque]])
    all_colors = np.concatenate(colors)
    if len(all_colors) == 0:
        return 1.0
    usual = np.median(all_colors, axis=0)
    unlike = float(np.clip(_ONE_COLOR * usual.max(), _DARKEST, DIFFERENT))
    return float((np.abs(all_colors - usual).max(axis=1) > unlike).mean())
