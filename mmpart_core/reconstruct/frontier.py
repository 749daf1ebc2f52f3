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

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import DOMAIN_RADIUS, VisualHull

# Those below are set by hand; ``benchmarks/objects.py`` scores what training makes of the start.
# Samples along each sight line through the domain, and the slack of the hull that they probe.
_SAMPLES = 128
_SLACK_PX = 0.5
# Pixels whose centre is at most this far inside an outline are on it.
_RIM_PX = 1.0
# Sight lines are settled in this order, by how many samples the hull leaves them; the last, twice
# more at the end, when all of the body is known.
_ROOM = (2, 4, 8, 16, 32, 64, _SAMPLES, _SAMPLES, _SAMPLES)
# A line is explained by a body that comes this close to it, object units.
_EXPLAINED = 0.02
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
    """Samples along the lines through the outlines' pixels, and which may be the contact."""

    points: Float[Tensor, "R S 3"]
    possible: Bool[Tensor, "R S"]


def supported_body(views: PosedViews) -> ConvexBody | None:
    """The convex hull of the points where the outlines' sight lines touch the part.

    Args:
        views: alpha is the mask.

    Returns:
        The body in the part frame, half a pixel wider than the points, as the outline runs that
        far outside the centres of its pixels; none where the points span no volume.
    """
    hull = VisualHull(views, _SLACK_PX)
    try:
        body = _settle(_sight_lines(views, hull))
    except QhullError:
        return None
    half_px = 0.5 * max(_units_per_px(views))
    return ConvexBody(body.normals, body.offsets - half_px)


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
    """Sample the sight lines of all outline pixels where they pass the domain."""
    reach = torch.linspace(-DOMAIN_RADIUS, DOMAIN_RADIUS, _SAMPLES)
    lines: list[Tensor] = []
    for camera, silhouette in zip(views.cameras, hull.silhouettes, strict=True):
        rows, columns = torch.nonzero((silhouette < 0) & (silhouette >= -_RIM_PX), as_tuple=True)
        origins, directions = (
            torch.from_numpy(array).float()
            for array in cameras.pixel_rays(
                camera, columns.double().numpy() + 0.5, rows.double().numpy() + 0.5
            )
        )
        nearest = -(origins * directions).sum(dim=1, keepdim=True)
        lines.append(origins[:, None] + directions[:, None] * (nearest + reach)[..., None])
    points = torch.cat(lines)
    distance = hull.sdf(points.reshape(-1, 3)).view(points.shape[:2])
    # Where masks disagree a line may miss the hull; its contact is where it comes closest.
    closest = distance == distance.amin(dim=1, keepdim=True)
    missed = ~(distance < 0).any(dim=1, keepdim=True)
    return _SightLines(points, (distance < 0) | (closest & missed))


def _settle(lines: _SightLines) -> ConvexBody:
    """Choose a contact on every line, the certain ones first.

    Raises:
        QhullError: the contacts span no volume.
    """
    room = lines.possible.sum(dim=1)
    order = room.sort().values
    # Enough lines to begin with, however much room the narrowest of them have.
    narrow = max(_ROOM[0], int(order[min(len(order) - 1, len(order) // 20)]))
    contacts = _middles(lines.points, lines.possible)
    body = _convex_hull(contacts[room <= narrow])
    for limit in _ROOM[1:]:
        open_lines = (room > narrow) & (room <= limit)
        contacts[open_lines] = _nearest_contacts(lines, open_lines, body)
        body = _convex_hull(contacts[room <= max(limit, narrow)])
    return body


def _nearest_contacts(
    lines: _SightLines, chosen: Bool[Tensor, "R"], body: ConvexBody
) -> Float[Tensor, "Q 3"]:
    """On each chosen line the possible contact deepest in the body or, if it is far, the middle."""
    points, possible = lines.points[chosen], lines.possible[chosen]
    depth = torch.full(possible.shape, torch.inf)
    depth[possible] = body.sdf(points[possible])
    least, index = depth.min(dim=1)
    nearest = points[torch.arange(len(points)), index]
    return torch.where(least[:, None] > _EXPLAINED, _middles(points, possible), nearest)


def _middles(points: Float[Tensor, "R S 3"], possible: Bool[Tensor, "R S"]) -> Float[Tensor, "R 3"]:
    """The mean of each line's possible contacts."""
    share = possible.float()[..., None]
    return (points * share).sum(dim=1) / share.sum(dim=1)


def _convex_hull(points: Float[Tensor, "P 3"]) -> ConvexBody:
    """The convex hull as half-spaces.

    Raises:
        QhullError: fewer than four points, or all in one plane.
    """
    if len(points) < 4:
        raise QhullError("fewer than four points")
    facets = ConvexHull(points.double().numpy()).equations.round(_PLANE_DECIMALS)
    planes = torch.from_numpy(np.unique(facets, axis=0)).float()
    return ConvexBody(planes[:, :3].contiguous(), planes[:, 3].contiguous())
