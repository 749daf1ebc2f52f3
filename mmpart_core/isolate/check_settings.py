"""Settings of the second look: a hosted vision model that is asked about a part's picture."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from mmpart_core.hosted.settings import (
    OPENAI_URL,
    FurtherModels,
    HostedModel,
    HostedSettings,
    is_openai,
    plain_address,
)

PREFIX = "check_"
DEFAULT_MODEL = "gpt-6.1-terra"
LICENSES = {DEFAULT_MODEL: "hosted; OpenAI's terms of use"}
_WAITING = "how calls are paced and repeated does not change an answer"
_MONEY = "what a call costs does not change its answer"


class CheckSettings(FurtherModels):
    """Whether a vision model looks at pictures that pass the gate, and which."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "check_api_key_variable": "names a credential, no part of it",  # pragma: allowlist secret
        "check_timeout_s": _WAITING,
        "check_attempts": _WAITING,
        "check_requests_per_minute": _WAITING,
        "check_tokens_per_minute": _WAITING,
        "check_input_usd": _MONEY,
        "check_output_usd": _MONEY,
    }

    check: bool = Field(
        default=False,
        description="Show each picture that passes the gate to a hosted vision model, which says "
        "whether it is only the part, in its pose, complete; a no rejects it. Each look is paid.",
    )
    check_model: str = Field(
        default="",
        description=f"That model's name at the server; empty: {DEFAULT_MODEL} where check is on.",
    )
    check_api: Literal["responses", "chat"] = Field(
        default="responses",
        description="Its interface: 'responses' at OpenAI, 'chat' at most other servers.",
    )
    check_structured: Literal["schema", "words"] = Field(
        default="schema",
        description="How the form of its answer is asked for: as a JSON schema, or in words.",
    )
    check_base_url: str = Field(
        default="",
        description="Address of its server; empty: base_url where the back-end has one, else "
        "OpenAI's.",
    )
    check_api_key_variable: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$|^$",
        description="Environment variable of its key, empty for none. Not given: as the back-end's "
        "own where check_base_url is empty, OPENAI_API_KEY at OpenAI, else none.",
    )
    check_max_output_tokens: int = Field(
        default=3000, ge=64, le=200000, description="Its longest answer, thinking included."
    )
    check_token_limit: Literal["max_completion_tokens", "max_tokens"] = Field(
        default="max_completion_tokens",
        description="What 'chat' servers call that limit; Ollama knows max_tokens only.",
    )
    check_timeout_s: float = Field(
        default=120.0, gt=0.0, le=3600.0, description="The longest that one look may take."
    )
    check_attempts: int = Field(
        default=4, ge=1, le=20, description="How often a throttled, dropped or late call is made."
    )
    check_requests_per_minute: int | None = Field(
        default=None, ge=1, description="Calls of it begun per minute in this process."
    )
    check_tokens_per_minute: int | None = Field(
        default=None, ge=1, description="Tokens of these calls per minute in this process."
    )
    check_input_usd: float | None = Field(
        default=None,
        ge=0.0,
        description="Dollars per million input tokens; with check_output_usd in place of the price "
        "table's.",
    )
    check_output_usd: float | None = Field(
        default=None, ge=0.0, description="Likewise for output tokens; with check_input_usd."
    )

    @field_validator("check_base_url")
    @classmethod
    def _plain_check_address(cls, value: str) -> str:
        return plain_address(value) if value else value

    @model_validator(mode="before")
    @classmethod
    def _named_model(cls, given: Any) -> Any:
        """The model stands in settings, manifest and licences as soon as it is used."""
        if isinstance(given, dict) and given.get("check") and not given.get("check_model"):
            return {**given, "check_model": DEFAULT_MODEL}
        return given

    def further_models(self) -> tuple[HostedModel, ...]:
        """The model that looks, where one is asked for."""
        if not self.check:
            return ()
        own = self if isinstance(self, HostedSettings) and not self.check_base_url else None
        address = self.check_base_url or (own.base_url if own else OPENAI_URL)
        variable = self.check_api_key_variable
        if variable is None and own:
            variable = own.api_key_variable
        if variable is None:
            # A key of OpenAI's goes nowhere else unless somebody says so.
            variable = "OPENAI_API_KEY" if is_openai(address) else ""
        settings = HostedSettings(
            base_url=address,
            api_key_variable=variable,
            timeout_s=self.check_timeout_s,
            attempts=self.check_attempts,
            requests_per_minute=self.check_requests_per_minute,
            tokens_per_minute=self.check_tokens_per_minute,
            input_usd=self.check_input_usd,
            output_usd=self.check_output_usd,
        )
        return (HostedModel(self.check_model, settings, PREFIX),)
