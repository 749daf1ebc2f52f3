"""The hosted planner against the strict server: asking again, refusals, costs, both interfaces."""

import base64
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import SecretStr
from strict_openai import (
    ModelServer,
    Reply,
    chat,
    incomplete,
    quota_exhausted,
    rate_limited,
    refusal,
    response,
    slow,
)

from mmpart_core.errors import (
    BackendError,
    BudgetError,
    ConfigError,
    QuotaExhaustedError,
    RefusedError,
    TransientBackendError,
)
from mmpart_core.hosted import secrets
from mmpart_core.hosted.spending import spending
from mmpart_core.plan.backends import openai as planner
from mmpart_core.plan.protocol import PartPlanner, PlanDraft
from tests.mmpart_core.plan.model_answers import SOURCE, answer, part, request_of

VARIABLE = "MMPART_TEST_KEY"
REQUEST = request_of("hat", "man")
GOOD = answer(part("hat"), part("man"))
BAD = answer(part("hat"))
CALL_USD = (1000 * 1.0 + 500 * 5.0) / 1e6  # the strict server's usual usage at the table's price


@pytest.fixture(autouse=True)
def _key(model_server: ModelServer) -> Any:
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()


def plan(server: ModelServer, source: np.ndarray = SOURCE, **changes: Any) -> PlanDraft:
    given = {"base_url": server.base_url, "api_key_variable": VARIABLE}
    made = planner.OpenAIPlanner(planner.Settings(**(given | changes)))
    assert isinstance(made, PartPlanner)
    made.open()
    return made.plan(source, REQUEST, 11)


def in_turn(*bodies: Any) -> Any:
    left = list(bodies)
    return lambda request: left.pop(0)


def test_responses_requests_are_complete(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response(GOOD))
    draft = plan(model_server, reasoning="low")
    assert len(draft.prompts) == 2
    assert draft.cost_usd == pytest.approx(CALL_USD)
    sent = model_server.requests[0].body
    assert sent["model"] == "gpt-6.1-terra"
    assert sent["store"] is False
    assert sent["reasoning"] == {"effort": "low"}
    assert sent["text"]["format"]["strict"] is True
    assert "temperature" not in sent
    assert sent["max_output_tokens"] == 12000
    assert "component" in sent["instructions"]


def test_chat_requests_are_complete(model_server: ModelServer) -> None:
    model_server.answer("/chat/completions", lambda request: chat(GOOD))
    draft = plan(model_server, api="chat", model="qwen3-vl-8b", token_limit="max_tokens")
    assert len(draft.prompts) == 2
    sent = model_server.requests[0].body
    assert sent["max_tokens"] == 12000
    assert sent["seed"] == 11
    assert sent["response_format"]["json_schema"]["strict"] is True


def test_the_form_in_words_for_servers_without_schemas(model_server: ModelServer) -> None:
    model_server.answer("/chat/completions", lambda request: chat(f"```json\n{GOOD}\n```"))
    plan(model_server, api="chat", structured="words")
    sent = model_server.requests[0].body
    assert "response_format" not in sent
    assert "front_to_back" in sent["messages"][0]["content"]


def test_the_model_sees_the_image_flat_and_no_larger_than_asked(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response(GOOD))
    source = np.zeros((96, 128, 4), np.uint8)
    source[:48, :64] = (250, 10, 20, 255)
    plan(model_server, source, image_side_px=64)
    content = model_server.requests[0].body["input"][0]["content"]
    url = next(each["image_url"] for each in content if each["type"] == "input_image")
    image = Image.open(BytesIO(base64.b64decode(url.partition(",")[2])))
    assert (image.size, image.mode) == ((64, 48), "RGB")
    assert image.getpixel((5, 5)) == (250, 10, 20)
    assert image.getpixel((60, 40)) == (127, 127, 127)


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_a_faulty_answer_is_told_and_asked_again(model_server: ModelServer, api: str) -> None:
    path, body = ("/responses", response) if api == "responses" else ("/chat/completions", chat)
    model_server.answer(path, in_turn(body("nonsense"), body(BAD), body(GOOD)))
    with spending() as account:
        draft = plan(model_server, api=api)
    assert draft.cost_usd == pytest.approx(3 * CALL_USD)
    assert account.usage[0].calls == 3
    turns = [each.body.get("input") or each.body["messages"][1:] for each in model_server.requests]
    assert [len(each) for each in turns] == [1, 3, 3]
    assert turns[1][1] == {"role": "assistant", "content": "nonsense"}
    assert "JSON" in turns[1][2]["content"]
    assert "'man' is missing" in turns[2][2]["content"]


def test_answers_that_stay_faulty_end_it_and_are_paid(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response(BAD))
    with pytest.raises(
        BackendError, match=r"2 answers of gpt-6\.1-terra.*'man' is missing"
    ) as caught:
        plan(model_server, tries=2)
    assert caught.value.cost_usd == pytest.approx(2 * CALL_USD)
    assert not isinstance(caught.value, TransientBackendError)


