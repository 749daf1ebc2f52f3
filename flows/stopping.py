"""Ctrl-C and SIGTERM: how a run is stopped.

Both end it when the work at hand is done: a thread that trains a field cannot be interrupted. A
second Ctrl-C ends it at once. SIGTERM comes from somebody who will not wait (``docker stop`` kills
after ten seconds), so after a short grace the process ends whatever it is doing. All that is
finished is in the store.
"""

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

INTERRUPTED, TERMINATED = 130, 143
GRACE_S = 3.0
FAREWELL_S = 1.0


class Telling(Protocol):
    """Writes one line for the user."""

    def __call__(self, line: str) -> None:
        """Write it."""
        ...


class Stopped(KeyboardInterrupt):
    """The run is to end.

    Args:
        status: exit status of the command.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def exit_status(stop: KeyboardInterrupt) -> int:
    """Exit status of a command that was stopped."""
    return stop.status if isinstance(stop, Stopped) else INTERRUPTED


@contextmanager
def interruptible(tell: Telling, last: str = "Stopped.") -> Generator[None]:
    """Within: Ctrl-C and SIGTERM raise ``Stopped`` in the main thread.

    Prefect replaces the handler of SIGTERM while a flow runs, by one that raises its own
    ``TerminationSignal``, and sends the signal again when the flow has ended; then ours raises.
    The grace begins when the signal arrives all the same: signals are also read from a pipe.

    Args:
        tell: writes a line for the user.
        last: what is said where the process ends at once.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, leave)
            tell("Stopping when the work at hand is done; press Ctrl-C again to stop at once.")
            raise Stopped(INTERRUPTED)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped(TERMINATED)

    def leave(_number: int, _frame: FrameType | None) -> None:
        tell(last)
        os._exit(INTERRUPTED)

    def terminate() -> None:
        tell(last)
        os._exit(TERMINATED)

    handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _on_arrival(signal.SIGTERM, tell, terminate):
            yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@contextmanager
def _on_arrival(
    number: signal.Signals, tell: Telling, when_grace_ends: Callable[[], None]
) -> Generator[None]:
    """Within: a signal's arrival is told, and starts the grace, whoever handles it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    over = threading.Event()

    def watch() -> None:
        while arrived := os.read(reading, 64):
            if number in arrived:
                tell(f"Stopping: work that is not done in {GRACE_S:.0f} s is left.")
                if not over.wait(GRACE_S):
                    when_grace_ends()
                return

    watcher = threading.Thread(target=watch, name="signals", daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    finally:
        over.set()
        signal.set_wakeup_fd(before)
        os.close(writing)
        watcher.join()
        os.close(reading)
