"""Progress bars in the Prefect UI, for pieces of work that take long."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.logging import get_run_logger

from mmpart_core.progress import progress_heard

# Short work needs no bar, and a server no more than a few words a minute of each.
SHOWN_AFTER_S = 5.0
SHOWN_EVERY_S = 5.0


class ProgressBar:
    """A bar that appears once the work has taken a while; a server that refuses it is not asked on.

    Args:
        label: whose progress.
        clock: seconds that only go up.
    """

    def __init__(self, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._label = label
        self._clock = clock
        self._next = clock() + SHOWN_AFTER_S
        self._bar: UUID | None = None
        self._refused = False

    def show(self, share: float) -> None:
        """Bring the bar up to date, if it is time.

        Args:
            share: 0 to 1.
        """
        if self._refused or self._clock() < self._next:
            return
        self._next = self._clock() + SHOWN_EVERY_S
        self._send(100.0 * min(max(share, 0.0), 1.0))

    def end(self) -> None:
        """The work is done."""
        if self._bar is not None and not self._refused:
            self._send(100.0)

    def _send(self, percent: float) -> None:
        try:
            if self._bar is None:
                self._bar = create_progress_artifact(  # pyright: ignore[reportAttributeAccessIssue]
                    percent, key="progress", description=self._label
                )
            else:
                update_progress_artifact(self._bar, progress=percent)
        except (httpx.HTTPError, RuntimeError) as error:
            self._refused = True
            get_run_logger().warning("progress of %s was not published: %s", self._label, error)


@contextmanager
def progress_shown(label: str) -> Generator[None]:
    """Within: what the work reports is a bar in the UI, on the task run around.

    Args:
        label: what the bar is called.
    """
    bar = ProgressBar(label)
    with progress_heard(bar.show):
        yield
    bar.end()
