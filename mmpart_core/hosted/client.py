"""Calls a hosted model: paced, repeated where that helps, counted, and within the run's budget."""

import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, SecretStr

from mmpart_core.errors import MMPartError, TransientBackendError
from mmpart_core.hosted.answer_book import (
    PRICE_SHARE,
    AnswerBook,
    BatchAnswer,
    CallOrigin,
    current_book,
)
from mmpart_core.hosted.book_sdk import BookSdk, status_error
from mmpart_core.hosted.failures import CallPlace, retry_after_s, translated
from mmpart_core.hosted.limiter import across_processes, shared_limiter
from mmpart_core.hosted.model_facts import TokenPrices, prices_of
from mmpart_core.hosted.paid_answers import are_kept, note_paid, paid_answer
from mmpart_core.hosted.secrets import find_key
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.hosted.spending import current_account
from mmpart_core.hosted.usage import read_usage
from mmpart_core.records import ModelUsage

AnswerT = TypeVar("AnswerT")
REQUIRES = ("openai",)
HOW_TO_GET = "install the project again: make setup"
_DONE = 200
_NO_JSON = (json.JSONDecodeError, UnicodeDecodeError)  # the SDK lets these through
_NO_KEY = "none-needed"  # the SDK insists on a key
_FIRST_WAIT_S, _LONGEST_BACKOFF_S, _JITTER = 0.5, 8.0, 0.25
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answered(Generic[AnswerT]):
    """An answer and what it used.

    Attributes:
        answer: what the SDK gave.
        usage: tokens, and their price where it is known.
    """

    answer: AnswerT
    usage: ModelUsage

    @property
    def cost_usd(self) -> float:
        """What it cost, as far as that is known."""
        return self.usage.cost_usd or 0.0


def _no_batch(_custom_id: str) -> BatchAnswer | None:
    return None


def _object_of(answer: AnswerT) -> AnswerT:
    """The answer, if it is an object of the SDK.

    Raises:
        OpenAIError: it is what servers send that do not speak the interface: a page, a list, null.
    """
    import openai

    if not isinstance(answer, BaseModel):
        raise openai.OpenAIError(f"{type(answer).__name__} came, a JSON object expected")
    return answer


def open_sdk(settings: HostedSettings, place: str) -> tuple[Any, SecretStr | None]:
    """The SDK's client of a server, and the key it sends; nothing is sent yet.

    Args:
        settings: where the server is and how it is called.
        place: which setting names the key, for the message.

    Raises:
        ConfigError: no key where one is asked for.
    """
    import openai

    variable = settings.api_key_variable
    key = find_key(variable, place) if variable else None
    sdk = openai.OpenAI(
        api_key=key.get_secret_value() if key else _NO_KEY,
        base_url=settings.base_url,
        timeout=openai.Timeout(settings.timeout_s, connect=10.0),
        # Ours: the SDK also repeats calls of an account without money.
        max_retries=0,
    )
    return sdk, key


