"""From a part's views to a sampled field by nerfstudio's nerfacto, as a plain NeRF gives it.

Density has no surface. It is put where light that crosses one grid spacing is absorbed in the
share that makes the silhouettes fit the masks best, half of it where several fit alike. Distance
is measured to that level's marching cubes. What lies outside the visual hull is cut off: at least
one mask says that nothing is there, and only pixels that no ray of training met can have left it.

Importing this module imports nerfstudio, which takes seconds.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

# Declares torchvision's operators, which nerfstudio's imports below ask for.
from mmpart_core.reconstruct.nerfacto import (  # isort: split
    StockTraining,
    nerfacto_model,
    nerfacto_optimizers,
    train_stock,
)

import numpy as np
import torch
from jaxtyping import Bool, Float
from nerfstudio.cameras.rays import Frustums, RaySamples
from nerfstudio.field_components.field_heads import FieldHeadNames
from scipy import ndimage
from scipy.spatial import KDTree
from skimage.measure import marching_cubes
from torch import Tensor
from trimesh.triangles import closest_point

from mmpart_core.errors import BackendError
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.finishing import finish_field
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.options import TrainingOptions
from mmpart_core.reconstruct.part_scene import PartScene, scene_of, sharpness_for
from mmpart_core.reconstruct.protocol import TrainedField
from mmpart_core.reconstruct.ray_cache import RayCache
from mmpart_core.reconstruct.rendering import spread_distances
from mmpart_core.reconstruct.view_colors import COLORED_BAND
from mmpart_core.reconstruct.voxel_field import VoxelField

_CHUNK = 1 << 16  # points sampled at once: bounds memory, no more
_SHARES = tuple(0.05 * step for step in range(1, 20))
_HALF = 0.5
_ALIKE = 0.005  # silhouette overlaps that differ by less say nothing about the level
_RAY_STEPS = 192  # of the silhouettes that levels are judged by
# Logarithms of density beyond this are as far from the level as one; exp(4) is 55 times.
_FAR_LOGARITHM = 4.0
_EXACT_BAND = 3.0  # spacings around the surface in which distance is measured, not counted
_CANDIDATES = 12  # triangles of a cell or less across, of which the nearest is looked for


def train_nerfacto(
    views: PosedViews, options: TrainingOptions, seed: int, **sizes: Any
) -> TrainedField:
    """Reconstruct one part with nerfacto.

    Args:
        views: posed views in the part's frame; alpha is the foreground.
        options: of these, steps, rays, samples, the fine resolution, slack, margin and device; and
            the sharpness that the finished surface is judged with.
        seed: every random choice follows from it.
        sizes: fields of nerfstudio's configuration that are not to be as nerfstudio has them.

    Returns:
        The field on the fine grid. Agreement with the views is that of this field, surface and
        colours, as for the other models; not that of the NeRF it was sampled from.

    Raises:
        BackendError: masks that nothing can be made from, or no density after training.
    """
    scene = scene_of(views, replace(options, density_steps=0), seed)
    model = nerfacto_model(options.device, **{"num_nerf_samples_per_ray": options.samples, **sizes})
    training = StockTraining(
        model, nerfacto_optimizers(), options.steps, options.rays, options.device
    )
    field = train_stock(scene.views, training, seed).field
    sharpness = sharpness_for(scene.first, options.sharpness, options.thin_widths)[1]
    return field_of(field, scene, samples=options.samples, sharpness=sharpness)


def field_of(field: Any, scene: PartScene, *, samples: int, sharpness: float) -> TrainedField:
    """A field with a surface from one with density.

    Args:
        field: of nerfstudio, trained.
        scene: the part.
        samples: per ray, to judge by.
        sharpness: inverse surface width to judge by.

    Raises:
        BackendError: no density worth a surface.
    """
    spec, rays = scene.fine_spec, scene.rays
    density = sample_density(field, spec.positions()).view(spec.shape)
    level = surface_level(density * (scene.limit < 0.0), spec, rays)
    # What is cut off below need not be measured; and the grid's border is outside.
    density = density * (scene.limit < 1.5 * spec.spacing)
    sdf = torch.maximum(distance_to_level(density, level, spec), scene.limit)
    voxels = VoxelField(spec, sdf)
    near = sdf.abs() < COLORED_BAND * spec.spacing
    with torch.no_grad():
        colors = _surface_colors(field, spec, sdf, near)
        voxels.color[0, :, near] = torch.logit(colors, eps=1e-3).T
    return finish_field(
        voxels, scene, rays, samples=samples, sharpness=sharpness, known=near.numpy()
    )


@torch.no_grad()
def sample_density(field: Any, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
    """Density per object unit of one of nerfstudio's fields.

    Args:
        field: for evaluation, on any device.
        points: part frame, on the CPU.

    Returns:
        On the CPU.
    """

    def density(some: Tensor) -> Tensor:
        found = field.get_density(_samples(some, torch.ones_like(some)))
        return (found[0] if isinstance(found, tuple) else found).reshape(-1)

    return _in_pieces(density, field, points)


@torch.no_grad()
def sample_colors(
    field: Any, points: Float[Tensor, "P 3"], directions: Float[Tensor, "P 3"]
) -> Float[Tensor, "P 3"]:
    """Colours in [0, 1] of one of nerfstudio's fields.

    Args:
        field: for evaluation, on any device.
        points: part frame, on the CPU.
        directions: in which each is looked at, unit length.

    Returns:
        On the CPU.
    """

    def colors(some: Tensor, along: Tensor) -> Tensor:
        return field.forward(_samples(some, along))[FieldHeadNames.RGB].reshape(-1, 3)

    return _in_pieces(colors, field, points, directions).clamp(0.0, 1.0)


def surface_level(density: Float[Tensor, "X Y Z"], spec: GridSpec, rays: RayCache) -> float:
    """The density at which the silhouettes fit the masks best.

    Args:
        density: per object unit, zero where nothing may be.
        spec: its grid.
        rays: of the views.

    Returns:
        Density that absorbs between 5 % and 95 % of the light over one spacing; of levels that fit
        alike the one nearest to half.

    Raises:
        BackendError: at none of these levels is there anything.
    """
    index = torch.nonzero(rays.on_stride)[:, 0]
    peaks = _densest_along(density, spec, rays, index)
    given, views = rays.rgba[index, 3] >= _HALF, rays.views[index]
    levels = [-math.log1p(-share) / spec.spacing for share in _SHARES]
    fits = [_overlap(peaks >= level, given, views, len(rays.missed)) for level in levels]
    best = max(fits)
    if best <= 0.0:
        raise BackendError(
            f"reconstruct 'nerfacto': density is at most {float(density.max()):.3g} after "
            f"training, at least {levels[0]:.3g} expected somewhere in the part: train longer "
            "(reconstruct.steps), or use reconstruct.model=voxel"
        )
    alike = [at for at, fit in enumerate(fits) if fit >= best - _ALIKE]
    return levels[min(alike, key=lambda at: abs(_SHARES[at] - _HALF))]


def distance_to_level(
    density: Float[Tensor, "X Y Z"], level: float, spec: GridSpec
) -> Float[Tensor, "X Y Z"]:
    """Signed distance to a level of density, negative where it is denser.

    The level's surface is that of marching cubes on the logarithm of density, which falls more
    evenly across a surface than density itself, over orders of magnitude.

    Args:
        density: per object unit.
        level: between its least and its greatest value.
        spec: the grid.
    """
    ratio = torch.log(density.clamp(min=1e-12) / level).clamp(-_FAR_LOGARITHM, _FAR_LOGARITHM)
    inside = (ratio >= 0.0).numpy()
    sides = [np.asarray(ndimage.distance_transform_edt(side)) for side in (inside, ~inside)]
    steps = sides[0] + sides[1] - 0.5
    near = steps < _EXACT_BAND
    vertices, faces, _, _ = marching_cubes(ratio.numpy(), 0.0)
    steps[near] = _nearest(vertices[faces].astype(np.float64), np.argwhere(near).astype(np.float64))
    signed = np.where(inside, -steps, steps) * spec.spacing
    return torch.from_numpy(signed.astype(np.float32))


def _nearest(
    triangles: Float[np.ndarray, "F 3 3"], points: Float[np.ndarray, "P 3"]
) -> Float[np.ndarray, "P"]:
    """Distance from points to the nearest of small triangles, looked for among close ones."""
    count = min(_CANDIDATES, len(triangles))
    _, found = KDTree(triangles.mean(axis=1)).query(points, k=count)
    candidates = np.asarray(found).reshape(len(points), count)
    distances = [
        np.linalg.norm(closest_point(triangles[candidates[:, at]], points) - points, axis=1)
        for at in range(count)
    ]
    return np.min(distances, axis=0)


def _surface_colors(
    field: Any, spec: GridSpec, sdf: Float[Tensor, "X Y Z"], near: Bool[Tensor, "X Y Z"]
) -> Float[Tensor, "Q 3"]:
    """Colour for each near corner: that of the surface below it, seen from straight above."""
    slopes = torch.stack(torch.gradient(sdf, spacing=spec.spacing), dim=-1)[near]
    outward = torch.nn.functional.normalize(slopes, dim=1)
    corners = spec.positions().view(*spec.shape, 3)[near]
    return sample_colors(field, corners - sdf[near][:, None] * outward, -outward)


def _densest_along(
    density: Float[Tensor, "X Y Z"], spec: GridSpec, rays: RayCache, index: Tensor
) -> Float[Tensor, "P"]:
    """Greatest density that each of some rays meets."""
    grid = VoxelField(spec, density)
    peaks: list[Tensor] = []
    with torch.no_grad():
        for some in index.split(_CHUNK // 8):
            within = torch.full((len(some), _RAY_STEPS), 0.5)
            distances = spread_distances(rays.nears[some], rays.fars[some], within)
            points = (
                rays.origins[some][:, None] + rays.directions[some][:, None] * distances[..., None]
            )
            met = grid.sample_sdf(grid.normalized(points.view(-1, 3)))
            peaks.append(met.view(distances.shape).amax(dim=1))
    return torch.cat(peaks)


def _overlap(
    shown: Bool[Tensor, "P"], given: Bool[Tensor, "P"], views: Tensor, count: int
) -> float:
    """Mean over the views of intersection over union of two masks."""
    overlaps = [
        float((shown & given & (views == view)).sum())
        / max(float(((shown | given) & (views == view)).sum()), 1.0)
        for view in range(count)
    ]
    return sum(overlaps) / count


def _in_pieces(
    function: Callable[..., Tensor], field: Any, *values: Float[Tensor, "P 3"]
) -> Tensor:
    """A function of points, a piece at a time, on the field's device; the result on the CPU."""
    device = next(field.parameters()).device
    pieces = zip(*(each.split(_CHUNK) for each in values), strict=True)
    return torch.cat(
        [function(*(each.to(device) for each in some)).float().cpu() for some in pieces]
    )


def _samples(points: Float[Tensor, "P 3"], directions: Float[Tensor, "P 3"]) -> RaySamples:
    """Points as rays of one sample each; what the fields take."""
    nothing = torch.zeros_like(points[:, None, :1])
    return RaySamples(
        frustums=Frustums(
            origins=points[:, None],
            directions=directions[:, None],
            starts=nothing,
            ends=nothing,
            pixel_area=torch.ones_like(nothing),
        ),
        camera_indices=nothing.long(),
    )
