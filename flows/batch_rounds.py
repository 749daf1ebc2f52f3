"""What flows that ask in batches share: keys, money that waits for answers, what is told."""

import math
import threading

from flows.budget import hosted_models
from mmpart_core.batch_rounds import BatchSummary
from mmpart_core.config import PipelineConfig
from mmpart_core.hosted.spending import Account
from tasks._hosted import prepare_hosted


class HeldMoney:
    """What answers cost that have come and are not counted yet: set aside until they are.

    It is given back when an answer is counted, and all of a piece of work when that is over:
    another object may have needed the same and been made first, or the piece may have failed.

    Args:
        account: where it is set aside.

    Attributes:
        account: as given.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self._held: dict[str, dict[str, float]] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def add(self, summary: BatchSummary) -> None:
        """What was set aside while answers were asked for.

        Pieces that ended meanwhile need nothing any more, and what is set aside already, for
        another object that needs the same, is not needed twice.
        """
        with self._lock:
            for custom_id, cost in summary.held.items():
                held = self._held.setdefault(cost.piece, {})
                self.account.release(held.get(custom_id))
                held[custom_id] = cost.usd
            for piece in self._ended:
                self._release_all(piece)
            self._ended.clear()

    def used(self, custom_id: str, piece: str) -> None:
        """An answer was counted."""
        with self._lock:
            self.account.release(self._held.get(piece, {}).pop(custom_id, None))

    def ended(self, piece: str) -> None:
        """A piece of work is over."""
        with self._lock:
            self._ended.add(piece)
            self._release_all(piece)

    def _release_all(self, piece: str) -> None:
        self.account.release(math.fsum(self._held.pop(piece, {}).values()))


def prepare_keys(config: PipelineConfig) -> None:
    """Find the keys of all hosted models of a profile."""
    for stage, _ in hosted_models(config):
        prepare_hosted(stage, config.choice(stage))


def summary_line(summary: BatchSummary) -> str:
    """What was asked for in batches, and what is left to single calls.

    Example:
        >>> summary_line(BatchSummary(rounds=2, requests=12, unanswered=1))
        'batches: 12 requests in 2 rounds, 1 without an answer: made as single calls'
    """
    line = f"batches: {summary.requests} requests in {summary.rounds} rounds"
    if summary.unanswered:
        line += f", {summary.unanswered} without an answer: made as single calls"
    if summary.unsent:
        line += f", {summary.unsent} not sent: they could pass --max-cost"
    return line
