"""How far a long piece of work is: told by back-ends, heard by whoever runs them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

Hearing = Callable[[float], None]


def _nobody(_share: float) -> None:
    """Hears nothing."""


_hearing: ContextVar[Hearing] = ContextVar("mmpart_progress", default=_nobody)


def report_progress(share: float) -> None:
    """Say how much of the work at hand is done; cheap, so it may be called at every step.

    Args:
        share: 0 to 1.
    """
    _hearing.get()(share)


@contextmanager
def progress_heard(hearing: Hearing) -> Generator[None]:
    """Within, in this thread: reports go there.

    Args:
        hearing: is given the share that is done; called in the thread that works.
    """
    token = _hearing.set(hearing)
    try:
        yield
    finally:
        _hearing.reset(token)
