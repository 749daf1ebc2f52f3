"""The strict server lets correct SDK traffic through, and names what is wrong with other."""

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import openai
import pytest
import yaml
from PIL import Image
from pydantic import BaseModel
from strict_openai import (
    ModelServer,
    Reply,
    chat,
    contract,
    dropped,
    images,
    incomplete,
    model_not_found,
    moderation_blocked,
    quota_exhausted,
    rate_limited,
    refusal,
    response,
    server_error,
)


class Answer(BaseModel):
    words: str


def png(size: tuple[int, int] = (64, 64), mode: str = "RGBA") -> bytes:
    stream = BytesIO()
    Image.new(mode, size, "red").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def client(model_server: ModelServer) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(
        api_key=model_server.api_key, base_url=model_server.base_url, max_retries=0, timeout=10
    ) as client:
        yield client


def edit(client: openai.OpenAI, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "model": "gpt-image-2.6-sunburst",
        "image": ("input.png", png(), "image/png"),
        "prompt": "only the hat",
        "size": "1024x1024",
        **changes,
    }
    return client.images.edit(**arguments)


def respond(client: openai.OpenAI, **changes: Any) -> Any:
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    content = [
        {"type": "input_text", "text": "what is it?"},
        {"type": "input_image", "image_url": url, "detail": "high"},
    ]
    arguments: dict[str, Any] = {
        "model": "gpt-6.1-terra",
        "input": [{"role": "user", "content": content}],
        "text_format": Answer,
        "parse_as": None,
        **changes,
    }
    return client.responses.parse(**arguments)


def test_edits_go_through(model_server: ModelServer, client: openai.OpenAI) -> None:
    model_server.answer("/images/edits", lambda request: images(png()))
    given = edit(client, mask=("mask.png", png(), "image/png"), background="transparent", n=1)
    assert given.usage.total_tokens == 3100
    sent = model_server.calls("/images/edits")[0]
    assert sent.body["prompt"] == "only the hat"
    assert sent.files["image"][0].data == png()
    assert "authorization" not in sent.headers


def test_several_images_go_through(model_server: ModelServer, client: openai.OpenAI) -> None:
    model_server.answer("/images/edits", lambda request: images(png()))
    edit(client, image=[("a.png", png(), "image/png"), ("b.png", png((32, 32)), "image/png")])
    assert [up.filename for up in model_server.requests[0].files["image"]] == ["a.png", "b.png"]


def test_structured_output_goes_through(model_server: ModelServer, client: openai.OpenAI) -> None:
    model_server.answer("/responses", lambda request: response('{"words": "a hat"}'))
    assert json.loads(respond(client).output_text) == {"words": "a hat"}
    model_server.answer("/responses", lambda request: refusal("no"))
    assert respond(client).output[-1].content[0].refusal == "no"
    model_server.answer("/responses", lambda request: incomplete())
    assert respond(client).incomplete_details.reason == "max_output_tokens"


def test_chat_goes_through(model_server: ModelServer, client: openai.OpenAI) -> None:
    model_server.answer("/chat/completions", lambda request: chat('{"words": "x"}'))
    done = client.chat.completions.parse(
        model="qwen", messages=[{"role": "user", "content": "hi"}], response_format=Answer
    )
    assert done.choices[0].message.parsed == Answer(words="x")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"size": "1000x1000"}, "multiples of 16"),
        ({"size": "3840x1024"}, "ratio"),
        ({"size": "512x512"}, "megapixels"),
        ({"model": "gpt-image-1.5", "size": "1024x1040"}, "knows"),
        ({"input_fidelity": "high"}, "left out"),
        ({"quality": "ultra"}, "quality"),
        ({"n": 11}, "maximum"),
        ({"background": "transparent", "output_format": "jpeg"}, "png or webp"),
        ({"image": png()}, "content type"),
        ({"image": ("input.jpg", png(), "image/png")}, "file name"),
        ({"image": ("input.png", b"nothing", "image/png")}, "not an image"),
        ({"mask": ("mask.png", png((32, 64)), "image/png")}, "first image"),
        ({"mask": ("mask.png", png(mode="RGB"), "image/png")}, "alpha"),
        ({"extra_body": {"guidance": 4}}, "guidance"),
        ({"prompt": "x" * 32001}, "32000"),
        ({"response_format": "b64_json"}, "response_format"),
        ({"output_compression": 50}, "output_compression"),
    ],
)
def test_wrong_edits_are_named(
    model_server: ModelServer, client: openai.OpenAI, changes: dict[str, Any], word: str
) -> None:
    with pytest.raises(openai.BadRequestError):
        edit(client, **changes)
    assert len(model_server.violations) == 1
    assert word in model_server.violations.pop()
    assert model_server.requests == []


