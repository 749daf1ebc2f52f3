"""Answers that were paid for when a later call of the same work failed are taken up again."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from strict_openai import ModelServer, Request, chat, rate_limited, response

from mmpart_core.errors import MMPartError, RefusedError, TransientBackendError
from mmpart_core.hosted import paid_answers, secrets
from mmpart_core.hosted.answer_book import piece_of_work
from mmpart_core.hosted.client import ModelClient
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.hosted.spending import spending

VARIABLE = "MMPART_TEST_KEY"
CALL_USD = (1000 * 1.0 + 500 * 5.0) / 1e6  # the strict server's usual usage at the table's price


@pytest.fixture(autouse=True)
def _server(model_server: ModelServer) -> Iterator[None]:
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    counted: list[None] = []

    def answer(request: Request) -> Any:
        counted.append(None)
        return response(f"{request.body['input']} {len(counted)}")

    model_server.answer("/responses", answer)
    yield
    secrets.forget_keys()


def work(server: ModelServer, key: str, *questions: str) -> list[str]:
    """The answers to some questions that one piece of work asks; then one of another server."""
    given = {"base_url": server.base_url, "api_key_variable": VARIABLE, "longest_wait_s": 0.01}
    made = ModelClient(HostedSettings(**given, attempts=1), "gpt-6.1-terra", "plan")
    made.open()
    with piece_of_work(key):
        said = [
            made.call(
                lambda sdk, asked=each: sdk.responses.create(model="gpt-6.1-terra", input=asked),
                what=each, expected_usd=0.01,
            ).answer.output_text
            for each in questions
        ]  # fmt: skip
        made.call(
            lambda sdk: sdk.chat.completions.create(
                model="gpt-6.1-terra", messages=[{"role": "user", "content": "fine?"}]
            ),
            what="a look", expected_usd=0.01,
        )  # fmt: skip
    return said


def test_work_that_is_tried_again_pays_for_its_answers_once(model_server: ModelServer) -> None:
    model_server.fail("/chat/completions", rate_limited(0.0), rate_limited(0.0))
    model_server.answer("/chat/completions", lambda _: chat("yes"))
    with spending() as account:
        for _ in range(2):
            with pytest.raises(TransientBackendError):
                work(model_server, "isolate-1", "hat", "hat", "brim")
        assert work(model_server, "isolate-1", "hat", "hat", "brim") == ["hat 1", "hat 2", "brim 3"]
    assert len(model_server.calls("/responses")) == 3
    assert account.usage[0].calls == 4
    assert account.cost_usd == pytest.approx(4 * CALL_USD)


def test_what_is_over_and_what_differs_is_asked_anew(model_server: ModelServer) -> None:
    model_server.answer("/chat/completions", lambda _: chat("yes"))
    assert work(model_server, "isolate-1", "hat") == ["hat 1"]
    assert work(model_server, "isolate-1", "hat") == ["hat 2"]  # refreshed by the user
    model_server.fail("/chat/completions", rate_limited(0.0))
    with pytest.raises(TransientBackendError):
        work(model_server, "isolate-1", "hat")
    assert work(model_server, "isolate-2", "hat") == ["hat 4"]  # another seed
    assert work(model_server, "isolate-1", "head", "hat") == ["head 5", "hat 3"]


def fail(error: type[MMPartError], key: str) -> None:
    """A piece of work that got an answer and failed."""
    with paid_answers.kept_while_retried(key):
        paid_answers.note_paid("request", "answer")
        raise error("that was it")


def kept(key: str) -> object | None:
    with paid_answers.kept_while_retried(key):
        return paid_answers.paid_answer("request")


def test_only_failures_that_may_pass_are_tried_again_and_the_oldest_are_forgotten() -> None:
    with pytest.raises(RefusedError):
        fail(RefusedError, "isolate-refused")
    assert kept("isolate-refused") is None
    for number in range(65):
        with pytest.raises(TransientBackendError):
            fail(TransientBackendError, f"isolate-{number}")
    assert kept("isolate-0") is None
    assert [kept(f"isolate-{number}") for number in range(1, 65)] == ["answer"] * 64
