"""What Prefect gives to calls of hosted models: keys in Secret blocks, limits across workers.

Both are asked for only where a stage calls a hosted model and Prefect has a server.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import httpx
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.concurrency.sync import concurrency, rate_limit
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from pydantic import SecretStr

from mmpart_core import backends
from mmpart_core.config import BackendChoice
from mmpart_core.errors import TransientBackendError
from mmpart_core.hosted import limiter, secrets
from mmpart_core.hosted.settings import hosted_models
from mmpart_core.records import StageName

# Global concurrency limits, see deployments/setup.py: calls under way at once, and (with a slot
# decay) calls begun per time. One that does not exist bounds nothing.
CALLS_LIMIT, RATE_LIMIT = "mmpart-hosted", "mmpart-hosted-rate"
_known_limits: dict[str, frozenset[str]] = {}


def prepare_hosted(stage: StageName, choice: BackendChoice) -> None:
    """Before a stage runs: find its keys, and let Prefect's limits hold for its calls.

    Nothing happens for a back-end that calls no hosted model.
    """
    settings = backends.check_settings(stage, choice.kind, choice.settings)
    models = hosted_models(settings)
    for model in models:
        if model.settings.key_missing:
            _provide_from_block(model.settings.api_key_variable)
    if models:
        limiter.set_gate(allowed_call)


def secret_block_name(variable: str) -> str:
    """The Secret block of a key: ``OPENAI_API_KEY`` is ``openai-api-key``."""
    return variable.lower().replace("_", "-")


def _provide_from_block(variable: str) -> None:
    if not _server():
        return
    try:
        block: Any = Secret.load(secret_block_name(variable))
    except (ValueError, httpx.HTTPError):  # no such block: the back-end says what is missing
        return
    value = block.get()
    secrets.provide_key(variable, value if isinstance(value, SecretStr) else SecretStr(str(value)))


@contextmanager
def allowed_call() -> Generator[None]:
    """Within: a call holds a slot of the limits that exist on the server.

    Raises:
        TransientBackendError: the server gave no slot.
    """
    limits = _limits()
    if RATE_LIMIT in limits:
        rate_limit(RATE_LIMIT)
    if CALLS_LIMIT not in limits:
        yield
        return
    with concurrency(CALLS_LIMIT):
        yield


def existing_limits(client: SyncPrefectClient) -> frozenset[str]:
    """Which of our limits the server has; each is asked for by name, as lists come in pages."""
    found: set[str] = set()
    for name in (CALLS_LIMIT, RATE_LIMIT):
        with suppress(ObjectNotFound):
            found.add(client.read_global_concurrency_limit_by_name(name).name)
    return frozenset(found)


def _server() -> str:
    return get_current_settings().api.url or ""


def _limits() -> frozenset[str]:
    """The names of our limits on the server, asked for once per process and server."""
    url = _server()
    if url and url not in _known_limits:
        try:
            with get_client(sync_client=True) as client:
                _known_limits[url] = existing_limits(client)
        except httpx.HTTPError as error:
            raise TransientBackendError(
                f"the Prefect server at {url} did not say which limits there are ({error}); run "
                "again when it answers"
            ) from error
    return _known_limits.get(url, frozenset())
