"""Rays marched in compiled loops against the torch operations that they stand for."""

import math

import pytest
import torch

from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.marching import march_rays
from mmpart_core.reconstruct.rendering import render_rays, spread_distances
from mmpart_core.reconstruct.voxel_field import VoxelField

SPEC = GridSpec((-1.0, -0.9, -0.8), 0.1, (21, 19, 17))


def bumpy_field() -> VoxelField:
    """A ball with noise on its surface and in its colours."""
    generator = torch.Generator().manual_seed(5)
    distance = SPEC.positions().norm(dim=1).view(SPEC.shape) - 0.6
    field = VoxelField(SPEC, distance + 0.03 * torch.randn(SPEC.shape, generator=generator))
    with torch.no_grad():
        field.color.add_(torch.randn(field.color.shape, generator=generator))
    return field


def rays(count: int = 300, samples: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Through the ball and past it, some beyond the grid."""
    generator = torch.Generator().manual_seed(6)
    origins = torch.nn.functional.normalize(torch.randn((count, 3), generator=generator), dim=1) * 3
    aims = torch.rand((count, 3), generator=generator) * 1.4 - 0.7
    directions = torch.nn.functional.normalize(aims - origins, dim=1)
    nears, fars = torch.full((count, 1), 1.9), torch.full((count, 1), 4.1)
    within = torch.rand((count, samples), generator=generator)
    return origins, directions, spread_distances(nears, fars, within)


@pytest.mark.parametrize("sharpness", [20.0, 300.0])
def test_rays_show_what_torch_shows(sharpness: float) -> None:
    field = bumpy_field()
    expected = render_rays(field, *rays(), sharpness)
    rgb, opacity = march_rays(field, *rays(), sharpness)
    assert 0.3 < float((expected.accumulation > 0.5).float().mean()) < 0.9
    # Rays end at a passed light of 1e-4, which is as far as the two may differ.
    torch.testing.assert_close(opacity, expected.accumulation, rtol=0, atol=2e-4)
    torch.testing.assert_close(rgb, expected.rgb, rtol=0, atol=2e-4)


@pytest.mark.parametrize("sharpness", [20.0, 300.0])
def test_gradients_are_those_of_torch(sharpness: float) -> None:
    found: list[list[torch.Tensor]] = []
    for compiled in (False, True):
        field = bumpy_field()
        if compiled:
            rgb, opacity = march_rays(field, *rays(), sharpness)
        else:
            seen = render_rays(field, *rays(), sharpness)
            rgb, opacity = seen.rgb, seen.accumulation
        loss = (rgb - 0.3).square().mean() + (opacity - 0.8).square().mean()
        found.append(list(torch.autograd.grad(loss, [field.sdf, field.color])))
    for expected, gradient in zip(*found, strict=True):
        scale = float(expected.abs().max())
        assert scale > 0
        torch.testing.assert_close(gradient, expected, rtol=0, atol=2e-3 * scale)


def test_opaque_field_hides_what_lies_behind() -> None:
    field = bumpy_field()
    origins, directions = torch.tensor([[3.0, 0.0, 0.0]]), torch.tensor([[-1.0, 0.0, 0.0]])
    distances = torch.linspace(2.0, 4.0, 40)[None]
    rgb, opacity = march_rays(field, origins, directions, distances, 300.0)
    (gradient,) = torch.autograd.grad(rgb.sum(), [field.color])
    assert math.isclose(float(opacity.detach()), 1.0, abs_tol=1e-3)
    behind = gradient[0, :, : SPEC.shape[0] // 2]
    assert float(gradient.abs().max()) > 0
    assert float(behind.abs().max()) == 0.0
