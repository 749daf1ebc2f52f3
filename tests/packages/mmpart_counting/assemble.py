"""Assemble: one part beside the other."""

from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.assemble.protocol import Assembly, AssemblyTask, PlacedPart
from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.transforms import scale_then_translate
from mmpart_counting import journal


class Settings(BackendSettings):
    """Settings of the counting assembler."""

    gap: float = Field(default=0.1, ge=0, description="Distance between the parts.")


class CountingAssembler:
    """Places the parts in a row along +Y."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def assemble(self, task: AssemblyTask, seed: int) -> Assembly:
        """Place the parts."""
        journal.note("assemble", "+".join(part.component for part in task.parts))
        step = 0.4 + self._settings.gap
        placed = tuple(
            PlacedPart(scale_then_translate(0.4, np.array([0.0, index * step, 0.0])), "in a row")
            for index in range(len(task.parts))
        )
        return Assembly(placed, np.eye(4))


BACKEND = CountingAssembler
