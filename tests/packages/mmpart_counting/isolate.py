"""Isolate: a square of the foreground, filled with the prompt's own colour."""

import hashlib
from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.isolate.protocol import Isolation, IsolationTask
from mmpart_counting import journal


class Settings(BackendSettings):
    """Settings of the counting isolator."""

    price_usd: float = Field(default=0.04, ge=0, description="What one call costs.")
    api_key: str = Field(default="", description="Who pays.")

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {"api_key": "a credential"}


class CountingIsolator:
    """Draws a coloured square."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        """Draw the part."""
        journal.note("isolate", task.prompt.component)
        text = f"{task.prompt.prompt}|{seed}"
        colour = list(hashlib.sha256(text.encode()).digest()[:3])
        rows, columns = np.nonzero(task.foreground)
        row, column = int(rows.mean()), int(columns.mean())
        visible = np.zeros(task.foreground.shape, dtype=bool)
        visible[row - 6 : row + 6, column - 6 : column + 6] = True
        rgba = np.zeros((*visible.shape, 4), dtype=np.uint8)
        rgba[visible] = [*colour, 255]
        nothing = np.zeros_like(visible)
        return Isolation(rgba, visible, nothing, cost_usd=self._settings.price_usd)


def expected_cost_usd(settings: Settings) -> float:
    """What isolating one part costs."""
    return settings.price_usd


BACKEND = CountingIsolator
