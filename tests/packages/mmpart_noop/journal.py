"""What was called in whatever process, and what goes wrong there.

Both are kept in the folder that ``MMPART_NOOP_JOURNAL`` names: a line of ``calls`` for each call,
and in ``faults`` a file for each piece of work that is to fail, named ``reconstruct`` or
``reconstruct a1x``. Its words are done in order: ``sleep:1.5``, ``once`` (only the first caller
goes on with the rest), ``kill``, ``transient``, ``fail``, ``full`` (no space left).
"""

import errno
import os
import signal
import time
from pathlib import Path

from mmpart_core.errors import BackendError, TransientBackendError

VARIABLE = "MMPART_NOOP_JOURNAL"


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
        if fault.is_file():
            _fail(fault, f"{stage} {what}")


def _fail(fault: Path, work: str) -> None:
    for word in fault.read_text(encoding="utf-8").split():
        kind, _, value = word.partition(":")
        if kind == "sleep":
            time.sleep(float(value))
        elif kind == "once":
            try:
                fault.with_name(f"{fault.name}.done").touch(exist_ok=False)
            except FileExistsError:
                return
        elif kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == "transient":
            raise TransientBackendError(f"{work}: busy, try again")
        elif kind == "fail":
            raise BackendError(f"{work}: it always fails")
        elif kind == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{work}.tmp")
