"""Adam on grids, compiled and not, against torch's own."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from mmpart_core.reconstruct import grid_adam
from mmpart_core.reconstruct.grid_adam import GridAdam
from mmpart_core.reconstruct.kernels import descent

SHAPE = (1, 3, 4, 5, 6)
SETTINGS: dict[str, Any] = {"lr": 0.02, "betas": (0.9, 0.99), "eps": 1e-15}


def compiled_adam(*arguments: Any) -> None:
    """The compiled loop, on tensors."""
    descent.adam(*(each.numpy() if isinstance(each, Tensor) else each for each in arguments))


def run(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter, steps: int = 20) -> None:
    """Steps along the same random slopes each time; the first plane has none."""
    generator = torch.Generator().manual_seed(7)
    for _ in range(steps):
        parameter.grad = torch.randn(SHAPE, generator=generator)
        parameter.grad[:, :, 0] = 0.0
        optimizer.step()


def start() -> torch.nn.Parameter:
    """A grid."""
    return torch.nn.Parameter(torch.randn(SHAPE, generator=torch.Generator().manual_seed(3)))


def test_whole_grids_move_as_with_torch() -> None:
    ours, theirs = start(), start()
    run(GridAdam([ours], **SETTINGS), ours)
    run(torch.optim.Adam([theirs], **SETTINGS), theirs)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert torch.equal(ours[:, :, 0], start()[:, :, 0])


def test_only_the_given_corners_move() -> None:
    ours, theirs, before = start(), start(), start()
    corners = torch.tensor([31, 32, 40, 77, 119])
    optimizer = GridAdam([ours], **SETTINGS)
    optimizer.corners = corners
    run(optimizer, ours)
    run(torch.optim.Adam([theirs], **SETTINGS), theirs)
    resting = torch.ones(120, dtype=torch.bool)
    resting[corners] = False
    flat, wanted, given = (each.detach().view(3, -1) for each in (ours, theirs, before))
    assert torch.equal(flat[:, resting], given[:, resting])
    torch.testing.assert_close(flat[:, corners], wanted[:, corners], rtol=1e-4, atol=1e-5)
    assert float((flat - given)[:, corners].abs().min()) > 1e-4
    for name in ("exp_avg", "exp_avg_sq"):
        moments = optimizer.state[ours][name].view(3, -1)
        assert float(moments[:, resting].abs().max()) == 0.0
        assert float(moments[:, corners].abs().min()) > 0.0


def test_corners_may_change_between_steps() -> None:
    ours = start()
    optimizer = GridAdam([ours], **SETTINGS)
    optimizer.corners = torch.tensor([40])
    run(optimizer, ours, steps=2)
    once = ours.detach().clone()
    optimizer.corners = torch.tensor([41])
    run(optimizer, ours, steps=2)
    moved = torch.nonzero((ours.detach() - once).view(3, -1).abs().sum(dim=0))[:, 0]
    assert moved.tolist() == [41]


def test_a_grid_without_a_gradient_rests() -> None:
    ours = start()
    optimizer = GridAdam([ours], **SETTINGS)
    assert optimizer.step(lambda: 2.5) == 2.5
    assert torch.equal(ours, start())
    assert not optimizer.state[ours]


@pytest.mark.parametrize("adam", [compiled_adam, grid_adam._plain_adam], ids=["compiled", "torch"])
def test_one_step_is_that_of_kingma_and_ba(adam: Callable[..., None]) -> None:
    generator = torch.Generator().manual_seed(11)
    values, gradient, mean = (torch.randn((2, 30), generator=generator) for _ in range(3))
    square = torch.rand((2, 30), generator=generator)
    corners = torch.tensor([0, 3, 4, 17, 29])
    given = [each.clone() for each in (values, mean, square)]
    step, decay, epsilon, rate = 5, (0.9, 0.99), 1e-8, 0.02
    corrections = (1.0 - decay[0] ** step, 1.0 - decay[1] ** step)
    adam(values, gradient, mean, square, corners, rate, decay, epsilon, corrections)
    first = decay[0] * given[1] + (1.0 - decay[0]) * gradient
    second = decay[1] * given[2] + (1.0 - decay[1]) * gradient**2
    change = rate * (first / corrections[0]) / ((second / corrections[1]).sqrt() + epsilon)
    wanted = (given[0] - change, first, second)
    for found, before, after in zip((values, mean, square), given, wanted, strict=True):
        expected = before.clone()
        expected[:, corners] = after[:, corners]
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
