"""A coarse field of densities, trained on a part's rays before distances are.

It finds where the views look into a part: see ``kernels.density``. Its surface is rough, so that
nothing of it but the space it leaves free goes on (``free_space``).
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from mmpart_core.reconstruct.convex_body import ConvexBody
from mmpart_core.reconstruct.hull import GridSpec
from mmpart_core.reconstruct.kernels import density as kernels
from mmpart_core.reconstruct.kernels import smooth
from mmpart_core.reconstruct.kernels.descent import adam
from mmpart_core.reconstruct.ray_cache import RayCache
from mmpart_core.reconstruct.rendering import spread_distances

# Densities before softplus, per spacing: matter may be anywhere in the convex body, is less likely
# in the rest of the hull, and is not outside it. Low, so that light gets through at first.
_LIKELY, _UNLIKELY, _NEVER = -4.0, -8.0, -12.0
_RAYS, _SAMPLES = 1536, 48
_MASK_WEIGHT, _VARIATION, _SOFTENING = 0.2, 0.06, 0.01
_VARIATION_EVERY = 2
# Learning rates fall to a tenth.
_DENSITY_RATE, _COLOR_RATE, _DECAY = 0.2, 0.3, 0.1
_MOMENTS, _EPSILON = (0.9, 0.99), 1e-15
_FORGET = 0.95  # per step, of the mean difference
# Views whose colours differ by this much on average, of 1, are taken for consistent: those of known
# parts differ by .007 to .036, those that a generator drew by .05 to .11.
_CONSISTENT = 0.04


@dataclass(frozen=True)
class DensityField:
    """What was trained.

    Attributes:
        spec: the grid.
        grid: flattened rows: density before softplus, per spacing, and three colour logits.
        disagreement: mean absolute difference of colours from the views' at the end, of 1.
    """

    spec: GridSpec
    grid: Float32[np.ndarray, "4 N"]
    disagreement: float

    @property
    def doubt(self) -> float:
        """How much deeper a hollow is to be than with consistent views, to be believed."""
        return max((self.disagreement / _CONSISTENT) ** 2, 1.0)

    def median_depths(
        self, rays: RayCache, chosen: Tensor, samples: int
    ) -> Float32[np.ndarray, "R"]:
        """Distance at which half of a ray's light is gone.

        Args:
            rays: the views' rays.
            chosen: indices of some of them.
            samples: along each ray.

        Returns:
            Object units; -1 where more than half passes.
        """
        within = torch.full((len(chosen), samples), 0.5)
        depths = np.zeros(len(chosen), np.float32)
        kernels.median_depths(
            self.grid, self.spec.shape, *_rays(self.spec, rays, chosen, within), depths
        )
        return depths


def train_density(
    rays: RayCache,
    spec: GridSpec,
    limit: Float[Tensor, "X Y Z"],
    body: ConvexBody | None,
    *,
    steps: int,
    seed: int,
) -> DensityField:
    """Train densities and colours on the rays of all views, on the CPU.

    Args:
        rays: useful rays.
        spec: the grid.
        limit: the visual hull's distances on it.
        body: where matter is likely; the whole hull where none is given.
        steps: batches.
        seed: every random choice follows from it.
    """
    inside = limit < 0.5 * spec.spacing
    likely = inside
    if body is not None:
        likely = inside & (body.sdf(spec.positions()).view(spec.shape) <= 0.5 * spec.spacing)
    grid = np.zeros((4, limit.numel()), np.float32)
    grid[0] = torch.where(likely, _LIKELY, torch.where(inside, _UNLIKELY, _NEVER)).flatten().numpy()
    descent = _Descent(spec, grid, _inner(inside).numpy())
    generator = torch.Generator().manual_seed(seed)
    difference = 0.0
    for step in range(steps):
        drawn = torch.randint(len(rays), (_RAYS,), generator=generator)
        within = torch.rand((_RAYS, _SAMPLES), generator=generator)
        grounds = torch.rand((_RAYS, 3), generator=generator)
        gradient = np.zeros_like(grid)
        now = kernels.step(
            grid, spec.shape, *_rays(spec, rays, drawn, within), rays.rgba[drawn].numpy(),
            grounds.numpy(), _MASK_WEIGHT, gradient,
        )  # fmt: skip
        difference = now if step == 0 else _FORGET * difference + (1.0 - _FORGET) * now
        descent.step(step, steps, gradient)
    return DensityField(spec, grid, difference)


class _Descent:
    """Adam on the grid's rows, with colours held together."""

    def __init__(
        self, spec: GridSpec, grid: Float32[np.ndarray, "4 N"], corners: Int64[np.ndarray, "A"]
    ) -> None:
        self._grid, self._corners = grid, corners
        self._strides = (spec.shape[1] * spec.shape[2], spec.shape[2])
        self._moments = np.zeros_like(grid), np.zeros_like(grid)

    def step(self, step: int, steps: int, gradient: Float32[np.ndarray, "4 N"]) -> None:
        """Move the corners; the gradient changes."""
        if step % _VARIATION_EVERY == 0:
            share = _VARIATION / max(len(self._corners), 1)
            smooth.variation(
                self._grid[1:], self._corners, self._strides, _SOFTENING, share, gradient[1:]
            )
        corrections = tuple(1.0 - decay ** (step + 1) for decay in _MOMENTS)
        decay = _DECAY ** (step / steps)
        for rows, rate in ((slice(0, 1), _DENSITY_RATE), (slice(1, 4), _COLOR_RATE)):
            state = [each[rows] for each in (self._grid, gradient, *self._moments)]
            adam(*state, self._corners, rate * decay, _MOMENTS, _EPSILON, corrections)


def _inner(inside: Tensor) -> Tensor:
    """Places, in the flattened grid, of the corners inside that are not on a side of the grid."""
    kept = torch.zeros_like(inside)
    middle = (slice(1, -1),) * 3
    kept[middle] = inside[middle]
    return torch.nonzero(kept.reshape(-1))[:, 0]


def _rays(
    spec: GridSpec, rays: RayCache, chosen: Tensor, within: Float[Tensor, "R S"]
) -> tuple[np.ndarray, ...]:
    """Origins, directions, distances and section lengths of rays, in grid steps."""
    nears, fars = rays.nears[chosen], rays.fars[chosen]
    origins = (rays.origins[chosen] - torch.tensor(spec.origin)) / spec.spacing
    directions = rays.directions[chosen] / spec.spacing
    lengths = (fars - nears)[:, 0] / (within.shape[1] * spec.spacing)
    distances = spread_distances(nears, fars, within)
    return tuple(
        values.contiguous().numpy() for values in (origins, directions, distances, lengths)
    )
