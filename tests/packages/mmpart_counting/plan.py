"""Plan: the component's name and the user's words are the prompt."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ObjectRequest
from mmpart_counting import journal


class Settings(BackendSettings):
    """Settings of the counting planner."""

    style: str = Field(default="plain", description="Goes into every prompt.")


class CountingPlanner:
    """Writes one short sentence per component."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def plan(self, source: np.ndarray, request: ObjectRequest, seed: int) -> PlanDraft:
        """Write the prompts."""
        journal.note("plan", request.name)
        style = self._settings.style
        prompts = tuple(f"{style} {part.name}. {part.hidden}" for part in request.components)
        return PlanDraft(prompts=prompts, cost_usd=0.01)


BACKEND = CountingPlanner
