"""The hand-written gradients against autograd, and rendering against closed forms."""

import math

import numpy as np
import pytest
import torch

from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.neus_alpha import (
    annealed,
    section_alpha,
    section_weights,
)
from mmpart_core.reconstruct.rendering import render_rays, spread_distances
from mmpart_core.reconstruct.voxel_field import VoxelField

SPEC = GridSpec((-1.0, -0.8, -0.6), 0.1, (21, 17, 13))


def ball(radius: float) -> VoxelField:
    """A ball about the origin."""
    return VoxelField(SPEC, (SPEC.positions().norm(dim=1) - radius).view(SPEC.shape))


def noise(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    """Reproducible normal numbers."""
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()


def test_samples_are_linear_in_position() -> None:
    x, y, z = SPEC.positions().unbind(dim=1)
    field = VoxelField(SPEC, (2.0 * x - y + 0.5 * z).view(SPEC.shape))
    points = noise((200, 3), 0) * 0.2
    expected = 2.0 * points[:, 0] - points[:, 1] + 0.5 * points[:, 2]
    assert torch.allclose(field.sample_sdf(field.normalized(points)), expected, atol=1e-5)


def test_sampling_gradient_is_autograd_s() -> None:
    field = VoxelField(SPEC, noise(SPEC.shape, 1))
    points, pull = field.normalized(noise((300, 3), 2) * 0.3), noise((300,), 3)
    pull[::3] = 0.0
    (field.sample_sdf(points) * pull).sum().backward()
    grid = field.sdf.detach().clone().requires_grad_()
    plain = torch.nn.functional.grid_sample(
        grid, points[None, None, None], padding_mode="border", align_corners=True
    )
    (plain.flatten() * pull).sum().backward()
    assert field.sdf.grad is not None
    assert grid.grad is not None
    assert torch.allclose(field.sdf.grad, grid.grad, atol=1e-5)


def test_weights_sum_to_at_most_one_and_peak_at_the_surface() -> None:
    distance = torch.linspace(-0.5, 0.5, 401)
    weights = section_weights(section_alpha(-distance[None], 200.0))[0]
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-3)
    assert float((weights * distance[:-1]).sum()) == pytest.approx(0.0, abs=0.01)
    leaving = section_weights(section_alpha(distance[None], 200.0))
    assert float(leaving.sum()) == 0.0


def test_opacity_does_not_depend_on_how_fine_the_samples_are() -> None:
    coarse = section_weights(section_alpha(torch.linspace(0.4, -0.01, 40)[None], 60.0)).sum()
    fine = section_weights(section_alpha(torch.linspace(0.4, -0.01, 400)[None], 60.0)).sum()
    # Telescoping: 1 - Phi(last) / Phi(first).
    assert float(coarse) == pytest.approx(1.0 - 1.0 / (1.0 + math.exp(0.6)), abs=2e-3)
    assert float(fine) == pytest.approx(float(coarse), abs=2e-3)


def test_sharpness_runs_from_first_to_last() -> None:
    assert annealed(0, 101, 50.0, 500.0) == pytest.approx(50.0)
    assert annealed(50, 101, 50.0, 500.0) == pytest.approx(math.sqrt(50.0 * 500.0))
    assert annealed(100, 101, 50.0, 500.0) == pytest.approx(500.0)


def test_rays_see_a_ball_and_its_colour() -> None:
    field = ball(0.45)
    with torch.no_grad():
        field.color[:, 0], field.color[:, 1:] = 4.0, -4.0
    origins = torch.tensor([[2.0, 0.0, 0.0], [2.0, 0.5, 0.1]])
    directions = torch.tensor([[-1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    nears, fars = torch.full((2, 1), 1.0), torch.full((2, 1), 3.0)
    distances = spread_distances(nears, fars, torch.full((2, 64), 0.5))
    seen = render_rays(field, origins, directions, distances, 400.0)
    assert seen.accumulation[:, 0].tolist() == pytest.approx([1.0, 0.0], abs=0.01)
    assert seen.rgb[0].tolist() == pytest.approx([0.982, 0.018, 0.018], abs=0.02)
    depth = -seen.visible[:, 2]  # x runs along the last normalized axis, from 1 at the front
    assert float(depth.mean()) == pytest.approx(-0.45, abs=0.05)


def test_refining_keeps_the_field() -> None:
    field = ball(0.45)
    old = field.sdf
    points = noise((300, 3), 5) * 0.25
    before = field.sample_sdf(field.normalized(points)).detach()
    field.refine(GridSpec((-1.0, -0.8, -0.6), 0.05, (41, 33, 25)))
    assert field.sdf is not old
    assert field.sdf.shape == (1, 1, 41, 33, 25)
    assert torch.allclose(field.sample_sdf(field.normalized(points)), before, atol=1e-5)


def test_a_batch_that_sees_nothing_has_no_gradient() -> None:
    field = ball(0.5)
    field.sample_color(torch.zeros((0, 3))).sum().backward()
    assert field.color.grad is not None
    assert not field.color.grad.any()
