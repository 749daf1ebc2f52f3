"""How many of how many are done, on a console: a bar on a terminal, lines elsewhere."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

Listener = TypeVar("Listener")
Heard = TypeVar("Heard")


@contextmanager
def heard(variable: ContextVar[Listener], news: Heard) -> Generator[Heard]:
    """Within: this listener is told, in this thread and its children."""
    token = variable.set(news)  # pyright: ignore[reportArgumentType] - fulfils the protocol
    try:
        yield news
    finally:
        variable.reset(token)


@contextmanager
def counted(
    console: Console,
    quiet: bool,
    variable: ContextVar[Listener],
    listening: Callable[[Console, Progress | None], Listener],
    clock: ProgressColumn,
) -> Generator[None]:
    """Within: how work goes is shown on a console.

    Args:
        console: a terminal or not.
        quiet: nothing is shown.
        variable: whose listener is told.
        listening: makes the listener; its tasks have the field ``now``.
        clock: the column of times.
    """
    if quiet:
        yield
        return
    if not console.is_terminal:
        with heard(variable, listening(console, None)):
            yield
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        clock,
        TextColumn("{task.fields[now]}", markup=False),
    )
    progress = Progress(*columns, console=console)
    with progress, heard(variable, listening(console, progress)):
        yield
