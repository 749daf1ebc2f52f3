"""Calls against the strict server: what is repeated, what stops, what it costs."""

import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydantic import SecretStr
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
    refusal,
    response,
    server_error,
    slow,
)

from mmpart_core.errors import (
    BackendError,
    BudgetError,
    ConfigError,
    MMPartError,
    QuotaExhaustedError,
    RefusedError,
    TransientBackendError,
)
from mmpart_core.hosted import secrets
from mmpart_core.hosted.client import ModelClient
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.hosted.spending import spending

VARIABLE = "MMPART_TEST_KEY"


@pytest.fixture(autouse=True)
def _key(model_server: ModelServer) -> Iterator[None]:
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()


def client(server: ModelServer, model: str = "gpt-6.1-terra", **changes: Any) -> ModelClient:
    given = {"base_url": server.base_url, "api_key_variable": VARIABLE, "longest_wait_s": 1.0}
    made = ModelClient(HostedSettings(**(given | changes)), model, "plan")
    made.open()
    return made


def ask(made: ModelClient, expected_usd: float | None = 0.01) -> Any:
    def send(sdk: Any) -> Any:
        return sdk.responses.create(model="gpt-6.1-terra", input="hello")

    return made.call(send, what="plan of 'rider'", expected_usd=expected_usd)


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


def test_a_wrong_key_is_named_by_its_variable_only(model_server: ModelServer) -> None:
    wrong = "sk-proj-ThisKeyMustNotBeSeen0123456789"  # pragma: allowlist secret
    secrets.provide_key(VARIABLE, SecretStr(wrong))
    echo = Reply(401, {"error": {"message": f"Incorrect API key provided: {wrong}. {wrong[8:]}",
                                 "type": "t", "param": None, "code": "c"}})  # fmt: skip
    made = client(model_server)
    with pytest.raises(ConfigError, match=VARIABLE) as refused:
        ask(made)
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    model_server.fail("/responses", echo)
    with pytest.raises(ConfigError) as echoed:
        ask(client(model_server))
    for caught in (refused, echoed):
        seen = "".join(traceback.format_exception(caught.value)) + repr(made)
        assert wrong not in seen
        assert model_server.api_key not in seen


def test_a_missing_key_is_said_before_anything_is_sent(model_server: ModelServer) -> None:
    settings = HostedSettings(base_url=model_server.base_url, api_key_variable="NOT_SET_ANYWHERE")
    assert settings.key_missing
    with pytest.raises(ConfigError, match="export NOT_SET_ANYWHERE"):
        ModelClient(settings, "m", "plan").open()


def test_the_environment_is_looked_at(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets.forget_keys()
    monkeypatch.setenv(VARIABLE, model_server.api_key)
    model_server.answer("/responses", lambda request: response("hi"))
    assert ask(client(model_server)).answer.output_text == "hi"


def test_white_space_around_a_key_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets.forget_keys()
    key = "0123456789abcdef0123456789abcdef"  # pragma: allowlist secret
    monkeypatch.setenv(VARIABLE, f" {key}\r\n")
    echo = Reply(401, {"error": {"message": f"Access denied due to invalid key {key}.",
                                 "type": "t", "param": None, "code": "c"}})  # fmt: skip
    with ModelServer(key) as server:
        server.fail("/responses", echo)
        with pytest.raises(ConfigError, match=r"invalid key \[removed\]"):
            ask(client(server))


@pytest.mark.parametrize("key", ["sk-“quoted”", "sk-two lines\nsk-more", "sk-with space"])
def test_a_key_that_cannot_be_sent_is_refused_unseen(model_server: ModelServer, key: str) -> None:
    secrets.provide_key(VARIABLE, SecretStr(key))
    with pytest.raises(ConfigError, match=f"key in {VARIABLE}") as refused:
        client(model_server)
    assert key[3:] not in "".join(traceback.format_exception(refused.value))


def test_a_key_of_openai_goes_to_no_other_server_by_itself(
    model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", model_server.api_key)
    assert HostedSettings().api_key_variable == "OPENAI_API_KEY"  # pragma: allowlist secret
    european = HostedSettings(base_url="https://eu.api.openai.com/v1")
    assert european.api_key_variable == "OPENAI_API_KEY"  # pragma: allowlist secret
    made = ModelClient(HostedSettings(base_url=model_server.base_url), "m", "plan")
    made.open()
    with pytest.raises(ConfigError, match=r"wants a key, and none was sent .*plan\.api_key_var"):
        ask(made)
    told = HostedSettings(base_url=model_server.base_url, api_key_variable="OPENAI_API_KEY")
    model_server.answer("/responses", lambda request: response("hi"))
    made = ModelClient(told, "m", "plan")
    made.open()
    assert ask(made).answer.output_text == "hi"


@pytest.mark.parametrize(
    "address",
    [
        "localhost:8000",
        "ftp://x/v1",
        "https://me:word@host/v1",  # pragma: allowlist secret
        "https://host/v1?key=1",
    ],
)
def test_an_address_holds_no_secret(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        HostedSettings(base_url=address)


def test_the_budget_stops_before_the_call(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda r: response("", input_tokens=0, output_tokens=2000))
    made = client(model_server)  # 0.01 USD a call
    with spending(0.025) as run:
        for _ in range(2):
            with spending() as work:
                ask(made)
            assert work.cost_usd == pytest.approx(0.01)
        with pytest.raises(BudgetError, match=r"\$0.0050 of \$0.03 is left"):
            ask(made)
        with pytest.raises(BudgetError):  # nothing more, however cheap
            ask(made, expected_usd=0.0)
    assert run.cost_usd == pytest.approx(0.02)
    assert len(model_server.calls("/responses")) == 2


def test_the_budget_holds_for_calls_side_by_side(model_server: ModelServer) -> None:
    def late(request: Any) -> Any:
        time.sleep(0.1)
        return response("", input_tokens=0, output_tokens=2000)

    model_server.answer("/responses", late)
    made = client(model_server, concurrent_requests=8)
    with spending(0.035) as run, ThreadPoolExecutor(8) as pool:
        import contextvars

        def one() -> str:
            try:
                ask(made)
            except BudgetError:
                return "refused"
            return "made"

        copies = [contextvars.copy_context() for _ in range(8)]
        outcomes = list(pool.map(lambda context: context.run(one), copies))
    assert outcomes.count("made") == 3
    assert run.cost_usd == pytest.approx(0.03)


def test_an_unknown_price_cannot_be_within_a_budget(model_server: ModelServer) -> None:
    with spending(1.0), pytest.raises(BudgetError, match="not known"):
        ask(client(model_server), expected_usd=None)
    assert model_server.requests == []


def test_an_answer_that_does_not_say_what_it_used_may_have_cost_the_most(
    model_server: ModelServer,
) -> None:
    model_server.answer("/chat/completions", lambda r: chat("x", with_usage=False))
    made = client(model_server)

    def send(sdk: Any) -> Any:
        return sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "hello"}]
        )

    with spending(0.025):
        for _ in range(2):
            made.call(send, what="plan", expected_usd=0.01)
        with pytest.raises(BudgetError, match=r"\$0.0050 of \$0.03 is left"):
            made.call(send, what="plan", expected_usd=0.01)


def test_refusals_are_paid_for(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: refusal(output_tokens=1000))
    with spending() as account:
        ask(client(model_server))
    assert account.cost_usd == pytest.approx((1000 + 5000) / 1e6)


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
