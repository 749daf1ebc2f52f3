"""Flat faces that outlines border, and what stands on them.

The convex body fills what lies between a face and anything that stands out of it, as between a box
and its handle. Where no view looks along the face no outline shows that tent to be empty, and one
colour explains it as well as the face. But a flat face has its borders in the outlines, where sight
lines touch it, and these touches lie in one plane. Beyond such a plane there is matter only where
outlines ask for it. So what a shape has there is cut away, but for the convex hulls of touches
beyond the plane, and of what else it takes for all sight lines to meet something again. A cut
counts where it is most of what lay there, where views disagree about the colours of what is gone,
as they see past it, and where they disagree little more about what is bared, or on less in all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from scipy.spatial import KDTree, QhullError

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.convex_body import ConvexBody, convex_hull
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.openings import Witnesses
from mmpart_core.reconstruct.planes import Plane, covered_area, find_planes, in_plane
from mmpart_core.reconstruct.sight_lines import SAMPLE_STEP, SightLines

# By hand, all; lengths in object units. A facet is this much in front of the plane of its touches,
# and touches are beyond it from there on.
_FRONT, _BEYOND = 0.003, 0.02
# Samples of a line from the first to the last within the shape, where it is known what it touches;
# touches in one cell of this size are one.
_CERTAIN, _CELL = 12, 0.035
# A sight line meets a shape that comes this near to one of its samples, of which each second is
# looked at: the others are nearer to these than that.
_MET, _EACH = 0.012, 2
# Touches on a plane span this share of the shape's section with it.
_SPANNED = 0.6
# Points in neighbouring cells of this size stand on one foot; what stands is this much wider than
# they are; points closer than this in spacings are asked for by both their views.
_APART, _WIDER, _BOTH = 0.1, 0.006, 1.5
# Of all lines so many may meet nothing after a cut; at a plane that costs so many there is no face.
_LOST, _HOPELESS = 0.003, 0.1
# The smallest volume beyond a plane, and the least share of it that is cut.
_VOLUME, _MOST = 0.005, 0.35
# Surface is gone that lay this much in front of what is left, and bared where matter was so deep,
# in spacings. On how much of what is gone views disagree at least. The least area bared, and on how
# many times as much of it they may disagree; or, where they disagree on so much of what is gone,
# the least area on which they agree from then on.
_GONE, _DEEP, _PROOF, _BARED, _WORSE, _CLEAR, _SETTLED = 0.5, 1.5, 0.045, 0.08, 1.6, 0.25, 0.02
# What stands is looked for so often; places at most that are asked how much is cut.
_TRIES, _PROBES = 4, 2000
_AROUND = 2.0  # a cut is worked out to so far around the shape, in spacings
Points = Float[np.ndarray, "P 3"]


@dataclass(frozen=True)
class Facet:
    """A plane in front of which there is nothing but what stands on it.

    Attributes:
        plane: its normal points outward.
        standing: bodies that reach from behind the plane outward.
    """

    plane: Plane
    standing: tuple[ConvexBody, ...]

    def sdf(self, points: Float[torch.Tensor, "P 3"]) -> Float[torch.Tensor, "P"]:
        """Distance to what it leaves, a lower bound."""
        distance = points @ torch.from_numpy(self.plane.normal).float() - self.plane.offset
        front = torch.nonzero(distance > 0.0)[:, 0]
        for body in self.standing:
            distance[front] = distance[front].minimum(body.sdf(points[front]))
        return distance


def cut_facets(
    facets: Sequence[Facet],
    points: Float[torch.Tensor, "P 3"],
    distances: Float[torch.Tensor, "P"],
) -> Float[torch.Tensor, "P"]:
    """Distances of a body at points, less what is in front of facets."""
    for facet in facets:
        distances = torch.maximum(distances, facet.sdf(points))
    return distances


def find_facets(
    views: PosedViews, lines: SightLines, spec: GridSpec, sdf: Float[torch.Tensor, "X Y Z"]
) -> list[Facet]:
    """The facets of a shape, those first that leave views with least to disagree about.

    Args:
        views: images that agree.
        lines: through their outlines.
        spec: the grid.
        sdf: distances of a shape that holds the part on it.
    """
    shape = _Shape(views, lines, spec, sdf)
    sides = [side for plane in find_planes(shape.touches) for side in (plane, plane.turned())]
    alone = [(side, shape.facet_at(side)) for side in sides]
    gains = [(shape.gain(facet), side) for side, facet in alone if facet is not None]
    for _, side in sorted(gains, key=lambda each: -each[0]):
        facet = shape.facet_at(side)
        if facet is not None:
            shape.cut_by(facet)
    return shape.facets


@dataclass(frozen=True)
class _Surface:
    """What views say of a shape's surface.

    Attributes:
        place: corners just inside it.
        at_odds: those about which views disagree.
        several: those that several views see.
    """

    place: Bool[np.ndarray, "X Y Z"]
    at_odds: Bool[np.ndarray, "P"]
    several: Bool[np.ndarray, "P"]

    def odds(self, some: Bool[np.ndarray, "P"]) -> float:
        """Share of some corners, of those that several views see, about which they disagree."""
        return float((self.at_odds & some).sum() / max((self.several & some).sum(), 1))


class _Shape:
    """A shape that is cut by one facet after the other.

    Attributes:
        facets: what has cut it.
        touches: points where sight lines touch it, as far as that is known.
    """

    def __init__(
        self,
        views: PosedViews,
        lines: SightLines,
        spec: GridSpec,
        sdf: Float[torch.Tensor, "X Y Z"],
    ) -> None:
        """Sample the lines within the shape.

        Args:
            views: images that agree.
            lines: through their outlines.
            spec: the grid.
            sdf: distances of the shape on it.
        """
        self.facets: list[Facet] = []
        self._views, self._spec, self._sdf = views, spec, sdf
        self._corners = spec.positions()
        self._near = torch.nonzero((sdf < _AROUND * spec.spacing).flatten())[:, 0]
        line, place = lines.samples()
        points = lines.origins[line] + lines.directions[line] * place[:, None]
        distance = Witnesses(views, spec, sdf.numpy()).distances(points)
        near = np.flatnonzero(distance < _MET)
        self._count, self._view = len(lines.origins), lines.views
        self.touches = self._certain(lines, line[near], place[near])
        near = near[::_EACH]
        self._line, self._points = line[near], torch.from_numpy(points[near]).float()
        self._distance = torch.from_numpy(distance[near]).float()
        self._surface = self._told(sdf)

    @staticmethod
    def _certain(
        lines: SightLines, line: Int[np.ndarray, "S"], place: Float[np.ndarray, "S"]
    ) -> Points:
        """Middles of lines that have little room, by samples in the shape."""
        known, first, count = np.unique(line, return_index=True, return_counts=True)
        last = first + count - 1
        sure = (place[last] - place[first]) / SAMPLE_STEP < _CERTAIN - 0.5
        middle = np.add.reduceat(place, first)[sure] / count[sure]
        points = lines.origins[known[sure]] + lines.directions[known[sure]] * middle[:, None]
        return points[np.unique(np.floor(points / _CELL), axis=0, return_index=True)[1]]

    def facet_at(self, plane: Plane) -> Facet | None:
        """The facet that a plane is, if most of what is in front of it can go."""
        front = Plane(plane.normal, plane.offset + _FRONT)
        inside = self._corners[(self._sdf < 0.0).reshape(-1)]
        heights = torch.from_numpy(front.heights(inside.double().numpy()))
        outer, section = inside[heights > 0.0], inside[heights.abs() < self._spec.spacing]
        volume = len(outer) * self._spec.spacing**3
        spanned = covered_area(plane, in_plane(self.touches, plane))
        if volume < _VOLUME or spanned < _SPANNED * covered_area(plane, section.double().numpy()):
            return None
        probes = outer[:: len(outer) // _PROBES + 1]
        for facet, lost in self._standing(front):
            cut = float((facet.sdf(probes) > 0.0).float().mean())
            if cut < _MOST or cut * volume < _VOLUME:
                return None
            if lost <= _LOST * self._count:
                return facet
        return None

    def gain(self, facet: Facet) -> int:
        """At how many corners fewer views disagree when a facet cuts."""
        new = self._told(self._cut(facet))
        return int(self._surface.at_odds.sum()) - int(new.at_odds.sum())

    def cut_by(self, facet: Facet) -> None:
        """Cut, if views speak for it."""
        cut, spacing = self._cut(facet), self._spec.spacing
        old, new = self._surface, self._told(cut)
        gone = cut.numpy()[old.place] > _GONE * spacing
        bared = self._sdf.numpy()[new.place] < -_DEEP * spacing
        before, after = old.odds(gone), new.odds(bared)
        a_face = bared.sum() * spacing**2 > _BARED and after < _WORSE * before
        settled = int(old.at_odds.sum()) - int(new.at_odds.sum())
        clear = before > _CLEAR and settled * spacing**2 > _SETTLED
        if before < _PROOF or not (a_face or clear):
            return
        self.facets.append(facet)
        self._sdf, self._surface = cut, new
        self._distance = self._distance.maximum(facet.sdf(self._points))

    def _cut(self, facet: Facet) -> Float[torch.Tensor, "X Y Z"]:
        """Distances when a facet cuts, in and around the shape; a lower bound elsewhere."""
        cut = self._sdf.flatten().clone()
        cut[self._near] = cut[self._near].maximum(facet.sdf(self._corners[self._near]))
        return cut.view(self._sdf.shape)

    def _standing(self, plane: Plane) -> Iterator[tuple[Facet, int]]:
        """A plane with more and more standing on it, and how many lines that leaves without."""
        heights = plane.heights(self._points.double().numpy())
        meets = (self._distance < _MET).numpy()
        lost = np.zeros(self._count, bool)
        lost[self._line[meets]] = True
        lost[self._line[meets & (heights < _MET)]] = False
        front = np.flatnonzero(meets & lost[self._line])
        line, points = self._line[front], self._points[torch.from_numpy(front)]
        asked = self.touches[plane.heights(self.touches) > _BEYOND - _FRONT]
        for attempt in range(_TRIES):
            facet = Facet(plane, _bodies(asked, plane))
            # Bodies only grow: what met them meets them.
            met = (facet.sdf(points) < _MET).numpy()
            lost[line[met]] = False
            yield facet, int(lost.sum())
            wanted = lost[line]
            if lost.sum() > _HOPELESS * self._count or not wanted.any():
                return
            line, points = line[wanted], points[torch.from_numpy(wanted)]
            some = points.double().numpy()
            both = _asked_by_two(some, self._view[line], self._spec.spacing)
            asked = np.concatenate([asked, some[both] if attempt == 0 and both.any() else some])

    def _told(self, sdf: Float[torch.Tensor, "X Y Z"]) -> _Surface:
        """What views say of the surface of a shape."""
        witnesses = Witnesses(self._views, self._spec, sdf.numpy())
        place, points, normals = witnesses.surface()
        return _Surface(place, *witnesses.at_odds(points, normals))


def _asked_by_two(
    points: Points, views: Int[np.ndarray, "P"], spacing: float
) -> Bool[np.ndarray, "P"]:
    """Which points lie close to some of another view."""
    both, close = np.zeros(len(points), bool), _BOTH * spacing
    for view in np.unique(views):
        own = views == view
        if not own.all():
            nearest = KDTree(points[~own]).query(points[own], distance_upper_bound=close)[0]
            both[own] = nearest < close
    return both


def _bodies(points: Points, plane: Plane) -> tuple[ConvexBody, ...]:
    """Convex hulls of groups of points, each down to a plane."""
    if len(points) == 0:
        return ()
    cells = np.floor(points / _APART).astype(int)
    cells -= cells.min(axis=0)
    taken = np.zeros(cells.max(axis=0) + 1, bool)
    taken[tuple(cells.T)] = True
    groups, _ = ndimage.label(taken, np.ones((3, 3, 3)))  # pyright: ignore[reportGeneralTypeIssues]
    group = groups[tuple(cells.T)]
    return tuple(_standing_body(points[group == index], plane) for index in np.unique(group))


def _standing_body(points: Points, plane: Plane) -> ConvexBody:
    """The convex hull of points down to a plane, a little wider."""
    feet = points - np.outer(plane.heights(points) + 2.0 * _WIDER, plane.normal)
    points = np.concatenate([points, feet])
    try:
        body = convex_hull(points)
        return ConvexBody(body.normals, body.offsets - _WIDER)
    except QhullError:  # all in one plane
        around = _WIDER * np.concatenate([np.eye(3), -np.eye(3)])
        return convex_hull((points[:, None] + around).reshape(-1, 3))
