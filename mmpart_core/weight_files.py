"""What a file of weights is to a cache key: its content, wherever it lies."""

import hashlib
from functools import lru_cache
from pathlib import Path


def content_of(path: str) -> str:
    """``sha256:`` and the digest of a file; the path as it stands where no file can be read.

    A file is read again only when its size or its time of change is another.

    Args:
        path: of a file; ``~`` is the user's folder.
    """
    file = Path(path).expanduser()
    try:
        if not file.is_file():
            return path
        state = file.stat()
        return f"sha256:{_digest(file, state.st_size, state.st_mtime_ns)}"
    except OSError:
        return path


@lru_cache(maxsize=16)
def _digest(file: Path, _size: int, _changed_ns: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
