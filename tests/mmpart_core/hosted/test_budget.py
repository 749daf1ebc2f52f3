"""The budget holds each call before it is made."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from strict_openai import (
    ModelServer,
    chat,
    refusal,
    response,
)

from mmpart_core.errors import (
    BudgetError,
)
from mmpart_core.hosted.spending import spending
from tests.mmpart_core.hosted.call_questions import ask, client

pytestmark = pytest.mark.usefixtures("key")


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
