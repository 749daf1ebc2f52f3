"""What a run spends on hosted models: counted per piece of work, bounded for the run.

``with spending() as account:`` counts the calls made within, also in threads that were given a copy
of the context. Accounts are nested: a run's account, which may have a limit, holds those of its
pieces of work. A back-end states what a call may cost before it makes it.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from mmpart_core.errors import BudgetError
from mmpart_core.records import ModelUsage


class Account:
    """Calls and what they cost.

    Args:
        limit_usd: what may be spent at most; None for no limit.
        parent: an account that the same calls are counted in.
    """

    def __init__(self, limit_usd: float | None = None, parent: "Account | None" = None) -> None:
        self.limit_usd = limit_usd
        self._parent = parent
        self._used: dict[str, ModelUsage] = {}
        self._cost_usd = 0.0
        self._reserved_usd = 0.0
        self._exhausted = False
        self._lock = threading.Lock()

    @property
    def cost_usd(self) -> float:
        """What was spent, as far as prices are known."""
        return self._cost_usd

    @property
    def usage(self) -> tuple[ModelUsage, ...]:
        """What was used, one entry per model."""
        with self._lock:
            return tuple(self._used.values())

    def reserve(self, expected_usd: float | None, call: str) -> None:
        """Set money aside for a call that is about to be made.

        Once a call was refused all further ones are: a run that has spent what it may stops.

        Args:
            expected_usd: the most it may cost, as far as that is known; None when its price is
                not known.
            call: what to call it in the message.

        Raises:
            BudgetError: it could cost more than is left.
        """
        if self._parent is not None:
            self._parent.reserve(expected_usd, call)
        with self._lock:
            fault = None if self.limit_usd is None else self._fault(expected_usd)
            if fault is None:
                self._reserved_usd += expected_usd or 0.0
                return
            self._exhausted = True
        if self._parent is not None:
            self._parent.release(expected_usd)
        raise BudgetError(
            f"{call}: {fault}, so it was not made; what was finished is kept: the same command "
            "with a higher --max-cost goes on from there"
        )

    def _fault(self, expected_usd: float | None) -> str | None:
        limit, spent = self.limit_usd or 0.0, self._cost_usd + self._reserved_usd
        if expected_usd is None:
            return "what it costs is not known, which --max-cost cannot allow"
        if self._exhausted or spent + expected_usd > limit:
            return (
                f"it may cost ${expected_usd:.4f}, ${max(limit - spent, 0.0):.4f} of "
                f"${limit:.2f} is left"
            )
        return None

    @property
    def left_usd(self) -> float | None:
        """What may still be spent, beside what is set aside; None where there is no limit."""
        above = None if self._parent is None else self._parent.left_usd
        if self.limit_usd is None:
            return above
        with self._lock:
            own = max(self.limit_usd - self._cost_usd - self._reserved_usd, 0.0)
        return own if above is None else min(own, above)

    def hold(self, usd: float) -> None:
        """Set money aside for answers that were asked for; ``release`` gives it back."""
        if self._parent is not None:
            self._parent.hold(usd)
        with self._lock:
            self._reserved_usd += usd

    def release(self, expected_usd: float | None) -> None:
        """Give back what was set aside for a call that is over."""
        if self._parent is not None:
            self._parent.release(expected_usd)
        with self._lock:
            self._reserved_usd = max(self._reserved_usd - (expected_usd or 0.0), 0.0)

    def book(self, usage: ModelUsage) -> None:
        """Count an answer that came."""
        if self._parent is not None:
            self._parent.book(usage)
        with self._lock:
            before = self._used.get(usage.model)
            self._used[usage.model] = usage if before is None else before.plus(usage)
            self._cost_usd += usage.cost_usd or 0.0


_current: ContextVar[Account | None] = ContextVar("mmpart_account", default=None)


@contextmanager
def spending(limit_usd: float | None = None, *, apart: bool = False) -> Generator[Account]:
    """Within: calls are counted in a new account, and in the one around it.

    Args:
        limit_usd: what may be spent within at most; None for no limit.
        apart: not in the one around it: for work that is done once more, and counted then.
    """
    account = Account(limit_usd, None if apart else _current.get())
    before = _current.set(account)
    try:
        yield account
    finally:
        _current.reset(before)


def current_account() -> Account:
    """The innermost account; one that nobody reads where there is none."""
    return _current.get() or Account()
