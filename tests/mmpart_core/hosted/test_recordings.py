"""Answers that OpenAI really gave, built as the SDK builds them: without validation, so leniently.

Their text and what they used are read.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from openai.types import ImagesResponse
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from mmpart_core.hosted.exchange import ChatExchange, Manner, Question, ResponsesExchange
from mmpart_core.hosted.model_facts import TokenPrices
from mmpart_core.hosted.usage import read_usage

PRICES = TokenPrices(input=1.0, cached=0.5, image=2.0, output=10.0)
QUESTION, MANNER = Question("", "", (), 0), Manner("any", 100)


def recorded(shared_data: Path, name: str, path: str) -> dict[str, Any]:
    """The body of the answer of the first call to an endpoint."""
    file = shared_data / "contracts" / "openai_recordings" / name
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    content = yaml.load(file.read_text(encoding="utf-8"), Loader=loader)
    for exchange in content.get("interactions") or content["http_interactions"]:
        if exchange["request"]["uri"].endswith(path):
            answer = exchange["response"]
            return answer.get("parsed_body") or json.loads(answer["body"]["string"])
    raise LookupError(f"{name} has no call to {path}")


def test_a_chat_about_an_image(shared_data: Path) -> None:
    body = recorded(shared_data, "pydantic_ai_chat_image_input.yaml", "/chat/completions")
    answer = ChatCompletion.construct(**body)
    reply = ChatExchange(QUESTION, MANNER).read(answer, 0.0)
    assert (reply.text, reply.refusal, reply.cut_off) == ("This vegetable is a potato.", "", "")
    usage = read_usage(answer, "gpt-4.1-nano", PRICES)
    assert (usage.input_tokens, usage.output_tokens) == (515, 6)
    assert usage.cost_usd == pytest.approx((515 + 60) / 1e6)


def test_a_response_with_reasoning(shared_data: Path) -> None:
    name = "pydantic_ai_test_openai_responses_image_generation_jpeg.yaml"
    answer = Response.construct(**recorded(shared_data, name, "/responses"))
    reply = ResponsesExchange(QUESTION, MANNER).read(answer, 0.0)
    assert (reply.refusal, reply.cut_off) == ("", "")
    usage = read_usage(answer, "gpt-5", PRICES)
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (1889, 1434, 1280)
    assert usage.cost_usd == pytest.approx((1889 + 14340) / 1e6)


@pytest.mark.parametrize("name", ["gpt-image-1.5", "customized"])
def test_an_edited_image(shared_data: Path, name: str) -> None:
    body = recorded(shared_data, f"ruby_llm_images_edits_{name}.yml", "/images/edits")
    usage = read_usage(ImagesResponse.construct(**body), "gpt-image-1.5", PRICES)
    told = body["usage"]["input_tokens_details"]
    by_hand = told["text_tokens"] + 2 * told["image_tokens"] + 10 * body["usage"]["output_tokens"]
    assert usage.image_tokens == told["image_tokens"] > 0
    assert usage.cost_usd == pytest.approx(by_hand / 1e6)
