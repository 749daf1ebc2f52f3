"""What was called, and what is out of order at the moment."""

import os
import sys
import threading
import time

from mmpart_core.errors import BackendError, TransientBackendError

_lock = threading.Lock()
calls: list[tuple[str, str]] = []
broken: dict[tuple[str, str], type[Exception]] = {}
flaky: dict[tuple[str, str], int] = {}
meeting: threading.Barrier | None = None


def reset() -> None:
    """Forget calls and faults."""
    with _lock:
        calls.clear()
        broken.clear()
        flaky.clear()


def note(stage: str, what: str) -> None:
    """Count a call; fail if that work is out of order."""
    with _lock:
        calls.append((stage, what))
        if flaky.get((stage, what), 0) > 0:
            flaky[(stage, what)] -= 1
            raise TransientBackendError(f"{stage} of {what}: busy, try again")
        fault = broken.get((stage, what))
    slow_stage, _, seconds = os.environ.get("MMPART_COUNTING_SLEEP", "").partition(":")
    if stage == slow_stage:
        # whoever started this process may wait for the line
        sys.stderr.write(f"counting: {stage} goes on\n")
        sys.stderr.flush()
        time.sleep(float(seconds))
    if meeting is not None and stage == "isolate":
        meeting.wait(timeout=30)
    if fault is not None:
        raise fault(f"{stage} of {what}: out of order")


def taken() -> list[tuple[str, str]]:
    """The calls since the last time, sorted."""
    with _lock:
        seen = sorted(calls)
        calls.clear()
    return seen


def break_down(stage: str, what: str, fault: type[Exception] = BackendError) -> None:
    """Let that work fail until ``reset``."""
    broken[(stage, what)] = fault


def barrier(parts: int) -> threading.Barrier:
    """Where that many isolations have to meet before any of them goes on."""
    return threading.Barrier(parts)
