"""Asks a vision-language model for the plan, at OpenAI or a server that speaks its interface.

``api: responses`` is OpenAI's own interface; ``api: chat`` with ``base_url`` is what vLLM, Ollama,
LM Studio and LiteLLM serve.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from mmpart_core.hosted.client import HOW_TO_GET, REQUIRES, ModelClient
from mmpart_core.hosted.exchange import (
    EXCHANGES,
    AnswerForm,
    Manner,
    Question,
    Reply,
    Turn,
    most_usd,
)
from mmpart_core.hosted.model_facts import prices_of
from mmpart_core.hosted.settings import HostedSettings
from mmpart_core.images.shown import data_url, shown_image
from mmpart_core.plan import asking, compose, suggestion_answer, suggestions
from mmpart_core.plan.answer import SCHEMA_NAME, answer_schema
from mmpart_core.plan.prompt_text import fill_prompt, read_prompt
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.plan.suggestion_answer import Suggestions
from mmpart_core.records import ObjectRequest

__all__ = ["BACKEND", "HOW_TO_GET", "LICENSES", "REQUIRES", "OpenAIPlanner", "Settings"]

LICENSES = {"gpt-6.1-terra": "hosted; OpenAI's terms of use"}
# Of one answer for a handful of components: the texts of the prompts with the picture, and an
# answer with some reasoning. By hand; what a call may cost at most is bounded by the settings.
_TYPICAL_INPUT_TOKENS, _TYPICAL_OUTPUT_TOKENS = 4000, 3000


class Settings(HostedSettings):
    """Settings of the hosted planner."""

    model: str = Field(
        default="gpt-6.1-terra", min_length=1, description="The model's name at the server."
    )
    api: Literal["responses", "chat"] = Field(
        default="responses",
        description="Interface: 'responses' at OpenAI, 'chat' at most other servers.",
    )
    structured: Literal["schema", "words"] = Field(
        default="schema",
        description="How the form of the answer is asked for: as a JSON schema that the server "
        "holds the model to, or in words, for servers without that.",
    )
    detail: Literal["low", "high", "auto", "original"] = Field(
        default="high", description="How closely the model looks at the image."
    )
    image_side_px: int = Field(
        default=1024, ge=64, le=4096, description="The image is scaled down to this side."
    )
    reasoning: Literal["default", "none", "low", "medium", "high"] = Field(
        default="default", description="How much the model thinks; 'default' leaves it to it."
    )
    temperature: float | None = Field(
        default=None,
        ge=0.0,
        le=2.0,
        description="Randomness of the answer; not sent when empty: reasoning models refuse it.",
    )
    max_output_tokens: int = Field(
        default=12000,
        ge=64,
        le=200000,
        description="The longest answer, thinking included; with the price it bounds the cost of "
        "a call.",
    )
    token_limit: Literal["max_completion_tokens", "max_tokens"] = Field(
        default="max_completion_tokens",
        description="What 'chat' servers call that limit; Ollama knows max_tokens only.",
    )
    tries: int = Field(
        default=3,
        ge=1,
        le=10,
        description="How often the model is asked until its answer can be used; each is paid.",
    )


class OpenAIPlanner:
    """Shows a model the image and the list, and composes the prompts from its answer."""

    VERSION: ClassVar[str] = f"1-{compose.texts_digest()}"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = ModelClient(settings, settings.model, "plan")

    def open(self) -> None:
        """Find the key; nothing is sent yet."""
        self._client.open()

    def plan(
        self, source: UInt8[np.ndarray, "H W 4"], request: ObjectRequest, seed: int
    ) -> PlanDraft:
        """See ``PartPlanner``; the seed is sent to servers that take one."""
        settings = self._settings
        ask = self._asker(_question(source, request, seed, settings), f"plan of '{request.name}'")
        return asking.ask_for_plan(ask, request, settings.tries, settings.model)

    def suggest(self, source: UInt8[np.ndarray, "H W 4"], seed: int) -> Suggestions:
        """See ``ComponentSuggester``; the seed is sent to servers that take one."""
        settings = self._settings
        ask = self._asker(_suggestion_question(source, seed, settings), "suggestions")
        return suggestions.ask_for_components(ask, settings.tries, settings.model)

    def _asker(self, question: Question, what: str) -> Callable[[Sequence[Turn]], Reply]:
        settings = self._settings
        manner = Manner(
            settings.model, settings.max_output_tokens, settings.detail, settings.reasoning,
            settings.temperature, settings.token_limit,
        )  # fmt: skip
        exchange = EXCHANGES[settings.api](question, manner)

        def ask(turns: Sequence[Turn]) -> Reply:
            answered = self._client.call(
                lambda sdk: exchange.send(sdk, turns),
                what=what,
                expected_usd=most_usd(question, turns, manner, self._client.prices),
            )
            return exchange.read(answered.answer, answered.cost_usd)

        return ask


def _question(
    source: UInt8[np.ndarray, "H W 4"], request: ObjectRequest, seed: int, settings: Settings
) -> Question:
    told = _told(read_prompt("plan_parts"), SCHEMA_NAME, answer_schema(), settings)
    picture = data_url(shown_image(source, settings.image_side_px))
    return Question(told[0], compose.request_text(request), (picture,), seed, told[1])


def _suggestion_question(
    source: UInt8[np.ndarray, "H W 4"], seed: int, settings: Settings
) -> Question:
    form = suggestion_answer.suggestion_schema()
    told = _told(suggestions.instructions_text(), suggestion_answer.SCHEMA_NAME, form, settings)
    picture = data_url(shown_image(source, settings.image_side_px))
    return Question(told[0], suggestions.QUESTION, (picture,), seed, told[1])


def _told(
    instructions: str, name: str, schema: dict[str, Any], settings: Settings
) -> tuple[str, AnswerForm | None]:
    """The form of the answer is said in words where the server does not hold the model to it."""
    if settings.structured == "schema":
        return instructions, AnswerForm(name, schema)
    said = fill_prompt("plan_json", schema=json.dumps(schema))
    return f"{instructions}\n\n{said}", None


def expected_cost_usd(settings: Settings) -> float | None:
    """What one plan usually costs; None where the model's price is not known."""
    prices = prices_of(settings.model, settings)
    if prices is None:
        return None
    return prices.cost_usd(_TYPICAL_INPUT_TOKENS, _TYPICAL_OUTPUT_TOKENS)


BACKEND = OpenAIPlanner