LOOSE = {"type": "json_schema", "name": "a b", "strict": True, "schema": {"type": "object"}}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, ""),
        ({"text": {"format": LOOSE}}, "format name"),
        ({"text": {"format": {**LOOSE, "name": "a"}}}, "additionalProperties"),
        ({"extra_body": {"max_tokens": 5}}, "max_tokens"),
    ],
)
def test_wrong_responses_requests_are_named(
    model_server: ModelServer, client: openai.OpenAI, changes: dict[str, Any], word: str
) -> None:
    arguments = {"model": "m", "input": "hello", **changes}
    with pytest.raises(openai.BadRequestError):
        client.responses.create(**arguments)
    assert word in " ".join(model_server.violations)
    model_server.violations.clear()


def test_a_wrong_key_and_a_wrong_address(model_server: ModelServer) -> None:
    stranger = openai.OpenAI(api_key="sk-other", base_url=model_server.base_url, max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.responses.create(model="m", input="x")
    with (
        openai.OpenAI(
            api_key=model_server.api_key, base_url=model_server.base_url, max_retries=0
        ) as known,
        pytest.raises(openai.NotFoundError),
    ):
        known.embeddings.create(model="m", input="x")
    assert model_server.violations.pop() == "/embeddings: no such endpoint"


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        (rate_limited(), openai.RateLimitError, "rate_limit_exceeded"),
        (quota_exhausted(), openai.RateLimitError, "insufficient_quota"),
        (server_error(), openai.InternalServerError, None),
        (moderation_blocked(), openai.BadRequestError, "moderation_blocked"),
        (model_not_found(), openai.NotFoundError, "model_not_found"),
    ],
)
def test_scripted_failures_come_first(
    model_server: ModelServer,
    client: openai.OpenAI,
    reply: Reply,
    kind: type[openai.APIStatusError],
    code: str | None,
) -> None:
    model_server.answer("/images/edits", lambda request: images(png()))
    model_server.fail("/images/edits", reply)
    with pytest.raises(kind) as caught:
        edit(client)
    assert caught.value.code == code
    assert edit(client).data


def test_a_dropped_connection_is_noticed_at_once(
    model_server: ModelServer, client: openai.OpenAI
) -> None:
    model_server.answer("/responses", lambda request: response("{}"))
    respond(client)  # keep-alive: the next request uses the same connection
    model_server.fail("/responses", dropped())
    with pytest.raises(openai.APIConnectionError) as caught:
        respond(client)
    assert not isinstance(caught.value, openai.APITimeoutError)


def test_an_answer_that_breaks_the_contract_is_told(
    model_server: ModelServer, client: openai.OpenAI
) -> None:
    body = response("{}")
    del body["usage"]["input_tokens"]
    model_server.answer("/responses", lambda request: body)
    respond(client)
    assert "input_tokens" in model_server.violations.pop()


def test_recorded_answers_keep_the_contract(shared_data: Path) -> None:
    """Real answers of OpenAI: the schema that the tests rely on is the one that is served."""
    folder = shared_data / "contracts" / "openai_recordings"
    checked = 0
    for file in sorted(folder.glob("ruby_llm_images_edits*.yml")):
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for exchange in yaml.load(file.read_text(encoding="utf-8"), Loader=loader)[
            "http_interactions"
        ]:
            if exchange["request"]["uri"].endswith("/images/edits"):
                sent = json.loads(exchange["request"]["body"]["string"])
                got = json.loads(exchange["response"]["body"]["string"])
                assert contract.request_faults("/images/edits", sent, "application/json") == []
                assert contract.response_faults("/images/edits", 200, got) == []
                checked += 1
    assert checked >= 2
