"""Colours of points straight from the views, for a shape that nothing was trained on."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mmpart_core.geometry import cameras, transforms
from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.voxel_field import VoxelField

# On the way from a point to a camera, denser near the point; by hand.
_OCCLUSION_STEPS = 32
_CHUNK = 1 << 15  # points looked up at once: bounds memory, no more
# A 25th of the least weight of opaque foreground, seen aslant and hidden: 0.05^2 / 1000.
_KNOWN_WEIGHT = 1e-7
# Corners this many spacings from a surface take part in interpolation at it: they are coloured.
COLORED_BAND = 2.5
# Keeps logits of colours where a step of training still moves them.
_DARKEST = 0.02


def paint(field: VoxelField, views: PosedViews, reach: float) -> Bool[Tensor, "X Y Z"]:
    """Give a field the colours that the views show of its surface.

    Args:
        field: on the CPU; its colours change.
        views: the images.
        reach: corners up to this distance from the surface take the colour of the surface's place
            nearest to them, object units.

    Returns:
        Which corners have got a colour from a view.
    """
    spec, sdf = field.spec, field.sdf.detach()[0, 0]
    near = torch.nonzero((sdf.abs() < reach).reshape(-1))[:, 0]
    points = spec.positions()[near]
    feet = points - _normals(spec, sdf, points) * sdf.reshape(-1)[near, None]
    colors, seen = project_colors(views, spec, sdf, feet)
    with torch.no_grad():
        field.color.view(3, -1)[:, near] = torch.logit(colors, eps=_DARKEST).T
    known = torch.zeros(sdf.numel(), dtype=torch.bool)
    known[near] = seen
    return known.view(sdf.shape)


def project_colors(
    views: PosedViews,
    spec: GridSpec,
    sdf: Float[Tensor, "X Y Z"],
    points: Float[Tensor, "P 3"],
) -> tuple[Float[Tensor, "P 3"], Bool[Tensor, "P"]]:
    """Blend the colours of the views that see each point, the frontal ones foremost.

    Weights are the squared cosine between the surface normal and the way to the camera, times
    alpha; a view counts in full where nothing of the body stands between and for a thousandth
    otherwise, so that every point gets some colour.

    Args:
        views: the images.
        spec: the grid of the body.
        sdf: the body's signed distance on that grid.
        points: positions near its surface, part frame.

    Returns:
        sRGB colours in [0, 1], and whether any view has foreground there; colours are black
        where none has.
    """
    chunks = [_project_chunk(views, spec, sdf, chunk) for chunk in points.split(_CHUNK)]
    return torch.cat([color for color, _ in chunks]), torch.cat([known for _, known in chunks])


def _project_chunk(
    views: PosedViews, spec: GridSpec, sdf: Tensor, points: Float[Tensor, "P 3"]
) -> tuple[Float[Tensor, "P 3"], Bool[Tensor, "P"]]:
    normals = _normals(spec, sdf, points)
    total = torch.zeros((len(points), 3))
    weight_sum = torch.zeros((len(points), 1))
    reach = 0.5 * float(max(spec.shape)) * spec.spacing
    steps = torch.linspace(0.0, 1.0, _OCCLUSION_STEPS + 1)[1:] ** 2 * reach
    for rgba, camera in zip(views.rgba, views.cameras, strict=True):
        pose = torch.from_numpy(transforms.to_array(camera.world_from_camera)).float()
        to_camera = pose[:3, 2].expand_as(points)
        if camera.projection == "perspective":
            to_camera = torch.nn.functional.normalize(pose[:3, 3] - points, dim=-1)
        path = points[:, None] + (steps[:, None] + 1.5 * spec.spacing) * to_camera[:, None]
        inside = _sample(spec, sdf, path.reshape(-1, 3)).view(len(points), -1) < 0.0
        pixels, _ = cameras.project(camera, points.double().numpy())
        color = _pixel_colors(torch.from_numpy(rgba).float() / 255.0, torch.from_numpy(pixels))
        facing = (normals * to_camera).sum(dim=-1, keepdim=True).clamp(min=0.05).square()
        seen = torch.where(inside.any(dim=1, keepdim=True), 1e-3, 1.0)
        weight = facing * seen * color[:, 3:]
        total += weight * color[:, :3]
        weight_sum += weight
    known = weight_sum[:, 0] > _KNOWN_WEIGHT
    return total / weight_sum.clamp(min=_KNOWN_WEIGHT), known


def _pixel_colors(image: Float[Tensor, "H W 4"], pixels: Tensor) -> Float[Tensor, "P 4"]:
    """Bilinear colours at pixel positions (column, row), straight alpha kept apart."""
    height, width = image.shape[:2]
    size = torch.tensor([width, height])
    position = (2.0 * pixels.float() / size - 1.0)[None, None]
    premultiplied = torch.cat([image[..., :3] * image[..., 3:], image[..., 3:]], dim=-1)
    sampled = torch.nn.functional.grid_sample(
        premultiplied.permute(2, 0, 1)[None], position, padding_mode="border", align_corners=False
    )[0, :, 0].T
    return torch.cat([sampled[:, :3] / sampled[:, 3:].clamp(min=1e-3), sampled[:, 3:]], dim=-1)


def _normals(
    spec: GridSpec, sdf: Float[Tensor, "X Y Z"], points: Float[Tensor, "P 3"]
) -> Float[Tensor, "P 3"]:
    """Unit gradients of the distance grid at points."""
    slopes = torch.stack(torch.gradient(sdf), dim=0)
    return torch.nn.functional.normalize(_sample_channels(spec, slopes, points), dim=-1)


def _sample(spec: GridSpec, sdf: Tensor, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P"]:
    return _sample_channels(spec, sdf[None], points)[:, 0]


def _sample_channels(
    spec: GridSpec, grid: Float[Tensor, "C X Y Z"], points: Float[Tensor, "P 3"]
) -> Float[Tensor, "P C"]:
    """Trilinear samples of a grid; the nearest border value outside it."""
    extent = (torch.tensor(spec.shape) - 1) * spec.spacing
    position = ((points - torch.tensor(spec.origin)) / extent * 2.0 - 1.0).flip(-1)
    sampled = torch.nn.functional.grid_sample(
        grid[None], position[None, None, None], padding_mode="border", align_corners=True
    )
    return sampled[0, :, 0, 0].T
