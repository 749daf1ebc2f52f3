"""Adam for the field's grids, which moves the corners of a band alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int64
from nerfstudio.engine.optimizers import OptimizerConfig
from torch import Tensor

from mmpart_core.reconstruct.kernels.descent import adam


class GridAdam(torch.optim.Adam):
    """``torch.optim.Adam`` on grids (1, C, X, Y, Z), at the corners that it is told of.

    Attributes:
        corners: places in the flattened grid, int64; all where none are given. Elsewhere values
            and moments stay as they are.
    """

    corners: Tensor | None = None

    @torch.no_grad()
    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """One step; see ``torch.optim.Adam``."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        return loss

    def _move(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        steps = float(state["step"])
        decay = group["betas"]
        channels = parameter.shape[1]
        grids = (parameter, parameter.grad, state["exp_avg"], state["exp_avg_sq"])
        rows = [grid.detach().view(channels, -1) for grid in grids if grid is not None]
        corners = self.corners
        if corners is None:
            corners = torch.arange(rows[0].shape[1], device=parameter.device)
        corrections = (1.0 - decay[0] ** steps, 1.0 - decay[1] ** steps)
        how = (float(group["lr"]), decay, group["eps"], corrections)
        if parameter.device.type == "cpu":
            adam(*(row.numpy() for row in rows), corners.numpy(), *how)
        else:
            values, gradient, mean, square = rows
            _plain_adam(values, gradient, mean, square, corners, *how)


def _plain_adam(
    values: Float[Tensor, "C N"],
    gradient: Float[Tensor, "C N"],
    mean: Float[Tensor, "C N"],
    square: Float[Tensor, "C N"],
    corners: Int64[Tensor, "A"],
    rate: float,
    decay: tuple[float, float],
    epsilon: float,
    corrections: tuple[float, float],
) -> None:
    """``kernels.descent.adam`` in torch's operations."""
    slope = gradient[:, corners]
    first = mean[:, corners].lerp(slope, 1.0 - decay[0])
    second = square[:, corners].lerp(slope.square(), 1.0 - decay[1])
    mean[:, corners], square[:, corners] = first, second
    spread = (second / corrections[1]).sqrt() + epsilon
    values[:, corners] -= rate / corrections[0] * first / spread


@dataclass
class GridAdamConfig(OptimizerConfig):
    """Adam whose second moments follow within the few hundred steps of a training."""

    _target: type = field(default_factory=lambda: GridAdam)
    eps: float = 1e-15
    betas: tuple[float, float] = (0.9, 0.99)
