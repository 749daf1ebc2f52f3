"""Questions to a model of the strict server, one call at a time."""

from typing import Any

from strict_openai import ModelServer

from mmpart_core.hosted.client import ModelClient
from mmpart_core.hosted.settings import HostedSettings
from tests.mmpart_core.hosted.batch_questions import VARIABLE


def client(server: ModelServer, model: str = "gpt-6.1-terra", **changes: Any) -> ModelClient:
    """An open client of a server; ``changes`` are settings."""
    given = {"base_url": server.base_url, "api_key_variable": VARIABLE, "longest_wait_s": 1.0}
    made = ModelClient(HostedSettings(**(given | changes)), model, "plan")
    made.open()
    return made


def ask(made: ModelClient, expected_usd: float | None = 0.01) -> Any:
    """Say hello."""

    def send(sdk: Any) -> Any:
        return sdk.responses.create(model="gpt-6.1-terra", input="hello")

    return made.call(send, what="plan of 'rider'", expected_usd=expected_usd)
