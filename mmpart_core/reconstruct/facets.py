"""Flat faces that outlines border, and what stands on them.

The convex body fills what lies between a face and anything that stands out of it, as between a box
and its handle. Where no view looks along the face no outline shows that tent to be empty, and one
colour explains it as well as the face. But a flat face has its borders in the outlines, where sight
lines touch it, and these touches lie in one plane. Beyond such a plane there is matter only where
outlines ask for it. So what a shape has there is cut away, but for the convex hulls of touches
beyond the plane, and of what else it takes for all sight lines to meet something again. A cut
counts where it is much of what lay there, where views disagree about the colours of what is gone,
as they see past it, and disagree on less in all afterwards; or on little more of what is bared, if
hardly anything stands out along the plane's border: a slanted plane through edges of several faces
has many touches, too.
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
_MET = 0.012
# Touches on a plane span this share of the shape's section with it.
_SPANNED = 0.6
# Points in neighbouring cells of this size stand on one foot; what stands is this much wider than
# they are; points closer than this in spacings are asked for by both their views.
_APART, _WIDER, _BOTH = 0.1, 0.006, 1.5
# Of all lines so many may meet nothing for one cut, and for all cuts; at a plane that costs so many
# there is no face.
_LOST, _LOST_IN_ALL, _HOPELESS = 0.003, 0.01, 0.1
# The smallest volume beyond a plane, and the least share of it that is cut.
_VOLUME, _MUCH = 0.005, 0.35
# Surface is gone that lay this much in front of what is left, and bared where matter was so deep,
# in spacings. On how much of what is gone views disagree at least, and the least area of it that
# several see.
_GONE, _DEEP, _PROOF, _TOLD = 0.5, 1.5, 0.045, 0.02
# The least area bared; on how many times as much of it they may disagree; where they then disagree
# on more in all, by how much of the plane's border something may stand out, looked at in so many
# directions. Or, where they disagree on so much of what is gone, the least area on which they agree
# from then on.
_BARED, _WORSE, _UNDER, _CLEAR, _SETTLED = 0.08, 1.6, 0.3, 0.25, 0.02
_TURN = np.arange(32) * (2.0 * np.pi / 32)
_AROUND_PLANE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
# Fewer views than this see too little of the surface twice.
_VIEWS = 5
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

    Returns:
        None where there are so few views that hardly any surface is seen by several.
    """
    if len(views.cameras) < _VIEWS:
        return []
    shape = _Shape(views, lines, spec, sdf)
    sides = [side for plane in find_planes(shape.touches) for side in (plane, plane.turned())]
    alone = [(side, shape.facet_at(side)) for side in sides]
    gains = [(shape.gain(facet), side, facet) for side, facet in alone if facet is not None]
    for _, side, first in sorted(gains, key=lambda each: -each[0]):
        facet = shape.facet_at(side) if shape.facets else first
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
        return float((self.at_odds & some).sum() / max(self.told(some), 1))

    def told(self, some: Bool[np.ndarray, "P"]) -> int:
        """How many of some corners several views see."""
        return int((self.several & some).sum())


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
        self._spec, self._sdf = spec, sdf
        self._witnesses = Witnesses(views, spec, sdf.numpy())
        self._corners = spec.positions()
        self._near = torch.nonzero((sdf < _AROUND * spec.spacing).flatten())[:, 0]
        line, place = lines.samples()
        points = lines.origins[line] + lines.directions[line] * place[:, None]
        distance = self._witnesses.distances(points)
        near = np.flatnonzero(distance < _MET)
        self._count, self._view = len(lines.origins), lines.views
        self._surface = self._told(sdf)
        self.touches = self._certain(lines, line[near], place[near])
        near = near[_every_second(line[near])]
        self._line, self._points = line[near], torch.from_numpy(points[near]).float()
        self._distance = torch.from_numpy(distance[near]).float()
        self._met = self._meeting()

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
            if cut < _MUCH or cut * volume < _VOLUME:
                return None
            gone_before = self._met - self._meeting()
            if lost <= _LOST * self._count and lost + gone_before <= _LOST_IN_ALL * self._count:
                return facet
        return None

    def _meeting(self) -> int:
        """How many lines meet the shape."""
        return len(np.unique(self._line[(self._distance < _MET).numpy()]))

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
        settled = (int(old.at_odds.sum()) - int(new.at_odds.sum())) * spacing**2
        a_face = bared.sum() * spacing**2 > _BARED and after < _WORSE * before
        a_face = a_face and (settled > 0.0 or self._under(facet.plane) < _UNDER)
        clear = before > _CLEAR and settled > _SETTLED
        if before < _PROOF or old.told(gone) * spacing**2 < _TOLD or not (a_face or clear):
            return
        self.facets.append(facet)
        self._sdf, self._surface = cut, new
        self._distance = self._distance.maximum(facet.sdf(self._points))

    def _under(self, plane: Plane) -> float:
        """Share of the border of the section with a plane by which touches stand out of it."""
        axes = np.stack(plane.axes(), axis=1)
        inside = self._corners[(self._sdf < 0.0).reshape(-1)].double().numpy()
        section = inside[np.abs(plane.heights(inside)) < self._spec.spacing] @ axes
        above = self.touches[plane.heights(self.touches) > _BEYOND] @ axes
        if len(section) == 0 or len(above) == 0:
            return 0.0
        border = section[(section @ _AROUND_PLANE.T).argmax(axis=0)]
        length = np.linalg.norm(np.roll(border, -1, 0) - np.roll(border, 1, 0), axis=1)
        close = KDTree(above).query(border)[0] < _APART
        return float(length[close].sum() / max(length.sum(), 1e-9))

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
        witnesses = self._witnesses.of(sdf.numpy())
        place, points, normals = witnesses.surface()
        return _Surface(place, *witnesses.at_odds(points, normals))


def _every_second(line: Int[np.ndarray, "S"]) -> Int[np.ndarray, "R"]:
    """Samples of lines, given in order: each line's first, third and so on."""
    first = np.searchsorted(line, line)
    return np.flatnonzero((np.arange(len(line)) - first) % 2 == 0)


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
