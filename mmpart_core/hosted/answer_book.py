"""Answers that were asked for beforehand: looked up where a call would be made.

Within ``answering(book)`` every call of a hosted model is first looked up in the book by what would
be sent. A book that awaits notes what it lacks and stops the work there, so that running work
against it tells which requests it needs next; one that does not lets the call be made. Back-ends
know nothing of it.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from mmpart_core.errors import AwaitedAnswerError
from mmpart_core.hosted.paid_answers import kept_while_retried
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.keys import canonical_json

PRICE_SHARE = 0.5
"""What a batch costs beside single calls: developers.openai.com, guide to the Batch API."""
Endpoint = Literal["/v1/responses", "/v1/chat/completions", "/v1/images/edits"]


@dataclass(frozen=True)
class BatchRequest:
    """One request of a batch.

    Attributes:
        custom_id: tells requests apart: what is sent, where, for which piece of work, and how
            often the same was asked there before.
        endpoint: what it is sent to.
        body: JSON.
        settings: of the server and its key.
        stage: whose settings these are, for messages.
        what: the work, for messages.
        most_usd: the most it may cost in a batch; None where its price is not known.
        piece: key of the piece of work.
    """

    custom_id: str
    endpoint: Endpoint
    body: dict[str, Any]
    settings: HostedSettings
    stage: str
    what: str
    most_usd: float | None
    piece: str = ""


class BatchAnswer(BaseModel):
    """What came back for one request.

    Attributes:
        status: HTTP status; errors that trying again may mend are never kept.
        body: JSON.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class AnswerCost:
    """What an answer costs, or may cost.

    Attributes:
        piece: key of the piece of work that it is for.
        usd: dollars.
    """

    piece: str
    usd: float


@runtime_checkable
class Watcher(Protocol):
    """Hears of answers that are counted in an account."""

    def used(self, custom_id: str, piece: str) -> None:
        """An answer was counted for a piece of work."""
        ...

    def ended(self, piece: str) -> None:
        """A piece of work is over, however it ended: no answer of it is needed any more."""
        ...


@dataclass(frozen=True)
class CallOrigin:
    """Where a call comes from.

    Attributes:
        settings: of the server and its key.
        stage: whose settings these are.
        what: the work, for messages.
        most_usd: the most a single call may cost; None where its price is not known.
    """

    settings: HostedSettings
    stage: str
    what: str
    most_usd: float | None


class AnswerBook:
    """Answers by the id of their request.

    Args:
        find: gives the answer of a request by its id; None where it has not come.
        awaits: stop work whose answer is not there, instead of letting it call.
        watcher: hears of the answers that are used.

    Attributes:
        awaited: requests whose answers work was stopped for, each once.
        used: what each answer cost that was counted, by the id of its request.
    """

    def __init__(
        self,
        find: Callable[[str], BatchAnswer | None],
        *,
        awaits: bool,
        watcher: Watcher | None = None,
    ) -> None:
        self._find = find
        self._awaits = awaits
        self._watcher = watcher
        self._lock = threading.Lock()
        self._pictures: dict[str, str] = {}
        self.awaited: dict[str, BatchRequest] = {}
        self.used: dict[str, AnswerCost] = {}

    def kept_once(self, url: str) -> str:
        """A picture's data URL; equal ones, as all parts of an object send, are one in memory."""
        return self._pictures.setdefault(url, url)

    def claim(self, custom_id: str, cost_usd: float) -> bool:
        """Whether an answer is taken for the first time: it was paid once, so it counts once.

        Work that is tried again, and another object that needs the same, have it for nothing.
        """
        with self._lock:
            if custom_id in self.used:
                return False
            self.used[custom_id] = AnswerCost(_current_piece().key, cost_usd)
            return True

    def settle(self, custom_id: str) -> None:
        """Note that an answer was counted in an account, where it was to be."""
        if self._watcher is not None:
            self._watcher.used(custom_id, _current_piece().key)

    def end(self, piece: str) -> None:
        """Note that a piece of work is over."""
        if self._watcher is not None:
            self._watcher.ended(piece)

    def look_up(
        self, endpoint: Endpoint, body: dict[str, Any], origin: CallOrigin
    ) -> tuple[str, BatchAnswer | None]:
        """The id of a request, and its answer; None where the call is to be made.

        Raises:
            AwaitedAnswerError: it is not there, and this book awaits.
        """
        custom_id = _custom_id(endpoint, body, origin.settings.base_url)
        answer = self._find(custom_id)
        if answer is not None or not self._awaits:
            return custom_id, answer
        most = None if origin.most_usd is None else PRICE_SHARE * origin.most_usd
        self.awaited[custom_id] = BatchRequest(
            custom_id, endpoint, body, origin.settings, origin.stage, origin.what, most,
            _current_piece().key,
        )  # fmt: skip
        raise AwaitedAnswerError(
            f"{origin.what}: its answer comes with a batch; run the same command again when the "
            "batch is done"
        )


@dataclass(frozen=True)
class _Piece:
    """A piece of work: its key, and how often each request was made in it."""

    key: str
    asked: Counter[str]


_book: ContextVar[AnswerBook | None] = ContextVar("mmpart_answer_book", default=None)
_piece: ContextVar[_Piece | None] = ContextVar("mmpart_answered_piece", default=None)
_edition: ContextVar[str] = ContextVar("mmpart_answer_edition", default="")


@contextmanager
def answering(book: AnswerBook) -> Generator[AnswerBook]:
    """Within: calls are looked up in a book first, also in threads given a copy of the context."""
    token = _book.set(book)
    try:
        yield book
    finally:
        _book.reset(token)


@contextmanager
def piece_of_work(key: str) -> Generator[None]:
    """Within: calls belong to one piece of work.

    Another seed is another key, so it gets answers of its own.
    """
    book = _book.get()
    piece = _Piece(key, Counter())
    token = _piece.set(piece)
    try:
        with kept_while_retried(piece.key):
            yield
    finally:
        _piece.reset(token)
        if book is not None:
            book.end(piece.key)


@contextmanager
def edition_of_answers(edition: str) -> Generator[None]:
    """Within: answers are those of this edition, so that work that is tried again gets new ones.

    Args:
        edition: tells apart the occasions on which the same is asked; empty for the first.
    """
    token = _edition.set(edition)
    try:
        yield
    finally:
        _edition.reset(token)


def current_book() -> AnswerBook | None:
    """The book that calls are looked up in, if there is one."""
    return _book.get()


def _current_piece() -> _Piece:
    return _piece.get() or _Piece("", Counter())


def _custom_id(endpoint: str, body: dict[str, Any], base_url: str) -> str:
    sent = hashlib.sha256(canonical_json([base_url, endpoint, body]).encode()).hexdigest()
    piece = _current_piece()
    before = piece.asked[sent]
    piece.asked[sent] += 1
    edition = _edition.get()
    name = canonical_json([piece.key, sent, before, *([edition] if edition else [])])
    return f"mmpart-{hashlib.sha256(name.encode()).hexdigest()}"
