"""Files of a folder, written whole or not at all, whatever becomes of the process meanwhile."""

import os
import threading
from pathlib import Path
from typing import BinaryIO

TEMPORARY_PREFIX = "."


def write_whole(path: Path, data: bytes) -> None:
    """Write a file; replaces an older one.

    Where the system can (Linux, on most local file systems), it has no name until it is whole, so
    that a process that is killed at work leaves nothing behind. Elsewhere it has a temporary name
    meanwhile, which starts with ``TEMPORARY_PREFIX``.

    Args:
        path: of the file; its folder is made.
        data: its content.

    Raises:
        OSError: it cannot be written; nothing of it is left.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mark = f"{os.getpid()}-{threading.get_ident()}"
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}.{mark}")
    nameless = _open_nameless(path.parent)
    try:
        if nameless is None:
            temporary.write_bytes(data)
        else:
            with nameless:
                nameless.write(data)
                nameless.flush()
                if _is_named(nameless, path):
                    return
                # An older file can only be replaced by one that has a name.
                if not _is_named(nameless, temporary):
                    temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _open_nameless(folder: Path) -> BinaryIO | None:
    """A new file in a folder, without a name; None where there are none."""
    flag: int | None = getattr(os, "O_TMPFILE", None)
    if flag is None:
        return None
    try:
        return os.fdopen(os.open(folder, flag | os.O_WRONLY, 0o666), "wb")
    except OSError:
        return None


def _is_named(nameless: BinaryIO, path: Path) -> bool:
    """Whether a file without a name could be given one; not where there is a file of that name."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # With a folder's number Python asks for the file behind the link in /proc, else for the
        # link; the number itself is for relative paths.
        os.link(f"/proc/self/fd/{nameless.fileno()}", path, src_dir_fd=folder, follow_symlinks=True)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(folder)
