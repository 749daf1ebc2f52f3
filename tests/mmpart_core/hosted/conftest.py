"""A server that takes batches, and a store for what comes of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from strict_batches import BatchServer
from strict_openai import ModelServer, response

from mmpart_core.hosted import secrets
from mmpart_core.storage.fsspec_store import FsspecStore
from tests.mmpart_core.hosted.batch_questions import VARIABLE


@pytest.fixture
def server() -> Iterator[BatchServer]:
    """A strict server that takes batches; breaches of the contract fail the test."""
    with BatchServer() as made:
        secrets.provide_key(VARIABLE, SecretStr(made.api_key))
        made.answer("/responses", lambda request: response(f"to {request.body['input']}"))
        yield made
    secrets.forget_keys()
    assert made.violations == []


@pytest.fixture
def store(tmp_path: Path) -> FsspecStore:
    """An empty store."""
    return FsspecStore(str(tmp_path / "store"))


@pytest.fixture
def key(model_server: ModelServer) -> Iterator[None]:
    """The server's key is known for one test."""
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()
