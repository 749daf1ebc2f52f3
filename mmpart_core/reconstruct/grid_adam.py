"""Adam for the field's grids: compiled on a CPU, PyTorch's fused one elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.engine.optimizers import OptimizerConfig

from mmpart_core.reconstruct.kernels.descent import adam


class GridAdam(torch.optim.Adam):
    """``torch.optim.Adam``, which on a CPU passes by the corners that no gradient ever reached."""

    @torch.no_grad()
    def step(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """One step; see ``torch.optim.Adam``."""
        parameters = [p for group in self.param_groups for p in group["params"]]
        if any(parameter.device.type != "cpu" for parameter in parameters):
            return super().step(closure)
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, group)
        return loss

    def _move(self, parameter: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        state["step"] += 1
        steps = float(state["step"])
        decay = group["betas"]
        gradient = parameter.grad
        flat = (parameter, gradient, state["exp_avg"], state["exp_avg_sq"])
        adam(
            *(tensor.detach().reshape(-1).numpy() for tensor in flat if tensor is not None),
            float(group["lr"]),
            decay,
            group["eps"],
            (1.0 - decay[0] ** steps, 1.0 - decay[1] ** steps),
        )


@dataclass
class GridAdamConfig(OptimizerConfig):
    """Adam whose second moments follow within the few hundred steps of a training."""

    _target: type = field(default_factory=lambda: GridAdam)
    eps: float = 1e-15
    betas: tuple[float, float] = (0.9, 0.99)
    fused: bool = True
