"""What was called in whatever process, and what goes wrong there.

Both are kept in the folder that ``MMPART_NOOP_JOURNAL`` names: a line of ``calls`` for each call,
and in ``faults`` a file for each piece of work that is to fail, named ``reconstruct`` or
``reconstruct a1x``. Its words are done in order: ``sleep:1.5``, ``once`` (only the first caller
goes on with the rest), ``after:12`` (only those that come after so many calls do), ``hold`` (waits
until the file is gone), ``kill``, ``transient``, ``fail``, ``full`` (no space left).
"""

import errno
import os
import signal
import time
from pathlib import Path

from mmpart_core.errors import BackendError, TransientBackendError

VARIABLE = "MMPART_NOOP_JOURNAL"
HELD_S = 240.0  # whoever holds work up lets it go, or died


def note(stage: str, what: str) -> None:
    """Tell that a piece of work is begun, and do what its faults say."""
    named = os.environ.get(VARIABLE)
    if not named:
        return
    folder = Path(named)
    with (folder / "calls").open("a", encoding="utf-8") as calls:
        calls.write(f"{stage} {what} {os.getpid()}\n")
    for name in (stage, f"{stage} {what}"):
        fault = folder / "faults" / name
        try:
            words = fault.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            continue
        _fail(fault, words, f"{stage} {what}")


def _fail(fault: Path, words: list[str], work: str) -> None:
    for word in words:
        if not _meant(fault, word):
            return
        kind, _, value = word.partition(":")
        if kind == "sleep":
            time.sleep(float(value))
        elif kind == "hold":
            _hold(fault)
        elif kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == "transient":
            raise TransientBackendError(f"{work}: busy, try again")
        elif kind == "fail":
            raise BackendError(f"{work}: it always fails")
        elif kind == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{work}.tmp")


def _meant(fault: Path, word: str) -> bool:
    """Whether this caller goes on with the rest."""
    kind, _, value = word.partition(":")
    if kind == "after":
        return _calls_of(fault) > int(value)
    if kind == "once":
        try:
            fault.with_name(f"{fault.name}.done").touch(exist_ok=False)
        except FileExistsError:
            return False
    return True


def _calls_of(fault: Path) -> int:
    lines = (fault.parents[1] / "calls").read_text(encoding="utf-8").splitlines()
    return sum(line.startswith(f"{fault.name} ") for line in lines)


def _hold(fault: Path) -> None:
    deadline = time.monotonic() + HELD_S
    while fault.exists():
        if time.monotonic() > deadline:
            raise BackendError(f"{fault.name}: held for {HELD_S:.0f} s, and nobody let it go")
        time.sleep(0.02)
