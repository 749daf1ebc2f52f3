"""Work that takes its process down; a module of its own, so that a spawned process finds it."""

import os
import time
from pathlib import Path


def wait_for(folder: Path, pattern: str, count: int) -> None:
    """Until so many files are there.

    Raises:
        TimeoutError: they did not come.
    """
    end = time.monotonic() + 30
    while len(list(folder.glob(pattern))) < count:
        if time.monotonic() > end:
            raise TimeoutError(f"{folder}: {count} of '{pattern}' expected")
        time.sleep(0.01)


def die_once(folder: Path, name: str, together: int) -> int:
    """Take the process down once all are under way; the second time, count those at work."""
    again = folder / f"again-{name}"
    try:
        (folder / f"begun-{name}").touch(exist_ok=False)
    except FileExistsError:
        again.touch()
        wait_for(folder, "go", 1)
        time.sleep(0.3)
        at_work = len(list(folder.glob("again-*")))
        again.unlink()
        return at_work
    wait_for(folder, "begun-*", together)
    os._exit(1)
