"""Money that waits for the answers of batches: set aside, counted once, and given back."""

from collections.abc import Sequence

import pytest
from strict_batches import BatchServer

from flows.batch_rounds import HeldMoney
from mmpart_core.batch_rounds import BatchSummary
from mmpart_core.errors import BudgetError, InputError
from mmpart_core.hosted.answer_book import (
    AnswerBook,
    AnswerCost,
    BatchRequest,
    answering,
    piece_of_work,
)
from mmpart_core.hosted.batches import BatchDesk
from mmpart_core.hosted.client import ModelClient
from mmpart_core.hosted.spending import Account, spending
from mmpart_core.storage.fsspec_store import FsspecStore
from tests.mmpart_core.hosted.batch_questions import (
    HALF_USD,
    ask,
    awaited,
    client,
    desk,
    waiting_book,
)


def test_what_is_set_aside_is_not_left_to_calls() -> None:
    with spending(1.0) as account:
        account.hold(0.25)
        assert account.left_usd == pytest.approx(0.75)
        with spending() as piece:
            assert piece.left_usd == pytest.approx(0.75)
            piece.hold(0.5)
        assert account.left_usd == pytest.approx(0.25)
        with pytest.raises(BudgetError, match=r"\$0.2500 of \$1.00 is left"):
            account.reserve(0.3, "a call")
        account.release(0.75)
        assert account.left_usd == pytest.approx(1.0)


def set_aside(account: Account, requests: Sequence[BatchRequest]) -> BatchSummary:
    """What is known of answers that were asked for, each for half a cent at most."""
    account.hold(0.005 * len(requests))
    return BatchSummary(held={each.custom_id: AnswerCost(each.piece, 0.005) for each in requests})


Asked = tuple[ModelClient, BatchDesk, list[BatchRequest]]


@pytest.fixture
def asked(server: BatchServer, store: FsspecStore) -> Asked:
    """One question, whose answer has come with a batch."""
    made, counter = client(server), desk(store)
    requests = awaited(waiting_book(counter), made, "one")
    counter.prefetch(requests)
    return made, counter, requests


def test_an_answer_is_counted_once_and_its_money_is_given_back(
    asked: Asked,
) -> None:
    """Work that is tried again takes the same answer, which nobody pays for again."""
    made, counter, requests = asked
    with spending(1.0) as account:
        held = HeldMoney(account)
        held.add(set_aside(account, requests))
        book = AnswerBook(counter.find, awaits=False, watcher=held)
        with answering(book):
            for _ in range(2):
                with spending() as piece:
                    assert ask(made, "one") == "to one"
        assert piece.cost_usd == 0.0
        assert account.cost_usd == pytest.approx(HALF_USD)
        assert account.usage[0].calls == 1
        assert account.left_usd == pytest.approx(1.0 - HALF_USD)
    assert book.used[requests[0].custom_id].usd == pytest.approx(HALF_USD)


@pytest.mark.parametrize("made_meanwhile", [False, True])
def test_money_of_an_object_that_comes_twice_is_given_back(
    asked: Asked, made_meanwhile: bool
) -> None:
    """The second is asked for before the first is made, and finds its record: it uses nothing."""
    made, counter, requests = asked
    with spending(1.0) as account:
        held = HeldMoney(account)
        held.add(set_aside(account, requests))
        twin = set_aside(account, requests)
        assert account.left_usd == pytest.approx(0.99)
        if not made_meanwhile:
            held.add(twin)
            assert account.left_usd == pytest.approx(0.995)
        with answering(AnswerBook(counter.find, awaits=False, watcher=held)):
            ask(made, "one")
        if made_meanwhile:
            held.add(twin)
        assert account.left_usd == pytest.approx(1.0 - HALF_USD)


def test_money_of_answers_that_work_never_came_to_is_given_back(
    server: BatchServer, store: FsspecStore
) -> None:
    made, counter = client(server), desk(store)
    requests = awaited(waiting_book(counter), made, "one", "two")
    with spending(1.0) as account:
        held = HeldMoney(account)
        held.add(set_aside(account, requests))
        with (
            answering(AnswerBook(counter.find, awaits=False, watcher=held)),
            pytest.raises(InputError),
            piece_of_work("plan-1"),
        ):
            raise InputError("the image is gone")
        assert account.left_usd == pytest.approx(1.0)