class ModelClient:
    """One model on one server.

    Args:
        settings: where it is and how it is called.
        model: its name.
        stage: the stage whose settings these are, for messages.
        prefix: what the names of these settings begin with there, for messages.
    """

    def __init__(self, settings: HostedSettings, model: str, stage: str, prefix: str = "") -> None:
        self._settings = settings
        self._model = model
        self._stage = stage
        self._prefix = prefix
        self._key: SecretStr | None = None
        self._sdk: Any = None

    def __repr__(self) -> str:
        return f"ModelClient({self._model!r} at {self._settings.base_url!r})"

    @property
    def prices(self) -> TokenPrices | None:
        """What the model's tokens cost; None when unknown."""
        return prices_of(self._model, self._settings)

    def open(self) -> None:
        """Find the key and make the SDK's client. Nothing is sent.

        Raises:
            ConfigError: no key where one is asked for.
        """
        place = f"{self._stage}.{self._prefix}api_key_variable"
        self._sdk, self._key = open_sdk(self._settings, place)

    def call(
        self, send: Callable[[Any], AnswerT], *, what: str, expected_usd: float | None
    ) -> Answered[AnswerT]:
        """Make one call; throttled, dropped and late ones are made again.

        Each answer is counted in the current account, whatever is in it; one that came with a batch
        takes the place of the call, at the batch's price, the first time that it is taken, and so
        does one that an earlier try of the same piece of work paid for.

        Args:
            send: makes the call with the SDK's client (``openai.OpenAI``); gives its answer.
            what: the work, for messages, for instance ``plan of 'rider'``.
            expected_usd: the most the call may cost, as far as that is known; None when its price
                is not known.

        Raises:
            BudgetError: it could cost more than the run may.
            QuotaExhaustedError: the account has no money left.
            ConfigError: key, model or address are wrong.
            RefusedError: the safety system declined.
            TransientBackendError: every attempt was throttled, dropped or late.
            BackendError: the request was refused for another reason.
            AwaitedAnswerError: the answer comes with a batch and has not come.
        """
        request, answered = self._before(send, what, expected_usd)
        if answered is not None:
            return answered
        for attempt in range(1, self._settings.attempts + 1):
            outcome, asked_s = self._attempt(send, what, expected_usd)
            if isinstance(outcome, Answered):
                note_paid(request, outcome)
                return outcome
            wait_s = self._wait_s(attempt, asked_s)
            last = attempt == self._settings.attempts
            if not isinstance(outcome, TransientBackendError) or last or wait_s is None:
                raise outcome
            _log.info("attempt %d of %s: waiting %.1f s", attempt, what, wait_s)
            time.sleep(wait_s)
        raise TransientBackendError(
            f"{what}: no attempt was made; raise {self._place(what).setting('attempts')}"
        )

    def _before(
        self, send: Callable[[Any], AnswerT], what: str, expected_usd: float | None
    ) -> tuple[str, Answered[AnswerT] | None]:
        """The request's id, and its answer where one came with a batch or to an earlier try."""
        book = current_book()
        if book is None and not are_kept():
            return "", None
        origin = CallOrigin(self._settings, self._stage, what, expected_usd)
        looked = BookSdk(book or AnswerBook(_no_batch, awaits=False), origin)
        answer = send(looked)
        if looked.found is not None:
            return looked.custom_id, self._of_batch(looked, looked.found, answer, what)
        paid = paid_answer(looked.custom_id)
        return looked.custom_id, cast("Answered[AnswerT] | None", paid)

    def _of_batch(
        self, looked: BookSdk, found: BatchAnswer, answer: AnswerT, what: str
    ) -> Answered[AnswerT]:
        """An answer that came with a batch, counted at the batch's price where it is the first."""
        book, custom_id = looked.book, looked.custom_id
        if found.status != _DONE:
            book.claim(custom_id, 0.0)
            book.settle(custom_id)
            raise translated(status_error(found), self._place(what), self._key)
        usage = read_usage(answer, self._model, self.prices)
        if usage.cost_usd is not None:
            usage = usage.model_copy(update={"cost_usd": PRICE_SHARE * usage.cost_usd})
        if book.claim(custom_id, usage.cost_usd or 0.0):
            current_account().book(usage)
        else:
            usage = usage.model_copy(update={"cost_usd": 0.0})
        book.settle(custom_id)
        return Answered(answer, usage)

    def _attempt(
        self, send: Callable[[Any], AnswerT], what: str, expected_usd: float | None
    ) -> tuple[Answered[AnswerT] | MMPartError, float | None]:
        """The answer, or what the failure means and the wait that the server asks for."""
        import openai

        account = current_account()
        settings = self._settings
        limiter = shared_limiter(
            settings.base_url, self._model, settings.concurrent_requests,
            settings.requests_per_minute, settings.tokens_per_minute,
        )  # fmt: skip
        with limiter.slot() as begun, across_processes():
            account.reserve(expected_usd, what)
            set_aside = expected_usd
            try:
                answer = _object_of(send(self._sdk))
                usage = read_usage(answer, self._model, self.prices)
                account.book(usage)
                begun.tokens = usage.input_tokens + usage.output_tokens
                if usage.uncounted_calls:  # it may have cost all of that, so that stays set aside
                    set_aside = None
            except (openai.OpenAIError, *_NO_JSON) as error:
                # Not chained: the SDK's error holds the request with its key, and the server's
                # words as they came, which tracebacks would print.
                return translated(error, self._place(what), self._key), retry_after_s(error)
            finally:
                account.release(set_aside)
        return Answered(answer, usage), None

    def _place(self, what: str) -> CallPlace:
        settings = self._settings
        return CallPlace(
            what=what,
            stage=self._stage,
            model=self._model,
            base_url=settings.base_url,
            key_variable=settings.api_key_variable,
            timeout_s=settings.timeout_s,
            prefix=self._prefix,
        )

    def _wait_s(self, attempt: int, asked_s: float | None) -> float | None:
        """How long to wait before the next attempt; None where the server asks for too long."""
        if asked_s is not None:
            return asked_s if asked_s <= self._settings.longest_wait_s else None
        backoff_s = min(_FIRST_WAIT_S * 2 ** (attempt - 1), _LONGEST_BACKOFF_S)
        jitter = 1.0 - _JITTER * random.random()  # noqa: S311  (spreads calls, no secret)
        return min(backoff_s * jitter, self._settings.longest_wait_s)
