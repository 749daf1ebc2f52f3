"""Keys and addresses of servers: where they come from, where they go, and that nobody sees them."""

import traceback

import pytest
from pydantic import SecretStr
from strict_openai import (
    ModelServer,
    Reply,
    response,
)

from mmpart_core.errors import (
    ConfigError,
)
from mmpart_core.hosted import secrets
from mmpart_core.hosted.client import ModelClient
from mmpart_core.hosted.settings import HostedSettings
from tests.mmpart_core.hosted.batch_questions import VARIABLE
from tests.mmpart_core.hosted.call_questions import ask, client

pytestmark = pytest.mark.usefixtures("key")


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
