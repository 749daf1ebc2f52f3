"""What a planner must do."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from mmpart_core.records import ObjectRequest, PartSight


@dataclass(frozen=True)
class PlanDraft:
    """What a planner gives back.

    Attributes:
        prompts: the isolation prompt of each component, in the request's order.
        warnings: what the user should know.
        cost_usd: what the calls cost.
        sights: what was seen of each component, in the same order; empty for a planner that does
            not look at the image.
    """

    prompts: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    cost_usd: float = 0.0
    sights: tuple[PartSight, ...] = ()


@runtime_checkable
class PartPlanner(Protocol):
    """Reads image and components, writes one isolation prompt per component."""

    VERSION: ClassVar[str]

    def open(self) -> None:
        """Load what planning needs."""
        ...

    def plan(
        self, source: UInt8[np.ndarray, "H W 4"], request: ObjectRequest, seed: int
    ) -> PlanDraft:
        """Write the prompts.

        Args:
            source: the input image, sRGB with straight alpha.
            request: components with the user's words.
            seed: for planners that sample.

        Raises:
            RefusedError: the model declined.
            TransientBackendError: worth trying again.
        """
        ...
