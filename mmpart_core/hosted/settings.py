"""Settings that every back-end on a hosted model has."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from mmpart_core.backends import BackendSettings
from mmpart_core.hosted.secrets import has_key

OPENAI_URL = "https://api.openai.com/v1"
_OPENAI_HOST = "api.openai.com"
_WAITING = "how calls are paced and repeated does not change an answer"
_NAME = "names a credential, which has no part in the answer"
_MONEY = "what a call costs does not change its answer"


def plain_address(value: str) -> str:
    """The address of a server, without a slash at its end.

    Raises:
        ValueError: not http or https, or with a user, password or query.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected an http or https address, such as http://localhost:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise ValueError(
            "an address without user, password or query expected: keys are given by "
            "api_key_variable"
        )
    return value.rstrip("/")


def is_openai(address: Any) -> bool:
    """Whether an address is one of OpenAI's.

    Example:
        >>> is_openai("https://eu.api.openai.com/v1"), is_openai("https://api.openai.com.example")
        (True, False)
    """
    host = urlsplit(str(address)).hostname or ""
    return host == _OPENAI_HOST or host.endswith(f".{_OPENAI_HOST}")


class HostedSettings(BackendSettings):
    """Where a model is, how it is called and what it costs; a back-end adds its own settings.

    The key itself is no setting: settings are written to manifests, records and databases.
    """

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "api_key_variable": _NAME,
        "timeout_s": _WAITING,
        "attempts": _WAITING,
        "longest_wait_s": _WAITING,
        "requests_per_minute": _WAITING,
        "tokens_per_minute": _WAITING,
        "concurrent_requests": _WAITING,
        "input_usd": _MONEY,
        "cached_input_usd": _MONEY,
        "image_input_usd": _MONEY,
        "output_usd": _MONEY,
        "shutdown_date": "a date to be warned of",
    }

    base_url: str = Field(
        default=OPENAI_URL,
        description="Address of the interface, with its /v1. Other servers that speak it (vLLM, "
        "Ollama, LM Studio, LiteLLM) have one of their own.",
    )
    api_key_variable: str = Field(
        default="OPENAI_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$|^$",
        description="Environment variable (or Prefect Secret block) that holds the key; empty "
        "for a server that needs none. Not given: OPENAI_API_KEY at OpenAI, else none, as the key "
        "of one provider is not for another.",
    )
    timeout_s: float = Field(
        default=240.0, gt=0.0, le=3600.0, description="The longest that one answer may take."
    )
    attempts: int = Field(
        default=4,
        ge=1,
        le=20,
        description="How often a call is made before a throttled, dropped or late one fails.",
    )
    longest_wait_s: float = Field(
        default=120.0,
        ge=0.0,
        le=3600.0,
        description="The longest wait before a repeated call that a server may ask for.",
    )
    requests_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="Calls begun per minute in this process. Limits across workers are Prefect's "
        "(mmpart-hosted).",
    )
    tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        description="Tokens, input and output, of the calls begun per minute in this process. A "
        "call under way counts as the mean of the latest ones.",
    )
    concurrent_requests: int = Field(
        default=4, ge=1, le=256, description="Calls under way at once in this process."
    )
    input_usd: float | None = Field(
        default=None,
        ge=0.0,
        description="Dollars per million input tokens; with output_usd in place of the price "
        "table's.",
    )
    cached_input_usd: float | None = Field(
        default=None, ge=0.0, description="Likewise for cached input; else as input_usd."
    )
    image_input_usd: float | None = Field(
        default=None, ge=0.0, description="Likewise for image input; else as input_usd."
    )
    output_usd: float | None = Field(
        default=None, ge=0.0, description="Likewise for output tokens; with input_usd."
    )
    shutdown_date: str = Field(
        default="",
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        description="When the model is shut down (YYYY-MM-DD), in place of the table's date.",
    )

    @model_validator(mode="before")
    @classmethod
    def _own_key(cls, given: Any) -> Any:
        """OpenAI's key goes to no other server unless somebody says so."""
        if not isinstance(given, dict) or "api_key_variable" in given:
            return given
        if is_openai(given.get("base_url", OPENAI_URL)):
            return given
        return {**given, "api_key_variable": ""}

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        return plain_address(value)

    @property
    def key_missing(self) -> bool:
        """Whether a key is asked for and there is none."""
        return bool(self.api_key_variable) and not has_key(self.api_key_variable)


@dataclass(frozen=True)
class HostedModel:
    """A hosted model that a back-end calls.

    Attributes:
        name: at its server.
        settings: how it is called.
        prefix: what the names of these settings begin with among the back-end's.
    """

    name: str
    settings: HostedSettings
    prefix: str = ""


class FurtherModels(BackendSettings):
    """Settings of a back-end that may also call hosted models beside its own."""

    def further_models(self) -> tuple[HostedModel, ...]:
        """Those that it will call."""
        return ()


def hosted_models(settings: BackendSettings) -> tuple[HostedModel, ...]:
    """All hosted models that a back-end calls by its settings, its own first."""
    own: tuple[HostedModel, ...] = ()
    if isinstance(settings, HostedSettings):
        own = (HostedModel(str(getattr(settings, "model", "")), settings),)
    return own + (settings.further_models() if isinstance(settings, FurtherModels) else ())
