"""Space that the views look through, fused from the depths at which each one's light ends.

Fusion as in Curless and Levoy, "A Volumetric Method for Building Complex Models from Range
Images", SIGGRAPH 1996: the mean over the views of how far a point lies in front of what a view
sees there, cut off at a limit; views in which the point is hidden further than that have no say.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.density_field import DensityField
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.ray_cache import RayCache
from mmpart_core.records import Camera

_TRUNCATION = 0.08  # object units
_SAMPLES = 128
_MEDIAN_PX = 5
_FOREGROUND = 0.5  # opacity


@dataclass(frozen=True)
class FreeSpace:
    """How far points lie in front of what the views see.

    Attributes:
        spec: the grid.
        distances: object units, positive in free space, cut off; negative where nothing is known.
    """

    spec: GridSpec
    distances: Float[Tensor, "X Y Z"]

    def cut(
        self, points: Float[Tensor, "P 3"], distances: Float[Tensor, "P"]
    ) -> Float[Tensor, "P"]:
        """Distances of a body at points of the part frame, less free space."""
        free = self._sample(points)
        near = free > -0.5 * _TRUNCATION
        return torch.where(near, torch.maximum(distances, free), distances)

    def only(self, where: Bool[Tensor, "X Y Z"]) -> "FreeSpace":
        """Free space at some corners; nothing is known at the others."""
        unknown = self.distances.new_tensor(-_TRUNCATION)
        return replace(self, distances=torch.where(where, self.distances, unknown))

    def _sample(self, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
        """Trilinear samples."""
        steps = (points.double().numpy() - np.array(self.spec.origin)) / self.spec.spacing
        values = ndimage.map_coordinates(self.distances.numpy(), steps.T, order=1, mode="nearest")
        return torch.from_numpy(values.astype(np.float32))


def fuse_depths(
    density: DensityField,
    rays: RayCache,
    views: PosedViews,
    spec: GridSpec,
    limit: Float[Tensor, "X Y Z"],
) -> FreeSpace:
    """Fuse the depths of all views.

    Args:
        density: what the views see.
        rays: the views' rays.
        views: the images.
        spec: the grid to fuse on.
        limit: the visual hull's distances on it; what is outside stays unknown.
    """
    inside = torch.nonzero((limit < 2.0 * spec.spacing).reshape(-1))[:, 0]
    points = spec.positions()[inside].double().numpy()
    total, count = np.zeros(len(points)), np.zeros(len(points))
    for index, camera in enumerate(views.cameras):
        depths = _depth_map(density, rays, index, camera)
        if depths is None:
            continue
        pixels, point_depths = cameras.project(camera, points)
        at = pixels[:, ::-1].T - 0.5
        seen = ndimage.map_coordinates(depths, at, order=1, mode="nearest")
        alpha = views.rgba[index, ..., 3] / 255.0
        shown = ndimage.map_coordinates(alpha, at, order=1, mode="constant") > _FOREGROUND
        ahead = seen - point_depths
        counted = shown & (ahead > -_TRUNCATION)
        total += np.where(counted, np.clip(ahead, -_TRUNCATION, _TRUNCATION), 0.0)
        count += counted
    mean = np.where(count > 0, total / np.maximum(count, 1), -_TRUNCATION)
    distances = torch.full((limit.numel(),), -_TRUNCATION)
    distances[inside] = torch.from_numpy(mean.astype(np.float32))
    return FreeSpace(spec, distances.view(limit.shape))


def _depth_map(
    density: DensityField, rays: RayCache, index: int, camera: Camera
) -> np.ndarray | None:
    """Depth along the viewing axis at each pixel; the nearest known one where none is."""
    chosen = torch.nonzero((rays.views == index) & (rays.rgba[:, 3] > _FOREGROUND))[:, 0]
    distances = density.median_depths(rays, chosen, _SAMPLES)
    pose = transforms.to_array(camera.world_from_camera)
    origins, directions = rays.origins[chosen].numpy(), rays.directions[chosen].numpy()
    depths = (origins + distances[:, None] * directions - pose[:3, 3]) @ -pose[:3, 2]
    met = distances > 0.0
    if not met.any():
        return None
    pixels, _ = cameras.project(camera, (origins + directions).astype(np.float64))
    columns, rows = np.floor(pixels).astype(int)[met].T
    image = np.full((camera.height_px, camera.width_px), np.nan)
    image[rows, columns] = depths[met]
    _, nearest = ndimage.distance_transform_edt(np.isnan(image), return_indices=True)  # pyright: ignore[reportGeneralTypeIssues]
    return ndimage.median_filter(image[tuple(nearest)], size=_MEDIAN_PX)
