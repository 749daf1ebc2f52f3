"""Assemble: one part beside the other."""

from typing import ClassVar

import numpy as np

from mmpart_core.assemble.protocol import Assembly, AssemblyTask, PlacedPart
from mmpart_core.backends import BackendSettings
from mmpart_core.geometry.transforms import scale_then_translate
from mmpart_noop import journal


class Settings(BackendSettings):
    """There are none."""


class NoopAssembler:
    """Places the parts in a row along +Y."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def assemble(self, task: AssemblyTask, seed: int) -> Assembly:
        """Place the parts."""
        journal.note("assemble", task.parts[0].component[:1])
        placed = tuple(
            PlacedPart(scale_then_translate(0.2, np.array([0.0, 0.25 * index, 0.0])), "in a row")
            for index in range(len(task.parts))
        )
        return Assembly(placed, np.eye(4))


BACKEND = NoopAssembler
