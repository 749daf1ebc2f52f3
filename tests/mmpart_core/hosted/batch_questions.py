"""Questions to a hosted model that are answered by batches: what the tests of batches share."""

from typing import Any

import pytest
from strict_batches import BatchServer

from mmpart_core.errors import AwaitedAnswerError
from mmpart_core.hosted.answer_book import AnswerBook, answering, piece_of_work
from mmpart_core.hosted.batches import BatchDesk, Patience
from mmpart_core.hosted.client import ModelClient
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.storage.fsspec_store import FsspecStore

VARIABLE = "MMPART_TEST_KEY"
# 1000 tokens in and 500 out of gpt-6.1-terra, at half of $1 and $5 per million.
HALF_USD = 0.5 * (1000 * 1.0 + 500 * 5.0) / 1e6


def client(server: BatchServer, **changes: Any) -> ModelClient:
    given = {"base_url": server.base_url, "api_key_variable": VARIABLE, "longest_wait_s": 0.05}
    made = ModelClient(HostedSettings(**(given | changes)), "gpt-6.1-terra", "plan")
    made.open()
    return made


def desk(store: FsspecStore, longest_s: float = 60.0, told: list[str] | None = None) -> BatchDesk:
    say = [] if told is None else told
    return BatchDesk(store, Patience(0.01, longest_s), say.append, lambda seconds: None)


def ask(made: ModelClient, words: str, key: str = "plan-1", times: int = 1) -> str:
    """What a piece of work gets that asks the same so many times; the last answer's text."""
    answered: Any = None
    with piece_of_work(key):
        for _ in range(times):
            answered = made.call(
                lambda sdk: sdk.responses.create(model="gpt-6.1-terra", input=words),
                what=f"plan of '{words}'", expected_usd=0.02,
            )  # fmt: skip
    return answered.answer.output_text


def awaited(book: AnswerBook, made: ModelClient, *words: str) -> list[Any]:
    """Ask for several things that a book does not hold, and give the requests."""
    with answering(book):
        for each in words:
            with pytest.raises(AwaitedAnswerError, match=each):
                ask(made, each)
    return list(book.awaited.values())


def waiting_book(of: BatchDesk) -> AnswerBook:
    return AnswerBook(of.find, awaits=True)
