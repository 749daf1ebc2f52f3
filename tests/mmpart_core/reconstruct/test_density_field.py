"""Densities: the compiled step against torch, and the inside of a box that stands open."""

from collections.abc import Callable

import numpy as np
import torch
import trimesh

from mmpart_core.geometry.posed_views import PosedViews
from mmpart_core.reconstruct.density_field import train_density
from mmpart_core.reconstruct.first_shape import FirstShape
from mmpart_core.reconstruct.free_space import FreeSpace
from mmpart_core.reconstruct.hull import GridSpec, VisualHull
from mmpart_core.reconstruct.kernels import density as kernels
from mmpart_core.reconstruct.part_scene import PartScene, prepare_scene
from mmpart_core.reconstruct.voxel_field import VoxelField

SHAPE = (9, 8, 7)
ViewsOf = Callable[[trimesh.Trimesh, int], PosedViews]


def rays(count: int, samples: int) -> list[np.ndarray]:
    """Through a grid, in its steps: origins, directions, distances and section lengths."""
    random = np.random.default_rng(3)
    origins = random.uniform(1.0, 5.0, (count, 3)) - np.array([12.0, 0.0, 0.0])
    aims = random.uniform(1.0, 5.0, (count, 3))
    directions = aims - origins
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    distances = 9.0 + 9.0 * (np.arange(samples) + random.random((count, samples))) / samples
    lengths = np.full(count, 9.0 / samples)
    return [each.astype(np.float32) for each in (origins, directions, distances, lengths)]


def plain_loss(
    grid: torch.Tensor, along: list[np.ndarray], pixels: torch.Tensor, grounds: torch.Tensor
) -> torch.Tensor:
    """The same loss in torch's operations, Huber's slope included."""
    origins, directions, distances, lengths = (torch.from_numpy(each) for each in along)
    spec = GridSpec((0.0, 0.0, 0.0), 1.0, SHAPE)
    placed = VoxelField(spec, torch.zeros(SHAPE))
    points = origins[:, None] + directions[:, None] * distances[..., None]
    at = placed.normalized(points.view(-1, 3))[None, None, None]
    sampled = torch.nn.functional.grid_sample(
        grid.view(1, 4, *SHAPE), at, padding_mode="border", align_corners=True
    )[0, :, 0, 0].view(4, *distances.shape)
    alpha = 1.0 - torch.exp(-torch.nn.functional.softplus(sampled[0]) * lengths[:, None])
    light = torch.cumprod(torch.cat([torch.ones_like(alpha[:, :1]), 1.0 - alpha], dim=1), dim=1)
    weights = light[:, :-1] * alpha
    colored = torch.where(weights > 1e-3, weights, 0.0)
    opacity = weights.sum(1, keepdim=True)
    shown = (colored[..., None] * torch.sigmoid(sampled[1:]).permute(1, 2, 0)).sum(1)
    wanted = pixels[:, :3] * pixels[:, 3:] + (1.0 - pixels[:, 3:]) * grounds
    change = shown + (1.0 - opacity) * grounds - wanted
    color = torch.nn.functional.huber_loss(change, torch.zeros_like(change), delta=0.02) / 0.02
    return color + 0.2 * (opacity - pixels[:, 3:]).square().mean()


def test_a_step_has_the_gradient_of_its_loss() -> None:
    random = torch.Generator().manual_seed(1)
    grid = torch.randn((4, int(np.prod(SHAPE))), generator=random)
    grid[0] -= 1.5
    pixels, grounds = torch.rand((64, 4), generator=random), torch.rand((64, 3), generator=random)
    along = rays(64, 24)
    leaf = grid.clone().requires_grad_()
    (expected,) = torch.autograd.grad(plain_loss(leaf, along, pixels, grounds), leaf)
    found = np.zeros(grid.shape, np.float32)
    kernels.step(grid.numpy(), SHAPE, *along, pixels.numpy(), grounds.numpy(), 0.2, found)
    largest = float(expected.abs().max())
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-3 * largest)


def test_half_of_the_light_ends_within_an_opaque_slab() -> None:
    grid = np.full((4, *SHAPE), -20.0, np.float32)
    grid[0, 5:] = 10.0  # ramps up between corners 4 and 5
    origins = np.array([[-3.0, 3.0, 3.0], [-3.0, 3.0, 3.0]], np.float32)
    directions = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], np.float32)
    distances = np.tile(np.linspace(0.0, 10.0, 200, dtype=np.float32), (2, 1))
    depths = np.zeros(2, np.float32)
    lengths = np.full(2, 10.0 / 199.0, np.float32)
    kernels.median_depths(
        grid.reshape(4, -1), SHAPE, origins, directions, distances, lengths, depths
    )
    assert 7.5 < depths[0] < 8.1
    assert depths[1] == -1.0


OUTER = (0.5, 1.0, 0.8)


def crate() -> trimesh.Trimesh:
    """A box that stands open to the front, its walls a tenth thick."""
    outer = trimesh.creation.box(OUTER)
    inner = trimesh.creation.box((0.5, 0.8, 0.6))
    inner.apply_translation((0.1, 0.0, 0.0))
    return trimesh.boolean.difference([outer, inner], engine="manifold")


def scene_of(views: PosedViews, steps: int) -> PartScene:
    """Looked into for so many batches."""
    return prepare_scene(
        views, slack_px=1.0, margin=0.02, resolutions=(40, 56), convex_start=True,
        density_steps=steps, hollow=0.05, seed=0,
    )  # fmt: skip


def carved(views: PosedViews) -> float:
    """Volume that looking into a body takes from where training starts."""
    before, after = scene_of(views, 0), scene_of(views, 300)
    corners = int((before.fine_first < 0).sum()) - int((after.fine_first < 0).sum())
    return corners * before.fine_spec.spacing**3


def test_the_views_look_into_an_open_box(views_of: ViewsOf) -> None:
    hollow = 0.4 * 0.8 * 0.6
    assert carved(views_of(crate(), 96)) > 0.2 * hollow


def test_a_closed_box_stays_whole(views_of: ViewsOf) -> None:
    assert carved(views_of(trimesh.creation.box(OUTER), 96)) < 0.02 * float(np.prod(OUTER))


def test_the_same_seed_finds_the_same(views_of: ViewsOf) -> None:
    scene = scene_of(views_of(crate(), 48), 0)

    def grid(seed: int) -> np.ndarray:
        spec, limit = scene.coarse_spec, scene.coarse_limit
        return train_density(scene.rays, spec, limit, scene.body, steps=20, seed=seed).grid

    assert np.array_equal(grid(0), grid(0))
    assert not np.array_equal(grid(0), grid(1))


def test_free_space_that_leaves_nothing_does_not_count(views_of: ViewsOf) -> None:
    scene = scene_of(views_of(crate(), 48), 0)
    tight = VisualHull(scene.views, 0.0)

    everything = FreeSpace(scene.coarse_spec, torch.ones(scene.coarse_spec.shape))
    cut = FirstShape(tight, scene.body, everything, 0.05)
    plain = FirstShape(tight, scene.body, None, 0.05)
    spec, limit = scene.coarse_spec, scene.coarse_limit
    assert torch.equal(cut.on(spec, limit), plain.on(spec, limit))
