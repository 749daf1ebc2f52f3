"""Volume rendering of a voxel field along rays."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mmpart_core.reconstruct.neus_alpha import section_alpha, section_weights
from mmpart_core.reconstruct.voxel_field import VoxelField

# Sections that give a ray less light than this get no colour sample.
_VISIBLE_WEIGHT = 1e-3


@dataclass(frozen=True)
class Rendered:
    """What rays show.

    Attributes:
        rgb: sRGB colour, premultiplied.
        accumulation: opacity.
        depth: mean distance along the ray of the light that reaches its origin; 0 without any.
        visible: normalized positions (``VoxelField.normalized``) at which colour was sampled.
    """

    rgb: Float[Tensor, "R 3"]
    accumulation: Float[Tensor, "R 1"]
    depth: Float[Tensor, "R 1"]
    visible: Float[Tensor, "Q 3"]


def render_rays(
    field: VoxelField,
    origins: Float[Tensor, "R 3"],
    directions: Float[Tensor, "R 3"],
    distances: Float[Tensor, "R S"],
    sharpness: float,
) -> Rendered:
    """Render rays from samples at given distances.

    Args:
        field: what is seen.
        origins: part frame.
        directions: unit length, part frame.
        distances: of the samples, growing along each ray.
        sharpness: inverse width of the surface, per object unit.
    """
    rays, samples = distances.shape
    sections = samples - 1
    points = origins[:, None] + directions[:, None] * distances[..., None]
    positions = field.normalized(points.view(-1, 3))
    sdf = field.sample_sdf(positions).view(rays, samples)
    weights = section_weights(section_alpha(sdf, sharpness))
    # A section's colour is taken at its middle; normalized positions are linear along a ray.
    by_ray = positions.view(rays, samples, 3)
    visible = torch.nonzero(weights.detach().reshape(-1) > _VISIBLE_WEIGHT)[:, 0]
    ray, section = visible // sections, visible % sections
    middle = 0.5 * (by_ray[ray, section] + by_ray[ray, section + 1])
    color = field.sample_color(middle) * weights.reshape(-1)[visible, None]
    rgb = torch.zeros((rays, 3), device=color.device).index_add(0, ray, color)
    accumulation = weights.sum(dim=1, keepdim=True)
    return Rendered(rgb, accumulation, _mean_distance(weights.detach(), distances), middle)


def surface_normals(field: VoxelField, points: Float[Tensor, "P 3"]) -> Float[Tensor, "P 3"]:
    """Unit normals of the distance field, by central differences over one grid spacing.

    Args:
        field: the field.
        points: part frame.
    """
    half = 0.5 * field.spec.spacing * torch.eye(3, device=points.device)
    slopes = [
        field.sample_sdf(field.normalized(points + step))
        - field.sample_sdf(field.normalized(points - step))
        for step in half
    ]
    return torch.nn.functional.normalize(torch.stack(slopes, dim=1), dim=1)


def _mean_distance(
    weights: Float[Tensor, "R T"], distances: Float[Tensor, "R S"]
) -> Float[Tensor, "R 1"]:
    """Mean of the sections' middles by weight."""
    middles = 0.5 * (distances[:, :-1] + distances[:, 1:])
    return (weights * middles).sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp(min=1e-6)


def spread_distances(
    nears: Float[Tensor, "R 1"], fars: Float[Tensor, "R 1"], within: Float[Tensor, "R S"]
) -> Float[Tensor, "R S"]:
    """One distance in each of S equal slots between near and far.

    Args:
        nears: where each ray begins.
        fars: where it ends.
        within: position within each slot, in [0, 1].
    """
    samples = within.shape[1]
    slots = torch.arange(samples, device=nears.device, dtype=torch.float32)
    return nears + (fars - nears) * (slots + within) / samples
