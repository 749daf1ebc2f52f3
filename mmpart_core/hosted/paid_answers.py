"""Answers that work paid for before it failed for a while: taken up when it is tried again.

A piece of work may make several calls. Where a later one finds its server throttled or away, the
piece fails and is tried again in the same process; the calls before it are then not made again.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from mmpart_core.errors import TransientBackendError

_MOST_PIECES = 64  # that failed and were not tried again yet; the oldest are forgotten
_lock = threading.Lock()
_left: dict[str, dict[str, object]] = {}
_paid: ContextVar[dict[str, object] | None] = ContextVar("mmpart_paid_answers", default=None)


@contextmanager
def kept_while_retried(piece: str) -> Generator[None]:
    """Within: answers are kept for the next try where this one fails in a way that may pass.

    Args:
        piece: key of the piece of work.

    Raises:
        MMPartError: as within.
    """
    with _lock:
        paid = _left.pop(piece, {})
    token = _paid.set(paid)
    try:
        yield
    except TransientBackendError:
        with _lock:
            _left[piece] = paid
            while len(_left) > _MOST_PIECES:
                del _left[next(iter(_left))]
        raise
    finally:
        _paid.reset(token)


def are_kept() -> bool:
    """Whether the current work may be tried again."""
    return _paid.get() is not None


def paid_answer(request: str) -> object | None:
    """What an earlier try got for a request; None where it was not made.

    Args:
        request: tells it from all others of the piece of work.
    """
    return (_paid.get() or {}).get(request)


def note_paid(request: str, answer: object) -> None:
    """Keep an answer, if the current work may be tried again."""
    paid = _paid.get()
    if paid is not None:
        paid[request] = answer
