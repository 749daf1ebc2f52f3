"""Ctrl-C and SIGTERM: how a run is stopped.

Both end it when the work at hand is done: a thread that trains a field cannot be interrupted. A
second Ctrl-C ends it at once. SIGTERM comes from somebody who will not wait (``docker stop`` kills
after ten seconds), so after a short grace the process ends whatever it is doing. All that is
finished is in the store.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

INTERRUPTED, TERMINATED = 130, 143
GRACE_S = 3.0
FAREWELL_S = 1.0
GRACE_IS_OVER = signal.SIGUSR1


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
def interruptible(
    tell: Telling, last: str, farewell: Callable[[], None], grace_s: float = GRACE_S
) -> Generator[None]:
    """Within: Ctrl-C and SIGTERM raise ``Stopped`` in the main thread.

    Prefect replaces the handler of SIGTERM while a flow runs, by one that raises its own
    ``TerminationSignal``, and sends the signal again when the flow has ended; then ours raises.
    The grace begins when the signal arrives all the same: signals are also read from a pipe.

    Args:
        tell: writes a line for the user.
        last: what is said where the process ends at once.
        farewell: called in the main thread before the process ends at once.
        grace_s: how long SIGTERM lets work go on.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, leave)
            tell("Stopping when the work at hand is done; press Ctrl-C again to stop at once.")
            raise Stopped(INTERRUPTED)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped(TERMINATED)

    def leave(number: int, _frame: FrameType | None) -> None:
        status = INTERRUPTED if number == signal.SIGINT else TERMINATED
        threading.Thread(target=_end_soon, args=(status,), daemon=True).start()
        tell(last)
        farewell()
        os._exit(status)

    installed = {signal.SIGINT: stop, signal.SIGTERM: stop, GRACE_IS_OVER: leave}
    before = {number: signal.signal(number, handler) for number, handler in installed.items()}
    try:
        with _grace_after(signal.SIGTERM, tell, grace_s):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_soon(status: int) -> None:
    time.sleep(FAREWELL_S)
    os._exit(status)


@contextmanager
def _grace_after(number: signal.Signals, tell: Telling, grace_s: float) -> Generator[None]:
    """Within: a signal's arrival is told, and starts the grace, whoever handles the signal."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    over = threading.Event()

    def watch() -> None:
        while arrived := os.read(reading, 64):
            if number in arrived:
                tell(f"Stopping: work that is not done in {grace_s:.0f} s is left.")
                if not over.wait(grace_s):
                    _end_main_thread(over)
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


def _end_main_thread(over: threading.Event) -> None:
    """Let the main thread leave, which knows its flow run; without it where it cannot."""
    main = threading.main_thread().ident
    if main is not None:
        signal.pthread_kill(main, GRACE_IS_OVER)
    if not over.wait(2 * FAREWELL_S):
        os._exit(TERMINATED)
