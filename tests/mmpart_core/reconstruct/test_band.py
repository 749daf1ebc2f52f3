"""Which corners training moves, and what carving leaves for refinement."""

import pytest
import torch
from torch import Tensor

from mmpart_core.reconstruct.band import Band, band_around
from mmpart_core.reconstruct.carving import keep_carved
from mmpart_core.reconstruct.hull import GridSpec

SPEC = GridSpec((-1.0, -0.9, -0.8), 0.05, (41, 37, 33))
H = SPEC.spacing


def ball(radius: float) -> Tensor:
    """Distances to a ball about the origin."""
    return SPEC.positions().norm(dim=1).view(SPEC.shape) - radius


def marked(band: Band) -> Tensor:
    """A band's corners as booleans on its grid."""
    chosen = torch.zeros(band.shape, dtype=torch.bool)
    chosen.view(-1)[band.corners] = True
    return chosen


def test_strides_lead_to_the_next_corner() -> None:
    places = torch.arange(SPEC.positions().shape[0]).view(SPEC.shape)
    strides = Band(torch.zeros(0, dtype=torch.int64), SPEC.shape, 1).strides
    assert (int(places[1, 0, 0]), int(places[0, 1, 0])) == strides


def test_a_band_surrounds_the_surface() -> None:
    sdf = ball(0.5)
    band = band_around(sdf, ball(0.6), H, 1000.0)
    chosen = marked(band)
    assert torch.equal(band.corners, band.corners.unique())
    assert torch.equal(chosen, sdf.abs() < 3.0 * H)  # all of it within the room
    crossing = torch.zeros(SPEC.shape, dtype=torch.bool)
    for axis in range(3):
        ahead = torch.roll(sdf, -1, dims=axis)
        crossing |= (sdf < 0) != (ahead < 0)
    assert bool(crossing.any())
    assert bool(chosen[crossing].all())


def test_wide_surfaces_have_wide_bands() -> None:
    sdf, limit = ball(0.5), ball(0.9)
    chosen = marked(band_around(sdf, limit, H, 20.0))
    assert torch.equal(chosen[1:-1, 1:-1, 1:-1], (sdf.abs() < 0.3)[1:-1, 1:-1, 1:-1])


def test_nothing_far_outside_of_the_limit_moves() -> None:
    limit = ball(0.3)
    band = band_around(ball(0.5), limit, H, 20.0)
    assert len(band.corners) > 0
    assert float(limit.view(-1)[band.corners].max()) < 4.0 * H


def test_sides_are_left_out() -> None:
    sdf = ball(0.9)  # leaves the grid along z
    chosen = marked(band_around(sdf, sdf, H, 20.0))
    assert bool((sdf[..., 0].abs() < 3.0 * H).any())
    for axis in range(3):
        for side in (0, -1):
            assert not bool(chosen.select(axis, side).any())
    assert bool(chosen[..., 1].any())


def test_room_counts_where_the_part_may_be() -> None:
    limit = ball(0.4)
    bands = [band_around(ball(radius), limit, H, 1000.0) for radius in (0.2, 0.4)]
    inside = int((limit < 4.0 * H).sum())
    assert [band.room for band in bands] == [inside, inside]
    assert 0 < len(bands[0].corners) < len(bands[1].corners) < inside


def test_no_room_is_no_division_by_zero() -> None:
    band = band_around(ball(0.5), torch.full(SPEC.shape, 9.0), H, 50.0)
    assert (len(band.corners), band.room) == (0, 1)


def test_small_changes_are_undone_and_large_ones_kept() -> None:
    first = ball(0.5)
    change = torch.zeros(SPEC.shape)
    change[:10], change[10:20], change[20:30], change[30:] = 0.024, 0.051, -0.024, -0.3
    kept = keep_carved(first, first + change, 0.025)
    assert torch.equal(kept[:10], first[:10])
    assert torch.equal(kept[20:30], first[20:30])
    torch.testing.assert_close(kept[10:20], (first + change)[10:20])
    torch.testing.assert_close(kept[30:], (first + change)[30:])


def test_between_small_and_large_changes_there_is_no_jump() -> None:
    change = torch.linspace(-0.06, 0.06, 2401)[None, None]
    kept = keep_carved(torch.zeros_like(change), change, 0.02)[0, 0]
    steps = kept.diff()
    assert float(steps.min()) >= 0.0
    assert float(steps.max()) < 6.0 * 0.12 / 2400
    half = keep_carved(torch.zeros((1, 1, 1)), torch.full((1, 1, 1), 0.03), 0.02)
    assert half.item() == pytest.approx(0.015)


def test_a_threshold_of_nothing_keeps_all() -> None:
    carved = ball(0.5) + 1e-4
    assert torch.equal(keep_carved(ball(0.5), carved, 0.0), carved)
