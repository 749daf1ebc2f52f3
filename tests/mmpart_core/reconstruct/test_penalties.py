"""Penalties at a band's corners, compiled and not, against plain differences with autograd."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from mmpart_core.reconstruct import penalties
from mmpart_core.reconstruct.band import Band
from mmpart_core.reconstruct.kernels import smooth

SHAPE = (9, 8, 7)
SPACING = 0.1
WEIGHTS = (0.3, 0.7)
Roughness = Callable[[Tensor, Band, float, tuple[float, float]], Tensor]
Variation = Callable[[Tensor, Band, float], Tensor]
both_roughness = pytest.mark.parametrize(
    "roughness", [penalties.roughness, penalties._plain_roughness], ids=["compiled", "torch"]
)
both_variation = pytest.mark.parametrize(
    "variation", [penalties.color_variation, penalties._plain_variation], ids=["compiled", "torch"]
)


def noise(channels: int, seed: int) -> Tensor:
    """A grid of normal numbers."""
    values = np.random.default_rng(seed).normal(size=(1, channels, *SHAPE))
    return torch.from_numpy(values).float().requires_grad_()


def scattered() -> tuple[Band, Tensor]:
    """Every third inner corner or so, and the same as a grid of booleans."""
    chosen = torch.zeros(SHAPE, dtype=torch.bool)
    drawn = np.random.default_rng(8).random(tuple(size - 2 for size in SHAPE)) < 0.3
    chosen[1:-1, 1:-1, 1:-1] = torch.from_numpy(drawn)
    corners = torch.nonzero(chosen.reshape(-1))[:, 0]
    assert 40 < len(corners) < 100
    return Band(corners, SHAPE, 150), chosen


def shifted(grid: Tensor, axis: int, by: int) -> Tensor:
    """A grid's neighbours along an axis; those around the border are not to be used."""
    return torch.roll(grid, -by, dims=axis)


def plain_roughness(values: Tensor, chosen: Tensor, room: int) -> Tensor:
    """The definition, on whole grids (X, Y, Z)."""
    slopes = torch.stack([(shifted(values, axis, 1) - values) / SPACING for axis in range(3)])
    eikonal = (slopes.square().sum(0).sqrt() - 1.0).square()
    bend = sum(shifted(values, axis, by) - values for axis in range(3) for by in (1, -1))
    bends = (torch.as_tensor(bend) / SPACING).square()
    return (WEIGHTS[0] * eikonal + WEIGHTS[1] * bends)[chosen].sum() / room


@both_roughness
def test_roughness_and_its_gradient_are_those_of_plain_differences(roughness: Roughness) -> None:
    (band, chosen), sdf, plain = scattered(), noise(1, 4), noise(1, 4)
    loss = roughness(sdf, band, SPACING, WEIGHTS)
    expected = plain_roughness(plain[0, 0], chosen, band.room)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=0)
    (gradient,) = torch.autograd.grad(2.0 * loss, [sdf])
    (wanted,) = torch.autograd.grad(2.0 * expected, [plain])
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


@both_variation
def test_variation_and_its_gradient_are_those_of_plain_differences(variation: Variation) -> None:
    (band, chosen), color, plain = scattered(), noise(3, 5), noise(3, 5)
    loss = variation(color, band, 0.06)
    changes = [(shifted(plain[0], axis, 1) - plain[0])[:, chosen] for axis in (1, 2, 3)]
    expected = 0.06 * torch.stack(changes).abs().sum() / band.room
    # They differ by the softening of differences near zero.
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=0)
    (gradient,) = torch.autograd.grad(2.0 * loss, [color])
    (wanted,) = torch.autograd.grad(2.0 * expected, [plain])
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=5e-2 * float(wanted.abs().max()))
    assert float((gradient - wanted).abs().median()) < 1e-5 * float(wanted.abs().max())


