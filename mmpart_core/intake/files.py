"""Reads files that a user gave, never more of them than they may hold."""

import stat
from pathlib import Path

from mmpart_core.errors import InputError
from mmpart_core.quoting import shown_path


def read_limited(path: Path, what: str, max_bytes: int, advice: str) -> bytes:
    """The content of a file, refused by its size before it is read.

    Files without a size of their own (pipes, devices) are read up to the limit and no further.

    Args:
        path: the file.
        what: what it is called in messages: ``image``, ``component list``.
        max_bytes: most bytes it may hold.
        advice: what to do with a larger one.

    Raises:
        InputError: absent, a folder, unreadable, or larger than ``max_bytes``.
    """
    try:
        with path.open("rb") as stream:
            found = path.stat()
            size = found.st_size if stat.S_ISREG(found.st_mode) else 0
            data = stream.read(max_bytes + 1) if size <= max_bytes else b""
    except FileNotFoundError as error:
        raise InputError(f"{what} {shown_path(path)}: no such file; check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{what} {shown_path(path)}: a folder, one file expected") from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{what} {shown_path(path)}: cannot be read ({reason}); check the path"
        ) from error
    if max(size, len(data)) > max_bytes:
        came = f"{size} bytes" if size > max_bytes else f"more than {max_bytes} bytes"
        raise InputError(
            f"{what} {shown_path(path)}: {came}, at most {max_bytes} expected; {advice}"
        )
    return data
