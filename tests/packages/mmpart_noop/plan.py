"""Plan: the component's name is the prompt."""

from typing import ClassVar

import numpy as np

from mmpart_core.backends import BackendSettings
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ObjectRequest
from mmpart_noop import journal


class Settings(BackendSettings):
    """There are none."""


class NoopPlanner:
    """Names the parts."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def plan(self, source: np.ndarray, request: ObjectRequest, seed: int) -> PlanDraft:
        """Name the parts."""
        journal.note("plan", request.name)
        return PlanDraft(prompts=tuple(part.name for part in request.components))


BACKEND = NoopPlanner
