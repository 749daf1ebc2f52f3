"""How many threads torch uses while a part trains."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_active = 0
_original = 1


@contextmanager
def torch_threads(count: int) -> Generator[None]:
    """Limit torch to ``count`` threads within the block, in the calling thread.

    The limit belongs to the calling thread (OpenMP) but its default for new threads to the
    process, so blocks that overlap in time remember the value from before the first of them.

    Args:
        count: at least 1; 0 leaves torch as it is.
    """
    global _active, _original
    if count == 0:
        yield
        return
    with _lock:
        if _active == 0:
            _original = torch.get_num_threads()
        _active += 1
        torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            _active -= 1
            torch.set_num_threads(_original)
