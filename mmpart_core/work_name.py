"""What the work at hand is called, ``<object>/<part>/<stage>``, for every line of a log."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_at_hand: ContextVar[str] = ContextVar("mmpart_work_name", default="")
_FORM = "%(asctime)s %(levelname)s %(work)s %(name)s: %(message)s"


def work_name(object_name: str, component: str | None, stage: str) -> str:
    """The name of a piece of work.

    Args:
        object_name: of the request; empty where it is not known.
        component: the part; None for the whole object.
        stage: which stage.

    Example:
        >>> work_name("robot", "hat", "mesh"), work_name("robot", None, "assemble")
        ('robot/hat/mesh', 'robot/assemble')
    """
    return "/".join(piece for piece in (object_name, component, stage) if piece)


@contextmanager
def work_named(name: str) -> Generator[None]:
    """Within, in this thread: ``named_handler`` writes this name into each line.

    Args:
        name: from ``work_name``.
    """
    token = _at_hand.set(name)
    try:
        yield
    finally:
        _at_hand.reset(token)


def named_handler() -> logging.Handler:
    """A handler to stderr whose lines carry the name of the work they are about."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_FORM))
    handler.addFilter(_name_work)
    return handler


def _name_work(record: logging.LogRecord) -> bool:
    """Gives a record the field ``work``; lets all pass."""
    record.work = _at_hand.get() or "-"
    return True
