"""The sampler's steps, with noise from outside.

The noise levels are the scheduler's own; the update is Euler's with ancestral noise (Karras et
al., 2022, section 2; ``sample_euler_ancestral`` of k-diffusion), for v-prediction (Salimans & Ho,
2022) and for predicted noise. The library's ``step`` draws its noise by itself, so it cannot be
replayed.
"""

from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

from mmpart_core.errors import ConfigError
from mmpart_core.multiview.zero123plus.libraries import EulerAncestralDiscreteScheduler


@dataclass(frozen=True)
class Schedule:
    """Noise levels from the first step to none.

    Attributes:
        timesteps: what the network is told, one per step; float32.
        sigmas: standard deviation of the noise before each step, and 0 at the end; float32.
        first: standard deviation of the first latents.
        prediction: what the network predicts.
    """

    timesteps: Float[Tensor, "S"]
    sigmas: Float[Tensor, "S+1"]
    first: float
    prediction: Literal["v_prediction", "epsilon"]

    def scaled(self, latents: Float[Tensor, "*B"], step: int) -> Float[Tensor, "*B"]:
        """Latents at unit variance, as the network takes them."""
        return latents / (self.sigmas[step] ** 2 + 1.0) ** 0.5

    def stepped(
        self,
        latents: Float[Tensor, "*B"],
        predicted: Float[Tensor, "*B"],
        noise: Float[Tensor, "*B"],
        step: int,
    ) -> Float[Tensor, "*B"]:
        """Latents at the next noise level.

        Args:
            latents: at this step's level, not scaled.
            predicted: by the network.
            noise: standard normal.
            step: index of the step.
        """
        sigma, after = self.sigmas[step], self.sigmas[step + 1]
        if self.prediction == "epsilon":
            clean = latents - sigma * predicted
        else:
            variance = sigma**2 + 1.0
            clean = predicted * (-sigma / variance**0.5) + latents / variance
        added = (after**2 * (sigma**2 - after**2) / sigma**2) ** 0.5
        kept = (after**2 - added**2) ** 0.5
        slope = (latents - clean) / sigma
        return latents + slope * (kept - sigma) + noise * added


def schedule_of(scheduler: Any, steps: int) -> Schedule:
    """Noise levels for a number of steps; the scheduler itself is not changed.

    Args:
        scheduler: EulerAncestralDiscreteScheduler.
        steps: how many.

    Raises:
        ConfigError: another scheduler, or one for predictions of another kind.
    """
    if not isinstance(scheduler, EulerAncestralDiscreteScheduler):
        raise ConfigError(
            f"Zero123++ scheduler: got {type(scheduler).__name__}, expected "
            "EulerAncestralDiscreteScheduler, which the checkpoints name"
        )
    own: Any = EulerAncestralDiscreteScheduler.from_config(scheduler.config)
    prediction = own.config.prediction_type
    if prediction not in ("v_prediction", "epsilon"):
        raise ConfigError(
            f"Zero123++ scheduler: prediction_type {prediction!r}, expected v_prediction, as in "
            "the checkpoints, or epsilon"
        )
    own.set_timesteps(steps)
    return Schedule(own.timesteps, own.sigmas, float(own.init_noise_sigma), prediction)