def test_both_variations_have_the_same_gradient() -> None:
    band, _ = scattered()
    found = []
    for variation in (penalties.color_variation, penalties._plain_variation):
        color = noise(3, 6).detach().mul(1e-3).requires_grad_()
        found.append(torch.autograd.grad(variation(color, band, 0.06), [color])[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-9)


@both_roughness
@both_variation
def test_corners_beyond_a_band_s_neighbours_feel_nothing(
    roughness: Roughness, variation: Variation
) -> None:
    centre = torch.zeros(SHAPE, dtype=torch.bool)
    centre[4, 3, 5] = True
    band = Band(torch.nonzero(centre.reshape(-1))[:, 0], SHAPE, 1)
    sdf, color = noise(1, 9), noise(3, 9)
    (of_sdf,) = torch.autograd.grad(roughness(sdf, band, SPACING, WEIGHTS), [sdf])
    (of_color,) = torch.autograd.grad(variation(color, band, 1.0), [color])
    beside = {(3, 3, 5), (5, 3, 5), (4, 2, 5), (4, 4, 5), (4, 3, 4), (4, 3, 6)}
    ahead = {(5, 3, 5), (4, 4, 5), (4, 3, 6)}
    assert places(of_sdf[0, 0]) == {(4, 3, 5)} | beside
    assert all(places(channel) == {(4, 3, 5)} | ahead for channel in of_color[0])


def places(grid: Tensor) -> set[tuple[int, ...]]:
    """Where a grid (X, Y, Z) is not zero."""
    return {tuple(place) for place in torch.nonzero(grid).tolist()}


@both_roughness
def test_a_true_distance_is_not_rough(roughness: Roughness) -> None:
    band, _ = scattered()
    x = torch.arange(SHAPE[0], dtype=torch.float32)[:, None, None].expand(SHAPE) * SPACING
    grid = x.contiguous()[None, None]
    assert float(roughness(grid, band, SPACING, (1.0, 1.0))) < 1e-8
    doubled = float(roughness(2.0 * grid, band, SPACING, (1.0, 0.0)))
    assert doubled == pytest.approx(len(band.corners) / band.room, rel=1e-4)


def test_room_divides_the_sums() -> None:
    band, _ = scattered()
    wider = Band(band.corners, band.shape, 2 * band.room)
    sdf, color = noise(1, 4), noise(3, 5)
    values = [
        (
            penalties.roughness(sdf, each, SPACING, WEIGHTS),
            penalties.color_variation(color, each, 1.0),
        )
        for each in (band, wider)
    ]
    for once, half in zip(*values, strict=True):
        assert float(once.detach()) == pytest.approx(2.0 * float(half.detach()), rel=1e-6)


def test_equal_neighbours_have_no_pull() -> None:
    band, _ = scattered()
    color = torch.full((1, 3, *SHAPE), 0.7, requires_grad=True)
    (gradient,) = torch.autograd.grad(penalties.color_variation(color, band, 1.0), [color])
    assert float(gradient.abs().max()) == 0.0


def test_loops_add_to_the_gradient_that_is_there() -> None:
    band, _ = scattered()
    corners, values = band.corners.numpy(), noise(1, 4).detach().numpy().reshape(-1)
    colors = noise(3, 5).detach().numpy().reshape(3, -1)
    slopes = [np.full_like(values, given) for given in (0.0, 1.0)]
    pulls = [np.full_like(colors, given) for given in (0.0, 1.0)]
    for slope, pull in zip(slopes, pulls, strict=True):
        smooth.roughness(values, corners, band.strides, SPACING, (1e-3, 1e-4), slope)
        smooth.variation(colors, corners, band.strides, 1e-3, 1.0, pull)
    np.testing.assert_allclose(slopes[1], slopes[0] + 1.0, atol=1e-5)
    np.testing.assert_allclose(pulls[1], pulls[0] + 1.0, atol=1e-5)


def test_an_empty_band_costs_nothing() -> None:
    band = Band(torch.zeros(0, dtype=torch.int64), SHAPE, 1)
    sdf, color = noise(1, 4), noise(3, 5)
    losses = [
        penalties.roughness(sdf, band, SPACING, WEIGHTS),
        penalties.color_variation(color, band, 1.0),
    ]
    assert [float(loss.detach()) for loss in losses] == [0.0, 0.0]
    for loss, grid in zip(losses, (sdf, color), strict=True):
        assert float(torch.autograd.grad(loss, [grid])[0].abs().max()) == 0.0
