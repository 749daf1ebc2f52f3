"""What flows that ask in batches share: keys, money that waits for answers, what is told."""

from flows.budget import hosted_models
from mmpart_core.batch_rounds import BatchSummary
from mmpart_core.config import PipelineConfig
from mmpart_core.hosted.spending import Account
from tasks._hosted import prepare_hosted


class HeldMoney:
    """What answers cost that have come and are not counted yet: set aside until they are.

    Args:
        account: where it is set aside.

    Attributes:
        account: as given.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self._held: dict[str, float] = {}

    def add(self, summary: BatchSummary) -> None:
        """What was set aside while answers were asked for."""
        self._held |= summary.held_usd

    def give_back(self, custom_id: str) -> None:
        """An answer was counted."""
        self.account.release(self._held.pop(custom_id, 0.0))


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
