"""The convex body that the outlines ask for: the visual hull without its phantom corners.

Six cones leave room in front of every flat face: a slab that no view meets edge-on becomes a
lozenge. Nothing supports that room. What the outlines do prove is that the sight line through each
of their pixels grazes the part somewhere (its frontier). Where the hull leaves such a line little
room the point of contact is known. Where it leaves much, a line that the known contacts explain
asks for no more; one that they do not touches in the middle of its room, as on a round body. The
convex hull of these points, cut by the visual hull, has flat faces where nothing speaks against
them; inside it the visual hull keeps its own concavities. It is where training starts, no limit:
what lies outside it, such as a blunt tip between the outlines of all views, can grow back.

Frontier points: Cipolla and Giblin, "Visual Motion of Curves and Surfaces", 2000.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS, VisualHull
from mmpart_core.reconstruct.kernels import sight

# Those below are set by hand; ``benchmarks/objects.py`` scores what training makes of the start.
# Samples along each sight line through the domain, and the slack of the hull that they probe.
_SAMPLES = 256
_SLACK_PX = 0.5
# Pixels whose centre is at most this far inside an outline are on it.
_RIM_PX = 1.0
# Sight lines are settled in this order, by how much room the hull leaves them, in steps between
# samples; the last, twice more at the end, when all of the body is known.
_ROOM = (4.0, 8.0, 16.0, 32.0, 64.0, 128.0, math.inf, math.inf, math.inf)
# A line is explained by a body that comes this close to it, object units.
_EXPLAINED = 0.03
# A line that the body holds deeper than this does not graze it: the outline is concave there.
_GRAZING_PX = 2.5
# Of the grazing lines so many may lose touch where the body is fitted to them.
_LOOSE_SHARE = 0.25
# Facets whose planes agree to so many decimals are one: fewer to measure against.
_PLANE_DECIMALS = 3
_CHUNK = 1 << 14  # points measured at once: bounds memory, no more


@dataclass(frozen=True)
class ConvexBody:
    """An intersection of half-spaces.

    Attributes:
        normals: unit length, outward.
        offsets: a point is inside where ``normals @ point + offsets`` is negative throughout.
    """

    normals: Float[Tensor, "F 3"]
    offsets: Float[Tensor, "F"]

    def sdf(self, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
        """Distance to the farthest half-space: exact inside, a lower bound outside."""
        return torch.cat(
            [(some @ self.normals.T + self.offsets).amax(dim=1) for some in points.split(_CHUNK)]
        )


@dataclass(frozen=True)
class _SightLines:
    """The lines through the outlines' pixels, and the stretches of each that may be the contact.

    Attributes:
        origins: (R, 3) float64, where each line comes closest to the part frame's origin.
        directions: (R, 3) unit length.
        bounds: (R + 1,) int64; line r has the stretches from ``bounds[r]`` to ``bounds[r + 1]``.
        lows: (I,) where stretches begin, distance along the line.
        highs: (I,) where they end.
        inside: (R,) how far each line runs inside its outline, object units.
    """

    origins: Float[np.ndarray, "R 3"]
    directions: Float[np.ndarray, "R 3"]
    bounds: Int[np.ndarray, "R+1"]
    lows: Float[np.ndarray, "I"]
    highs: Float[np.ndarray, "I"]
    inside: Float[np.ndarray, "R"]

    def room(self) -> Float[np.ndarray, "R"]:
        """Length of each line's stretches together."""
        return np.add.reduceat(self.highs - self.lows, self.bounds[:-1])

    def middles(self) -> Float[np.ndarray, "R"]:
        """Mean place of each line's stretches."""
        weight = self.highs - self.lows + 1e-9
        place = np.add.reduceat(weight * (self.highs + self.lows) / 2.0, self.bounds[:-1])
        return place / np.add.reduceat(weight, self.bounds[:-1])

    def deepest(self, body: ConvexBody) -> tuple[Float[np.ndarray, "R"], Float[np.ndarray, "R"]]:
        """Place of each line that is deepest in a body, and its signed distance."""
        places, depths = np.zeros(len(self.origins)), np.zeros(len(self.origins))
        sight.deepest(
            self.origins, self.directions, self.bounds, self.lows, self.highs,
            body.normals.double().numpy(), body.offsets.double().numpy(), places, depths,
        )  # fmt: skip
        return places, depths

    def points(self, places: Float[np.ndarray, "R"]) -> Float[np.ndarray, "R 3"]:
        """Points of the lines."""
        return self.origins + self.directions * places[:, None]


