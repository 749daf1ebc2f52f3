"""Isolate: the middle of the image."""

import os
import signal
import sys
import time
from typing import ClassVar

import numpy as np
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.errors import BackendError
from mmpart_core.isolate.protocol import Isolation, IsolationTask
from mmpart_noop import journal


class Settings(BackendSettings):
    """What goes wrong, by the component's name."""

    fails: str = Field(default="", description="This component fails.")
    kills: str = Field(default="", description="This component kills its process.")
    sleeps: str = Field(default="", description="This component sleeps for a second.")


class NoopIsolator:
    """Cuts the middle out."""

    VERSION: ClassVar[str] = "1"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def isolate(self, task: IsolationTask, seed: int) -> Isolation:
        """Cut."""
        name = task.prompt.component
        journal.note("isolate", name[:3])
        if name == self._settings.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        if name == self._settings.sleeps:
            sys.stderr.write("noop: isolate goes on\n")
            sys.stderr.flush()
            time.sleep(1.0)
        if name == self._settings.fails:
            raise BackendError(f"isolate of {name}: it always fails")
        height, width = task.foreground.shape
        visible = np.zeros((height, width), dtype=bool)
        visible[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = True
        rgba = np.zeros((height, width, 4), dtype=np.uint8)
        rgba[visible] = [*name.encode()[:3].ljust(3, b"x"), 255]
        return Isolation(rgba, visible, np.zeros_like(visible))


BACKEND = NoopIsolator
