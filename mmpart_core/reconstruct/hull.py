"""The visual hull of posed masks as a signed distance: the body that training may not leave.

Training starts from it too, cut by the convex body that the outlines ask for (``frontier``) unless
the settings say ``start=hull``.

Each view gives a signed distance to its silhouette in pixels, sub-pixel at the rim. Scaled to
object units at a point's depth and reduced to the maximum over the views it is the signed distance
of the intersection of the viewing cones (exact in sign, a lower bound in size outside).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.errors import BackendError
from mmpart_core.geometry import transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.records import Camera

# The part frame promises the unit sphere; the rest allows for generated views that overshoot.
DOMAIN_RADIUS = 1.1
_PROBE_RESOLUTION = 48  # corners along a side of the grids that look for the hull's extent
_CHUNK = 1 << 17  # points measured at once: bounds memory, no more


@dataclass(frozen=True)
class GridSpec:
    """A regular grid of corners.

    Attributes:
        origin: position of corner (0, 0, 0), part frame.
        spacing: distance between neighbours on every axis, object units.
        shape: corners along x, y, z.
    """

    origin: tuple[float, float, float]
    spacing: float
    shape: tuple[int, int, int]

    def positions(self) -> Float[Tensor, "P 3"]:
        """All corners, z fastest, float32."""
        axes = [
            start + self.spacing * torch.arange(count, dtype=torch.float32)
            for start, count in zip(self.origin, self.shape, strict=True)
        ]
        return torch.cartesian_prod(*axes)


class VisualHull:
    """Signed distance to the intersection of the viewing cones of posed masks."""

    def __init__(self, views: PosedViews, slack_px: float) -> None:
        """Prepare the silhouettes.

        Args:
            views: alpha is the mask.
            slack_px: by how many pixels every silhouette is widened.
        """
        self.cameras = views.cameras
        self.slack_px = slack_px
        self.silhouettes = list(torch.from_numpy(views.silhouettes))

    def sdf(self, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
        """Signed distance at points of the part frame, in object units."""
        return torch.cat([self._sdf_chunk(chunk) for chunk in points.split(_CHUNK)])

    def grid(self, spec: GridSpec) -> Float[Tensor, "X Y Z"]:
        """Signed distance at the corners of a grid."""
        return self.sdf(spec.positions()).view(spec.shape)

    @cached_property
    def box(self) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
        """Least and greatest coordinates of the hull, a little wider.

        Raises:
            BackendError: the hull is empty.
        """
        reach = DOMAIN_RADIUS + 0.05
        low, high = np.full(3, -reach), np.full(3, reach)
        # Twice: the second probe, within the first one's box, sees thinner things, fits closer.
        for _ in range(2):
            low, high = _occupied_box(self, _spec_over(low, high, _PROBE_RESOLUTION))
        return low, high

    def cones(self, points: Float[Tensor, "P 3"]) -> list[Float[Tensor, "P"]]:
        """Signed distance to each view's cone, in object units at the points' depth."""
        return [
            _cone_distance(camera, silhouette, points, self.slack_px)
            for camera, silhouette in zip(self.cameras, self.silhouettes, strict=True)
        ]

    def _sdf_chunk(self, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
        distance = points.norm(dim=-1) - DOMAIN_RADIUS
        for cone in self.cones(points):
            distance = torch.maximum(distance, cone)
        return distance


def _cone_distance(
    camera: Camera,
    silhouette: Float[Tensor, "H W"],
    points: Float[Tensor, "P 3"],
    slack_px: float,
) -> Float[Tensor, "P"]:
    """Signed distance of points to one view's cone, in object units at their depth.

    Outside the frame the nearest pixel answers, plus the way to it where it is background; where
    the part is cut by the frame the view says nothing about what lies beyond.
    """
    pose = torch.from_numpy(transforms.to_array(camera.world_from_camera)).float()
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    depth = -local[:, 2]
    behind = depth <= 1e-6
    if camera.projection == "orthographic":
        units_per_px = torch.full_like(depth, 1.0 / camera.focal_px)
        behind = torch.zeros_like(behind)
    else:
        units_per_px = depth.clamp(min=1e-6) / camera.focal_px
    height, width = silhouette.shape
    column = camera.principal_px[0] + local[:, 0] / units_per_px
    row = camera.principal_px[1] - local[:, 1] / units_per_px
    # align_corners=False: -1 and 1 are the outer edges of the image.
    position = torch.stack([2.0 * column / width - 1.0, 2.0 * row / height - 1.0], dim=-1)
    sampled = torch.nn.functional.grid_sample(
        silhouette[None, None], position[None, None], padding_mode="border", align_corners=False
    )[0, 0, 0]
    beyond = torch.hypot(
        column - column.clamp(0.5, width - 0.5), row - row.clamp(0.5, height - 0.5)
    )
    sampled = torch.where(sampled > 0, sampled + beyond, sampled)
    distance = (sampled - slack_px) * units_per_px
    return torch.where(behind, torch.full_like(distance, DOMAIN_RADIUS), distance)


def fit_grid(
    hull: VisualHull, resolution: int, margin: float
) -> tuple[GridSpec, Float[Tensor, "X Y Z"]]:
    """The grid around a hull: its bounding box and a margin, one spacing, the longest side fixed.

    Args:
        hull: with its slack.
        resolution: corners along the longest side.
        margin: kept free around the hull on every side, in object units; two spacings at least.

    Returns:
        The grid and the hull's signed distance on it.

    Raises:
        BackendError: the hull is empty.
    """
    low, high = hull.box
    room = max(margin, 2.0 * float((high - low).max()) / (resolution - 5))
    spec = _spec_over(low - room, high + room, resolution)
    sdf = hull.grid(spec)
    if not bool((sdf < 0).any()):
        raise _empty_hull(hull)
    return spec, sdf


def _spec_over(
    low: Float[np.ndarray, "3"], high: Float[np.ndarray, "3"], resolution: int
) -> GridSpec:
    """A grid that covers a box, centred on it."""
    spacing = float((high - low).max()) / (resolution - 1)
    counts = np.maximum(np.ceil((high - low) / spacing - 1e-6).astype(int) + 1, 4)
    origin = (low + high) / 2.0 - (counts - 1) * spacing / 2.0
    x, y, z = (float(value) for value in origin)
    return GridSpec((x, y, z), spacing, (int(counts[0]), int(counts[1]), int(counts[2])))


def _occupied_box(
    hull: VisualHull, probe: GridSpec
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Box around all probe corners that the hull may reach half a cell from.

    Raises:
        BackendError: there are none.
    """
    near = torch.nonzero(hull.grid(probe) < 0.5 * probe.spacing).numpy()
    if len(near) == 0:
        raise _empty_hull(hull)
    half = 0.5 * probe.spacing
    origin = np.array(probe.origin)
    return (
        origin + near.min(axis=0) * probe.spacing - half,
        origin + near.max(axis=0) * probe.spacing + half,
    )


def _empty_hull(hull: VisualHull) -> BackendError:
    """The error for masks that no common body can have."""
    return BackendError(
        f"reconstruct: the masks of the {len(hull.cameras)} views have no common body (slack "
        f"{hull.slack_px:g} px); the views disagree on where the part is: make other views "
        "(multiview.kind; another --seed where it draws at random), or raise reconstruct.slack_px"
    )