def supported_body(views: PosedViews) -> ConvexBody | None:
    """The convex hull of the points where the outlines' sight lines touch the part.

    A convex hull of points that are off by a little to all sides is too wide by about as much. It
    is drawn in until the lines that graze it run as deep in it as inside their outlines.

    Args:
        views: alpha is the mask.

    Returns:
        The body in the part frame; none where the points span no volume.
    """
    lines = _sight_lines(views, VisualHull(views, _SLACK_PX))
    try:
        body = _settle(lines)
    except QhullError:
        return None
    excess = lines.inside + lines.deepest(body)[1]
    grazing = excess[excess > -_GRAZING_PX * max(_units_per_px(views))]
    if len(grazing) == 0:
        return body
    return ConvexBody(body.normals, body.offsets - float(np.quantile(grazing, 1.0 - _LOOSE_SHARE)))


def _units_per_px(views: PosedViews) -> list[float]:
    """Size of a pixel of each view at the origin, object units."""
    return [
        (1.0 if camera.projection == "orthographic" else _distance(camera.world_from_camera))
        / camera.focal_px
        for camera in views.cameras
    ]


def _distance(world_from_camera: tuple[tuple[float, ...], ...]) -> float:
    """From the camera to the origin."""
    return float(np.linalg.norm([row[3] for row in world_from_camera[:3]]))


def _sight_lines(views: PosedViews, hull: VisualHull) -> _SightLines:
    """The sight lines of all outline pixels, and where they pass the hull."""
    origins, directions, inside = [], [], []
    for camera, silhouette, size in zip(
        views.cameras, hull.silhouettes, _units_per_px(views), strict=True
    ):
        rows, columns = torch.nonzero((silhouette < 0) & (silhouette >= -_RIM_PX), as_tuple=True)
        start, direction = cameras.pixel_rays(
            camera, columns.double().numpy() + 0.5, rows.double().numpy() + 0.5
        )
        nearest = -(start * direction).sum(axis=1, keepdims=True)
        origins.append(start + direction * nearest)
        directions.append(direction)
        inside.append(-silhouette[rows, columns].double().numpy() * size)
    origin, direction = np.concatenate(origins), np.concatenate(directions)
    places = np.linspace(-DOMAIN_RADIUS, DOMAIN_RADIUS, _SAMPLES)
    points = origin[:, None] + direction[:, None] * places[:, None]
    distance = hull.sdf(torch.from_numpy(points.reshape(-1, 3)).float())
    line, low, high = _stretches(distance.view(points.shape[:2]).double().numpy(), places)
    bounds = np.searchsorted(line, np.arange(len(origin) + 1))
    return _SightLines(origin, direction, bounds, low, high, np.concatenate(inside))


def _stretches(
    distance: Float[np.ndarray, "R S"], places: Float[np.ndarray, "S"]
) -> tuple[Int[np.ndarray, "I"], Float[np.ndarray, "I"], Float[np.ndarray, "I"]]:
    """Where sampled distances are negative, with ends where they cross zero between samples.

    A line that is nowhere inside, where masks disagree, has the place where it comes closest.

    Returns:
        The line of each stretch, ascending; its beginning; its end.
    """
    missed = ~(distance < 0.0).any(axis=1)
    distance = distance.copy()
    distance[missed, distance[missed].argmin(axis=1)] = -1e-6
    padded = np.pad(distance, ((0, 0), (1, 1)), constant_values=1.0)
    step = places[1] - places[0]
    inside = padded < 0.0
    line, first = np.nonzero(inside[:, 1:] & ~inside[:, :-1])
    _, last = np.nonzero(inside[:, :-1] & ~inside[:, 1:])
    before, begun = padded[line, first], padded[line, first + 1]
    ended, after = padded[line, last], padded[line, last + 1]
    low = places[first] - step * begun / (begun - before)
    high = places[last - 1] + step * ended / (ended - after)
    return line, low, high


def _settle(lines: _SightLines) -> ConvexBody:
    """Choose a contact on every line, the certain ones first.

    Raises:
        QhullError: the contacts span no volume.
    """
    room = lines.room() * ((_SAMPLES - 1) / (2.0 * DOMAIN_RADIUS))
    # Enough lines to begin with, however much room the narrowest of them have.
    narrow = max(_ROOM[0], float(np.quantile(room, 0.05, method="higher")))
    middles = lines.middles()
    contacts = middles.copy()
    body = _convex_hull(lines.points(contacts)[room <= narrow])
    for limit in _ROOM[1:]:
        places, depths = lines.deepest(body)
        open_lines = (room > narrow) & (room <= limit)
        chosen = np.where(depths > _EXPLAINED, middles, places)
        contacts[open_lines] = chosen[open_lines]
        body = _convex_hull(lines.points(contacts)[room <= max(limit, narrow)])
    return body


def _convex_hull(points: Float[np.ndarray, "P 3"]) -> ConvexBody:
    """The convex hull as half-spaces.

    Raises:
        QhullError: fewer than four points, or all in one plane.
    """
    if len(points) < 4:
        raise QhullError("fewer than four points")
    facets = ConvexHull(points).equations.round(_PLANE_DECIMALS)
    planes = torch.from_numpy(np.unique(facets, axis=0)).float()
    return ConvexBody(planes[:, :3].contiguous(), planes[:, 3].contiguous())
