"""Calls against the strict server: what is repeated, what stops, what it counts."""

import pickle
import threading
import time
from typing import Any

import pytest
from strict_openai import (
    ModelServer,
    Reply,
    chat,
    dropped,
    forbidden,
    model_not_found,
    moderation_blocked,
    quota_exhausted,
    rate_limited,
    response,
    server_error,
    slow,
)

from mmpart_core.errors import (
    BackendError,
    ConfigError,
    MMPartError,
    QuotaExhaustedError,
    RefusedError,
    TransientBackendError,
)
from mmpart_core.hosted.spending import spending
from tests.mmpart_core.hosted.call_questions import ask, client

pytestmark = pytest.mark.usefixtures("key")


def test_an_answer_is_counted_and_priced(model_server: ModelServer) -> None:
    answer = response("hi", input_tokens=2000, cached_tokens=500, output_tokens=300)
    model_server.answer("/responses", lambda request: answer)
    with spending() as account:
        done = ask(client(model_server))
    assert done.answer.output_text == "hi"
    assert done.cost_usd == pytest.approx((2000 * 1.0 + 300 * 5.0) / 1e6)
    assert account.usage == (done.usage,)
    assert account.cost_usd == done.cost_usd
    assert done.usage.model_dump() == {
        "model": "gpt-6.1-terra", "calls": 1, "input_tokens": 2000, "cached_tokens": 500,
        "image_tokens": 0, "output_tokens": 300, "reasoning_tokens": 200, "uncounted_calls": 0,
        "cost_usd": done.cost_usd,
    }  # fmt: skip


def test_prices_of_the_settings_hold_over_the_table(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda r: response("", input_tokens=1000, cached_tokens=400))
    done = ask(client(model_server, input_usd=10.0, cached_input_usd=1.0, output_usd=20.0))
    assert done.cost_usd == pytest.approx((600 * 10 + 400 * 1 + 500 * 20) / 1e6)


def test_an_unknown_model_is_counted_in_tokens_only(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda r: response("", input_tokens=1000))
    done = ask(client(model_server, model="qwen3-vl-8b"))
    assert done.usage.cost_usd is None
    assert done.usage.input_tokens == 1000


def test_an_answer_without_usage_is_told_apart(model_server: ModelServer) -> None:
    model_server.answer("/chat/completions", lambda r: chat("x", with_usage=False))

    def send(sdk: Any) -> Any:
        return sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}]
        )

    done = client(model_server).call(send, what="plan", expected_usd=0.0)
    assert (done.usage.uncounted_calls, done.usage.calls, done.usage.cost_usd) == (1, 1, None)


@pytest.mark.parametrize("body", ["It works!", [], None, b"", b"<html>It works!</html>"])
def test_what_is_no_answer_names_the_address(model_server: ModelServer, body: Any) -> None:
    model_server.fail("/responses", Reply(200, body, unchecked=True))
    with pytest.raises(BackendError, match=rf"could not be read .*{model_server.base_url}.*/v1"):
        ask(client(model_server))
    assert len(model_server.requests) == 1


@pytest.mark.parametrize(
    "replies",
    [
        (rate_limited(),),
        (rate_limited(None),),
        (server_error(500), server_error(503)),
        (dropped(),),
        (dropped(), rate_limited(), server_error(502)),
        (Reply(429, rate_limited().body, {"retry-after-ms": "40"}),),
        (Reply(429, rate_limited().body, {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}),),
    ],
)
def test_what_may_pass_is_tried_again(model_server: ModelServer, replies: Any) -> None:
    model_server.answer("/responses", lambda request: response("hi"))
    model_server.fail("/responses", *replies)
    with spending() as account:
        assert ask(client(model_server)).answer.output_text == "hi"
    assert len(model_server.calls("/responses")) == len(replies) + 1
    assert account.usage[0].calls == 1


def test_retry_after_is_honoured(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response("hi"))
    model_server.fail("/responses", rate_limited(0.7))
    started = time.monotonic()
    ask(client(model_server))
    assert time.monotonic() - started >= 0.7  # however slow the machine is


def test_a_wait_that_is_too_long_is_not_waited(model_server: ModelServer) -> None:
    model_server.fail("/responses", rate_limited(3600))
    with pytest.raises(TransientBackendError, match=r"throttled .*asks to wait 3600 s"):
        ask(client(model_server))
    assert len(model_server.calls("/responses")) == 1


def test_a_late_answer_is_given_up(model_server: ModelServer) -> None:
    model_server.fail("/responses", slow(1.0), slow(1.0))
    with pytest.raises(TransientBackendError, match=r"no answer within 0\.3 s"):
        ask(client(model_server, timeout_s=0.3, attempts=2))


def test_attempts_are_bounded(model_server: ModelServer) -> None:
    model_server.fail("/responses", *[rate_limited(0.0)] * 5)
    with pytest.raises(TransientBackendError):
        ask(client(model_server, attempts=3))
    assert len(model_server.calls("/responses")) == 3


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (quota_exhausted(), QuotaExhaustedError, "no money left"),
        (model_not_found("gpt-x"), ConfigError, "plan.model"),
        (forbidden(), ConfigError, "verified"),
        (moderation_blocked(), RefusedError, "reword"),
        (Reply(422, server_error().body), BackendError, "refused the request"),
    ],
)
def test_what_will_not_pass_is_tried_once(
    model_server: ModelServer, reply: Reply, kind: type[MMPartError], words: str
) -> None:
    model_server.fail("/responses", reply)
    with pytest.raises(kind, match=words) as caught:
        ask(client(model_server))
    assert len(model_server.calls("/responses")) == 1
    assert not isinstance(caught.value, TransientBackendError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_server_that_is_not_there(model_server: ModelServer) -> None:
    gone = client(model_server, base_url="http://127.0.0.1:9/v1", attempts=1)
    with pytest.raises(TransientBackendError, match=r"connection to http://127\.0\.0\.1:9/v1"):
        ask(gone)


def test_no_more_calls_at_once_than_allowed(model_server: ModelServer) -> None:
    def late(request: Any) -> Any:
        time.sleep(0.05)
        return response("hi")

    model_server.answer("/responses", late)
    made = client(model_server, concurrent_requests=2)
    threads = [threading.Thread(target=ask, args=(made,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model_server.in_flight_most == 2
    assert len(model_server.requests) == 6
