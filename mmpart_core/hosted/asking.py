"""Asks a model until its answer can be used, a bounded number of times; each answer is paid."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mmpart_core import errors
from mmpart_core.errors import BackendError, RefusedError
from mmpart_core.hosted.exchange import Reply, Turn
from mmpart_core.hosted.secrets import without_keys

AnswerT = TypeVar("AnswerT")
_MOST_KEPT_CHARS = 20000  # of an answer that is sent back
_MOST_REFUSAL_CHARS = 400


@dataclass(frozen=True)
class Wanted(Generic[AnswerT]):
    """What a model is asked for, and what is said where it does not give it.

    Attributes:
        what: the work, for messages, for instance ``plan of 'rider'``.
        model: likewise.
        read: the words of an answer as what is wanted; or None, and the answer's faults in words
            that the model can be told.
        sent_back: what the model is told of its faults.
        shorter: what it is told where its answer was cut off.
        when_declined: what the user may do about a refusal.
        when_unusable: what the user may do where no answer could be used.
    """

    what: str
    model: str
    read: Callable[[str], tuple[AnswerT | None, list[str]]]
    sent_back: Callable[[Sequence[str]], str]
    shorter: str
    when_declined: str
    when_unusable: str


def ask_until_usable(
    ask: Callable[[Sequence[Turn]], Reply], wanted: Wanted[AnswerT], tries: int
) -> tuple[AnswerT, float]:
    """Ask, check, and ask again with the faults of the answer.

    Args:
        ask: makes one call; given what was said since the first question.
        wanted: what for.
        tries: how often at most.

    Returns:
        What was wanted, and the cost of all answers.

    Raises:
        RefusedError: the model declined.
        BackendError: no answer could be used.
        MMPartError: whatever a call raises. Each of them with the cost of all answers.
    """
    spent_usd = 0.0
    turns: list[Turn] = []
    faults: list[str] = []
    for _ in range(tries):
        with errors.cost_told(spent_usd):
            reply = ask(turns)
        spent_usd += reply.cost_usd
        with errors.cost_told(spent_usd):
            answer, faults = _read(reply, wanted)
        if answer is not None:
            return answer, spent_usd
        turns = [
            Turn("assistant", reply.text[:_MOST_KEPT_CHARS] or "(nothing)"),
            Turn("user", wanted.sent_back(faults)),
        ]
    with errors.cost_told(spent_usd):
        raise BackendError(
            f"{wanted.what}: {tries} answers of {wanted.model} could not be used, the last because "
            f"of: {' '.join(faults)} {wanted.when_unusable}"
        )


def _read(reply: Reply, wanted: Wanted[AnswerT]) -> tuple[AnswerT | None, list[str]]:
    if reply.refusal:
        said = " ".join(reply.refusal.split())[:_MOST_REFUSAL_CHARS]
        raise RefusedError(f"{wanted.what}: {wanted.model} declined ({said}); "
                           f"{wanted.when_declined}")  # fmt: skip
    if reply.failed:
        return None, [f"There is no answer in it ({without_keys(reply.failed)})."]
    if reply.cut_off:
        return None, [f"It was cut off ({reply.cut_off}): {wanted.shorter}."]
    return wanted.read(reply.text)
