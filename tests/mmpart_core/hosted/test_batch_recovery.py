"""Batches and processes that died, and answers that were lost."""

import pytest
from strict_batches import BatchServer
from strict_openai import dropped

from mmpart_core.errors import TransientBackendError
from mmpart_core.hosted.answer_book import (
    AnswerBook,
    BatchAnswer,
    answering,
    edition_of_answers,
)
from mmpart_core.hosted.batch_notes import BatchNotes
from mmpart_core.hosted.batches import BatchDesk
from mmpart_core.hosted.client import ModelClient
from mmpart_core.storage.fsspec_store import FsspecStore
from tests.mmpart_core.hosted.batch_questions import (
    ask,
    awaited,
    client,
    desk,
    waiting_book,
)


def test_a_batch_whose_reply_was_lost_is_not_made_again(
    server: BatchServer, store: FsspecStore
) -> None:
    made, counter = client(server), desk(store)
    server.page = 1  # the list is read on to further pages
    counter.prefetch(awaited(waiting_book(counter), made, "before"))
    server.lose_reply()
    answers = counter.prefetch(awaited(waiting_book(counter), made, "one", "two"))
    assert len(answers) == 2
    assert [len(lines) for lines in server.sent()] == [1, 2]


class KilledError(BaseException):
    """The process ends."""


def killed() -> None:
    raise KilledError


@pytest.mark.parametrize("later", ["nothing", "one more", "less"])
def test_a_process_that_died_while_it_sent_a_batch_pays_nothing_twice(
    server: BatchServer, store: FsspecStore, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is made; its id never reaches the shelf, as the process is dead by then."""
    made, first = client(server), desk(store)
    with monkeypatch.context() as dying:
        dying.setattr(BatchNotes, "note_batch", lambda *_: killed())
        with pytest.raises(KilledError):
            first.prefetch(awaited(waiting_book(first), made, "one", "two"))
    assert [len(lines) for lines in server.sent()] == [2]
    words = {"nothing": ["one", "two"], "one more": ["one", "two", "more"], "less": ["two"]}[later]
    told: list[str] = []
    second = desk(store, told=told)
    answers = second.prefetch(awaited(waiting_book(second), made, *words))
    assert len(answers) == len(words)
    assert "taken up again" in told[0]
    assert [len(lines) for lines in server.sent()] == ([2, 1] if later == "one more" else [2])
    # All that the batch answered is kept, also what nobody waited for at the time.
    third = desk(store)
    with answering(AnswerBook(third.find, awaits=True)):
        assert [ask(made, each) for each in ("one", "two")] == ["to one", "to two"]


def test_notes_of_a_batch_that_was_never_made_do_not_keep_requests_from_being_sent(
    server: BatchServer, store: FsspecStore
) -> None:
    made, first = client(server, attempts=1), desk(store)
    server.fail("/batches", dropped())
    requests = awaited(waiting_book(first), made, "one")
    with pytest.raises(TransientBackendError):
        first.prefetch(requests)
    assert server.batches == {}
    assert len(desk(store).prefetch(requests)) == 1
    # A server that cannot list its batches is believed to have none that we do not know.
    server.lists = False
    server.fail("/batches", dropped())
    more = awaited(waiting_book(first), made, "two")
    with pytest.raises(TransientBackendError):
        first.prefetch(more)
    assert len(desk(store).prefetch(more)) == 1


def test_answers_under_names_that_are_none_of_ours_are_not_kept(store: FsspecStore) -> None:
    notes = BatchNotes(store)
    answer = BatchAnswer(status=200, body={})
    assert not notes.keep_answer("../../elsewhere", answer)
    assert not notes.keep_answer("mmpart-0", answer)
    assert notes.keep_answer(f"mmpart-{'0' * 64}", answer)


def test_what_is_tried_again_is_asked_again(server: BatchServer, store: FsspecStore) -> None:
    made, counter = client(server), desk(store)
    counter.prefetch(awaited(waiting_book(counter), made, "one"))
    with edition_of_answers("again"):
        again = awaited(waiting_book(counter), made, "one")
        assert len(counter.prefetch(again)) == 1
        assert answered_by(counter, made, "one") == "to one"
    assert len(server.batches) == 2


def answered_by(counter: BatchDesk, made: ModelClient, words: str) -> str:
    with answering(waiting_book(counter)):
        return ask(made, words)
