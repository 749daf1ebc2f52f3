"""How many calls are under way, and how many begin per minute.

The limits of this module hold in one process. Limits across processes come from outside:
``across_processes`` is entered around every call.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_WINDOW_S = 60.0


class Limiter:
    """Lets calls through, a bounded number at once and per minute.

    Args:
        concurrent: how many at once.
        per_minute: how many may begin in any sixty seconds; None for no bound.
        clock: the time in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        concurrent: int,
        per_minute: int | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._slots = threading.BoundedSemaphore(concurrent)
        self._per_minute = per_minute
        self._begun: deque[float] = deque()
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def slot(self) -> Generator[None]:
        """Within: one call may be made. Waits for its turn."""
        with self._slots:
            while (wait_s := self._wait_s()) > 0:
                self._sleep(wait_s)
            yield

    def _wait_s(self) -> float:
        """Seconds until a call may begin; 0 books it."""
        if self._per_minute is None:
            return 0.0
        with self._lock:
            now = self._clock()
            while self._begun and now - self._begun[0] >= _WINDOW_S:
                self._begun.popleft()
            if len(self._begun) >= self._per_minute:
                return self._begun[0] + _WINDOW_S - now
            self._begun.append(now)
            return 0.0


_limiters: dict[tuple[str, str, int, int | None], Limiter] = {}
_limiters_lock = threading.Lock()


def shared_limiter(base_url: str, model: str, concurrent: int, per_minute: int | None) -> Limiter:
    """The process's limiter of one model on one server."""
    identity = (base_url, model, concurrent, per_minute)
    with _limiters_lock:
        return _limiters.setdefault(identity, Limiter(concurrent, per_minute))


def _unlimited() -> AbstractContextManager[None]:
    return nullcontext()


_gate: list[Callable[[], AbstractContextManager[None]]] = [_unlimited]


def across_processes() -> AbstractContextManager[None]:
    """Within: a call is allowed by whoever counts calls across processes, if anybody does."""
    return _gate[0]()


def set_gate(gate: Callable[[], AbstractContextManager[None]] | None) -> None:
    """Say who counts calls across processes; None for nobody."""
    _gate[0] = gate or _unlimited
