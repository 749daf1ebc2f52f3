"""Matter for foreground that a shape does not show: wires and blades thinner than the grid.

A body thinner than a spacing slips between the corners of a grid: the first shape has holes there
that training mends only where it still holds something, and the visual hull cuts the rest. The
masks say where it must be. On the sight line of a foreground pixel that meets nothing there are
places that all masks allow. The one that is deepest in their hull, and near what training has made,
is brought inside by lowering the corners around it, by no more than it takes. Where the masks
contradict each other a line has no such place and stays empty: no fins grow.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import ndimage
from torch import Tensor

from mmpart_core.geometry import cameras
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import GridSpec, VisualHull
from mmpart_core.reconstruct.kernels import march
from mmpart_core.reconstruct.ray_cache import box_span
from mmpart_core.reconstruct.voxel_field import VoxelField

# Set by hand, on a fan's wires, a rotor, a track and a dozen parts that are not thin.
# Foreground at least this deep in its mask is wholly covered, to the pixel's edges; a place may be
# this far outside of the masks, for the sake of views that disagree a little.
_COVERED_PX, _ROOM_PX = 0.5, 0.75
# Between two looks at a ray, and how far inside a place is brought, spacings.
_STEP, _INSIDE = 0.5, 0.01
# A place counts as that much nearer to the shape for each unit of depth in the hull, of which no
# more than a spacing counts: how deep the hull is elsewhere says nothing about a thin body.
_DEPTH_WEIGHT = 4.0
# Later passes bring in what the limit kept out of the first one's corners.
_PASSES = 3
_CHUNK = 1 << 11  # rays searched at once: bounds memory, no more


@dataclass(frozen=True)
class _Rays:
    """The rays of pixels that the part covers.

    Attributes:
        origins: part frame, float32.
        directions: unit length, float32.
        nears: distance at which each ray enters the grid.
        fars: where it leaves it; before ``nears`` where it misses it.
        colors: sRGB in [0, 1].
        pixels: view, row and column.
    """

    origins: Float[Tensor, "R 3"]
    directions: Float[Tensor, "R 3"]
    nears: Float[Tensor, "R"]
    fars: Float[Tensor, "R"]
    colors: Float[Tensor, "R 3"]
    pixels: Int[Tensor, "R 3"]

    def of(self, index: Int[Tensor, "M"]) -> "_Rays":
        """Some of them."""
        return _Rays(
            self.origins[index], self.directions[index], self.nears[index], self.fars[index],
            self.colors[index], self.pixels[index],
        )  # fmt: skip


@dataclass(frozen=True)
class Cover:
    """A shape that shows what the masks show.

    Attributes:
        sdf: distances at the corners of the grid, nowhere above the given ones.
        lowered: corners where they are below.
        rgb: sRGB colour in [0, 1] of the pixels that asked for it, at these corners; else zero.
    """

    sdf: Float[Tensor, "X Y Z"]
    lowered: Bool[Tensor, "X Y Z"]
    rgb: Float[Tensor, "X Y Z 3"]


def cover_masks(
    views: PosedViews,
    spec: GridSpec,
    sdf: Float[Tensor, "X Y Z"],
    limit: Float[Tensor, "X Y Z"],
    worn_px: float = 1.0,
) -> Cover:
    """Bring inside what all masks allow and some pixel misses.

    Args:
        views: alpha is the mask; part frame.
        spec: the grid.
        sdf: distances of a shape on it, within the limit.
        limit: distances that the result may not go below.
        worn_px: foreground that meets nothing is a worn rim, not a lost wire, where no place of it
            is further than this from foreground that meets the shape. Smoothing rounds rims off,
            and views that disagree ask for rims that no smooth body has.
    """
    hull = VisualHull(views, _ROOM_PX)
    rays = _covered_rays(views, hull, spec)
    rays = rays.of(_lost(rays, _shown(rays, spec, sdf), views.rgba.shape[:3], worn_px))
    covered = sdf.clone()
    rgb = torch.zeros((sdf.numel(), 3))
    weight = torch.zeros(sdf.numel())
    for _ in range(_PASSES):
        missing = rays.of(torch.nonzero(~_shown(rays, spec, covered))[:, 0])
        places, needs, owners = _places(missing, hull, VoxelField(spec, covered))
        if len(places) == 0:
            break
        corners = _corners_around(spec, places)
        lift = torch.zeros(sdf.numel())
        lift.scatter_reduce_(0, corners.reshape(-1), needs.repeat_interleave(8), "amax")
        rgb.index_add_(0, corners.reshape(-1), missing.colors[owners].repeat_interleave(8, dim=0))
        weight.index_add_(0, corners.reshape(-1), torch.ones(corners.numel()))
        covered = torch.minimum(covered, torch.maximum(covered - lift.view(sdf.shape), limit))
    lowered = covered < sdf
    rgb = rgb / weight.clamp(min=1.0)[:, None] * lowered.reshape(-1, 1)
    return Cover(covered, lowered, rgb.view(*sdf.shape, 3))


def _covered_rays(views: PosedViews, hull: VisualHull, spec: GridSpec) -> _Rays:
    """Rays through the middles of pixels that are foreground all over."""
    origins, directions, colors, pixels = [], [], [], []
    for view, (rgba, camera) in enumerate(zip(views.rgba, views.cameras, strict=True)):
        silhouette = hull.silhouettes[view]
        rows, columns = np.nonzero(silhouette.numpy() <= -_COVERED_PX)
        start, direction = cameras.pixel_rays(camera, columns + 0.5, rows + 0.5)
        origins.append(torch.from_numpy(start).float())
        directions.append(torch.from_numpy(direction).float())
        colors.append(torch.from_numpy(rgba[rows, columns, :3]).float() / 255.0)
        pixels.append(torch.from_numpy(np.stack([np.full_like(rows, view), rows, columns], axis=1)))
    origin, direction = torch.cat(origins), torch.cat(directions)
    extent = (torch.tensor(spec.shape) - 1) * spec.spacing
    near, far = box_span(origin - torch.tensor(spec.origin), direction, extent, False)
    return _Rays(origin, direction, near, far, torch.cat(colors), torch.cat(pixels))


def _lost(
    rays: _Rays, shown: Bool[Tensor, "R"], shape: tuple[int, int, int], worn_px: float
) -> Int[Tensor, "L"]:
    """Which rays belong to a patch of pixels that is lost, and not to a rim that is worn off.

    Args:
        rays: of foreground pixels.
        shown: which of them meet the shape.
        shape: views, rows and columns.
        worn_px: see ``cover_masks``.
    """
    met, missed = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for pixels, image in ((rays.pixels[shown], met), (rays.pixels[~shown], missed)):
        image[tuple(pixels.numpy().T)] = True
    lost = np.zeros(shape, dtype=bool)
    for view in range(shape[0]):
        away = np.full(shape[1:], np.inf)
        if met[view].any():
            away = np.asarray(ndimage.distance_transform_edt(~met[view]))
        patches, _ = ndimage.label(missed[view], structure=np.ones((3, 3)))  # pyright: ignore[reportGeneralTypeIssues]
        far = np.unique(patches[missed[view] & (away > worn_px)])
        lost[view] = np.isin(patches, far[far > 0])
    return torch.nonzero(torch.from_numpy(lost[tuple(rays.pixels.numpy().T)]))[:, 0]


def _shown(rays: _Rays, spec: GridSpec, sdf: Float[Tensor, "X Y Z"]) -> Bool[Tensor, "R"]:
    """Which rays meet a shape."""
    hits = np.zeros(len(rays.origins), dtype=bool)
    march.meet(
        sdf.numpy(),
        ((rays.origins - torch.tensor(spec.origin)) / spec.spacing).numpy(),
        (rays.directions / spec.spacing).numpy(),
        rays.nears.numpy(),
        rays.fars.numpy(),
        np.float32(_STEP * spec.spacing),
        hits,
    )
    return torch.from_numpy(hits)


def _places(
    rays: _Rays, hull: VisualHull, field: VoxelField
) -> tuple[Float[Tensor, "M 3"], Float[Tensor, "M"], Int[Tensor, "M"]]:
    """Where rays are to be stopped.

    Returns:
        A place on each ray that has one; by how much its distance is to fall; which ray it is on.
    """
    spacing = field.spec.spacing
    count = int((max(field.spec.shape) + 1) * 3**0.5 / _STEP)
    fractions = (torch.arange(count) + 0.5) / count
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for index in torch.nonzero(rays.fars > rays.nears)[:, 0].split(_CHUNK):
        some = rays.of(index)
        distances = some.nears[:, None] + (some.fars - some.nears)[:, None] * fractions
        points = some.origins[:, None] + some.directions[:, None] * distances[..., None]
        flat = points.view(-1, 3)
        depth = hull.sdf(flat).view(distances.shape)
        with torch.no_grad():
            values = field.sample_sdf(field.normalized(flat)).view(distances.shape)
        score = values + _DEPTH_WEIGHT * depth.clamp(min=-spacing)
        score, best = torch.where(depth <= 0.0, score, torch.inf).min(dim=1)
        own = torch.nonzero(torch.isfinite(score))[:, 0]
        best = best[own]
        found.append((points[own, best], values[own, best] + _INSIDE * spacing, index[own]))
    if not found:
        return torch.zeros((0, 3)), torch.zeros(0), torch.zeros(0, dtype=torch.long)
    places, needs, owners = (torch.cat(column) for column in zip(*found, strict=True))
    return places, needs, owners


def _corners_around(spec: GridSpec, points: Float[Tensor, "M 3"]) -> Int[Tensor, "M 8"]:
    """Flat indices of the corners of the cell that each point is in."""
    last = torch.tensor(spec.shape) - 2
    cell = ((points - torch.tensor(spec.origin)) / spec.spacing).floor().long()
    cell = torch.minimum(cell.clamp(min=0), last)
    strides = torch.tensor([spec.shape[1] * spec.shape[2], spec.shape[2], 1])
    offsets = torch.cartesian_prod(*[torch.arange(2)] * 3) @ strides
    return (cell @ strides)[:, None] + offsets
