"""How many calls are under way, how many begin per minute, and how many tokens they take.

The limits of this module hold in one process. Limits across processes come from outside:
``across_processes`` is entered around every call.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

_WINDOW_S = 60.0
_LATEST_CALLS = 16


@dataclass
class BegunCall:
    """A call that was let through.

    Attributes:
        at_s: when it began.
        tokens: what it took, input and output; what it may take until that is known.
    """

    at_s: float
    tokens: int = 0


class Limiter:
    """Lets calls through, a bounded number at once and per minute.

    Args:
        concurrent: how many at once.
        per_minute: how many may begin in any sixty seconds; None for no bound.
        tokens_per_minute: how many tokens calls that began in any sixty seconds may take; None for
            no bound. Until a call has ended it counts as the mean of the latest ones; before any
            has ended it counts nothing, and one alone is let through whatever it takes.
        clock: the time in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        concurrent: int,
        per_minute: int | None,
        tokens_per_minute: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._slots = threading.BoundedSemaphore(concurrent)
        self._per_minute = per_minute
        self._tokens_per_minute = tokens_per_minute
        self._latest_tokens: deque[int] = deque(maxlen=_LATEST_CALLS)
        self._begun: deque[BegunCall] = deque()
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def slot(self) -> Generator[BegunCall]:
        """Within: one call may be made. Waits for its turn; whoever knows its tokens sets them."""
        with self._slots:
            while not isinstance(turn := self._turn(), BegunCall):
                self._sleep(turn)
            try:
                yield turn
            finally:
                with self._lock:
                    self._latest_tokens.append(turn.tokens)

    def _turn(self) -> BegunCall | float:
        """A call that may begin, booked; or the seconds until another look."""
        with self._lock:
            now = self._clock()
            while self._begun and now - self._begun[0].at_s >= _WINDOW_S:
                self._begun.popleft()
            if self._begun and (self._too_many() or self._too_long()):
                return self._begun[0].at_s + _WINDOW_S - now
            call = BegunCall(now, self._expected_tokens())
            self._begun.append(call)
            return call

    def _too_many(self) -> bool:
        return self._per_minute is not None and len(self._begun) >= self._per_minute

    def _too_long(self) -> bool:
        taken = sum(call.tokens for call in self._begun) + self._expected_tokens()
        return self._tokens_per_minute is not None and taken > self._tokens_per_minute

    def _expected_tokens(self) -> int:
        latest = self._latest_tokens
        return sum(latest) // len(latest) if latest else 0


_limiters: dict[tuple[str, str, int, int | None, int | None], Limiter] = {}
_limiters_lock = threading.Lock()


def shared_limiter(
    base_url: str,
    model: str,
    concurrent: int,
    per_minute: int | None,
    tokens_per_minute: int | None,
) -> Limiter:
    """The process's limiter of one model on one server."""
    identity = (base_url, model, concurrent, per_minute, tokens_per_minute)
    with _limiters_lock:
        return _limiters.setdefault(identity, Limiter(concurrent, per_minute, tokens_per_minute))


def _unlimited() -> AbstractContextManager[None]:
    return nullcontext()


_gate: list[Callable[[], AbstractContextManager[None]]] = [_unlimited]


def across_processes() -> AbstractContextManager[None]:
    """Within: a call is allowed by whoever counts calls across processes, if anybody does."""
    return _gate[0]()


def set_gate(gate: Callable[[], AbstractContextManager[None]] | None) -> None:
    """Say who counts calls across processes; None for nobody."""
    _gate[0] = gate or _unlimited