def test_an_answer_that_is_cut_off_is_asked_again(model_server: ModelServer) -> None:
    model_server.answer("/responses", in_turn(incomplete(), response(GOOD)))
    draft = plan(model_server)
    assert draft.cost_usd == pytest.approx(2 * CALL_USD)
    assert "cut off" in str(model_server.requests[1].body["input"][2])


def test_a_chat_answer_that_is_cut_off_is_asked_again(model_server: ModelServer) -> None:
    model_server.answer(
        "/chat/completions", in_turn(chat('{"parts"', finish_reason="length"), chat(GOOD))
    )
    assert len(plan(model_server, api="chat").prompts) == 2


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("responses", refusal("I can't help with that.")),
        ("responses", incomplete("content_filter")),
        ("chat", chat(None, declined="I can't help with that.")),
        ("chat", chat("", finish_reason="content_filter")),
    ],
)
def test_a_refusal_is_not_asked_again(model_server: ModelServer, api: str, body: Any) -> None:
    model_server.answer("/responses", lambda request: body)
    model_server.answer("/chat/completions", lambda request: body)
    with pytest.raises(RefusedError, match="reword the components") as caught:
        plan(model_server, api=api)
    assert len(model_server.requests) == 1
    assert caught.value.cost_usd == pytest.approx(CALL_USD)


def test_a_failure_after_an_answer_still_tells_its_cost(model_server: ModelServer) -> None:
    model_server.answer("/responses", in_turn(response(BAD), quota_exhausted()))
    with pytest.raises(QuotaExhaustedError) as caught:
        plan(model_server)
    assert isinstance(caught.value, ConfigError)
    assert caught.value.cost_usd == pytest.approx(CALL_USD)


def test_the_budget_stops_the_second_question(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response(BAD))
    with spending(0.068) as account, pytest.raises(BudgetError) as caught:
        plan(model_server)  # 12,000 tokens of answer may cost 0.06 USD
    assert len(model_server.requests) == 1
    assert caught.value.cost_usd == account.cost_usd == pytest.approx(CALL_USD)


def test_a_call_never_costs_more_than_was_set_aside(model_server: ModelServer) -> None:
    """A long answer to a request of many tokens: with a little less in hand it is not begun."""

    def costly(request: Any) -> Any:
        words = str(request.body["instructions"]) + str(request.body["input"][0]["content"][0])
        return response(GOOD, input_tokens=len(words) // 3 + 1600, output_tokens=3000)

    model_server.answer("/responses", costly)
    draft = plan(model_server, max_output_tokens=3000)
    with spending(0.999 * draft.cost_usd), pytest.raises(BudgetError, match="may cost"):
        plan(model_server, max_output_tokens=3000)
    assert len(model_server.requests) == 1


def test_what_a_plan_usually_costs_is_stated() -> None:
    usual = planner.expected_cost_usd(planner.Settings())
    assert usual == pytest.approx((4000 * 1.0 + 3000 * 5.0) / 1e6)


def test_throttling_and_late_answers_pass(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response(GOOD))
    model_server.fail("/responses", rate_limited(0.1), slow(1.0))
    assert len(plan(model_server, timeout_s=0.6).prompts) == 2
    assert len(model_server.requests) == 3


def test_a_model_without_price_costs_tokens_only(model_server: ModelServer) -> None:
    model_server.answer("/chat/completions", lambda request: chat(GOOD, with_usage=False))
    with spending() as account:
        assert plan(model_server, api="chat", model="local").cost_usd == 0.0
    assert account.usage[0].cost_usd is None
    assert planner.expected_cost_usd(planner.Settings(model="local")) is None


def test_a_server_with_an_empty_answer(model_server: ModelServer) -> None:
    body = chat(GOOD) | {"choices": []}
    model_server.answer("/chat/completions", in_turn(body, chat(GOOD)))
    assert len(plan(model_server, api="chat").prompts) == 2


ERRORS = {
    "a server that errs politely": ({"error": "Unexpected endpoint"}, "Unexpected endpoint"),
    "a model that failed": (
        {"status": "failed", "error": {"code": "server_error", "message": "It stumbled"},
         "output": []}, "It stumbled",
    ),
    "nothing in it": ({"choices": [{"message": None}], "output": None}, "it has no"),
}  # fmt: skip


@pytest.mark.parametrize("api", ["responses", "chat"])
@pytest.mark.parametrize("case", ERRORS)
def test_an_answer_without_content_says_why(model_server: ModelServer, api: str, case: str) -> None:
    body, words = ERRORS[case]
    path = {"responses": "/responses", "chat": "/chat/completions"}[api]
    model_server.fail(path, *[Reply(200, body, unchecked=True)] * 2)
    with pytest.raises(BackendError, match=f"no answer in it .*{words}"):
        plan(model_server, api=api, tries=2)


def test_an_answer_that_is_no_json_at_all(model_server: ModelServer) -> None:
    model_server.fail("/responses", Reply(502, "<html>bad gateway</html>", unchecked=True))
    model_server.answer("/responses", lambda request: response(GOOD))
    assert len(plan(model_server).prompts) == 2


def test_the_texts_and_the_form_are_in_the_version() -> None:
    assert planner.OpenAIPlanner.VERSION.startswith("1-")
    assert len(planner.OpenAIPlanner.VERSION) == len("1-") + 12
