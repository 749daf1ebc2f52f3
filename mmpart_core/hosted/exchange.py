"""One question about pictures to a hosted model, in the two interfaces there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mmpart_core.hosted.model_facts import TokenPrices

_IMAGE_TOKENS = 2500  # more than any detail setting but "original" uses at 1024 pixels
_MOST_TOLD = 300  # characters of a server's own words
_CHARS_PER_TOKEN = 2.0  # fewer than in any language the questions are in, so a bound


@dataclass(frozen=True)
class Turn:
    """Something said before: by the model, or to it."""

    role: Literal["assistant", "user"]
    text: str


@dataclass(frozen=True)
class Reply:
    """A model's answer to one question.

    Attributes:
        text: what it said.
        refusal: why it declined; empty when it did not.
        cut_off: why it ended too early; empty when it did not.
        failed: why there is no answer at all; empty when there is one.
        cost_usd: what it cost, as far as that is known.
    """

    text: str
    refusal: str = ""
    cut_off: str = ""
    failed: str = ""
    cost_usd: float = 0.0


@dataclass(frozen=True)
class AnswerForm:
    """A form that the server holds the answer to.

    Attributes:
        name: letters, digits, ``_`` and ``-``.
        schema: JSON schema in the subset that strict modes take.
    """

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """What a model is asked first.

    Attributes:
        instructions: the system prompt.
        words: what the user's turn says.
        image_urls: the pictures it is about, as data URLs, in the order that the words tell.
        seed: for servers that take one.
        form: of the answer; None where only the words ask for it.
    """

    instructions: str
    words: str
    image_urls: tuple[str, ...]
    seed: int
    form: AnswerForm | None = None


@dataclass(frozen=True)
class Manner:
    """How a model is asked.

    Attributes:
        model: its name at the server.
        max_output_tokens: the longest answer, thinking included.
        detail: how closely it looks at pictures.
        reasoning: how much it thinks; ``default`` leaves it to it.
        temperature: randomness of the answer; None: not sent, reasoning models refuse it.
        token_limit: what servers of Chat Completions call the longest answer.
    """

    model: str
    max_output_tokens: int
    detail: str = "high"
    reasoning: str = "default"
    temperature: float | None = None
    token_limit: str = "max_completion_tokens"  # noqa: S105  (a parameter's name)


@dataclass(frozen=True)
class _Asked:
    """What every interface is given.

    Attributes:
        question: what is asked.
        manner: how.
    """

    question: Question
    manner: Manner


@dataclass(frozen=True)
class ResponsesExchange(_Asked):
    """OpenAI's Responses interface.

    ``create``, not ``parse``: the latter loses the usage of an answer that does not fit.
    """

    def send(self, sdk: Any, turns: Sequence[Turn] = ()) -> Any:
        """Make one call; nothing of it is kept at the provider."""
        question, manner = self.question, self.manner
        content = [
            {"type": "input_text", "text": question.words},
            *(
                {"type": "input_image", "image_url": url, "detail": manner.detail}
                for url in question.image_urls
            ),
        ]
        given: dict[str, Any] = {
            "model": manner.model,
            "instructions": question.instructions,
            "input": [
                {"role": "user", "content": content},
                *({"role": turn.role, "content": turn.text} for turn in turns),
            ],
            "max_output_tokens": manner.max_output_tokens,
            "store": False,
        }
        if question.form is not None:
            form = {"type": "json_schema", "strict": True, "name": question.form.name}
            given["text"] = {"format": {**form, "schema": question.form.schema}}
        if manner.reasoning != "default":
            given["reasoning"] = {"effort": manner.reasoning}
        if manner.temperature is not None:
            given["temperature"] = manner.temperature
        return sdk.responses.create(**given)

    def read(self, answer: Any, cost_usd: float) -> Reply:
        """What the answer says; only final messages count, not what was thought aloud."""
        if answer.status == "failed" or not isinstance(answer.output, list):
            return Reply("", failed=_failure(answer, "output"), cost_usd=cost_usd)
        texts: list[str] = []
        refusals: list[str] = []
        for item in answer.output:
            kind, phase = getattr(item, "type", ""), getattr(item, "phase", "")
            if kind != "message" or phase == "commentary":
                continue
            for piece in item.content or ():
                if piece.type == "refusal":
                    refusals.append(piece.refusal or "no reason given")
                elif piece.type == "output_text":
                    texts.append(piece.text)
        reason = getattr(answer.incomplete_details, "reason", None) or ""
        if reason == "content_filter":
            refusals.append("its content filter stopped the answer")
        cut_off = reason if answer.status == "incomplete" else ""
        return Reply("".join(texts), " ".join(refusals), cut_off, cost_usd=cost_usd)


@dataclass(frozen=True)
class ChatExchange(_Asked):
    """The Chat Completions interface, which most other servers speak."""

    def send(self, sdk: Any, turns: Sequence[Turn] = ()) -> Any:
        """Make one call."""
        question, manner = self.question, self.manner
        content: list[dict[str, Any]] = [
            {"type": "text", "text": question.words},
            *(
                {"type": "image_url", "image_url": {"url": url, "detail": manner.detail}}
                for url in question.image_urls
            ),
        ]
        given: dict[str, Any] = {
            "model": manner.model,
            "messages": [
                {"role": "system", "content": question.instructions},
                {"role": "user", "content": content},
                *({"role": turn.role, "content": turn.text} for turn in turns),
            ],
            "seed": question.seed,
            manner.token_limit: manner.max_output_tokens,
        }
        if question.form is not None:
            form = {"strict": True, "name": question.form.name, "schema": question.form.schema}
            given["response_format"] = {"type": "json_schema", "json_schema": form}
        if manner.reasoning != "default":
            given["reasoning_effort"] = manner.reasoning
        if manner.temperature is not None:
            given["temperature"] = manner.temperature
        return sdk.chat.completions.create(**given)

    def read(self, answer: Any, cost_usd: float) -> Reply:
        """What the answer says."""
        choice: Any = next(iter(answer.choices or ()), None)
        if getattr(choice, "message", None) is None:
            return Reply("", failed=_failure(answer, "choices"), cost_usd=cost_usd)
        refusal = getattr(choice.message, "refusal", None) or ""
        if choice.finish_reason == "content_filter":
            refusal = refusal or "its content filter stopped the answer"
        cut_off = "max_output_tokens" if choice.finish_reason == "length" else ""
        return Reply(choice.message.content or "", refusal, cut_off, cost_usd=cost_usd)


def _failure(answer: Any, lacking: str) -> str:
    """What an answer without content says of itself; some servers send errors with HTTP 200."""
    error = getattr(answer, "error", None)
    told = getattr(error, "message", None) or error
    return " ".join(str(told).split())[:_MOST_TOLD] if told else f"it has no {lacking}"


EXCHANGES: Mapping[str, type[ResponsesExchange] | type[ChatExchange]] = {
    "responses": ResponsesExchange,
    "chat": ChatExchange,
}


def most_usd(
    question: Question, turns: Sequence[Turn], manner: Manner, prices: TokenPrices | None
) -> float | None:
    """What one call costs at most; None where the model's price is not known.

    Args:
        question: what is asked first.
        turns: what was said since.
        manner: how it is asked.
        prices: of the model's tokens.
    """
    if prices is None:
        return None
    texts = [question.instructions, question.words, *(turn.text for turn in turns)]
    if question.form is not None:  # counts as input, too
        texts.append(str(question.form.schema))
    given = _IMAGE_TOKENS * len(question.image_urls)
    given += int(sum(map(len, texts)) / _CHARS_PER_TOKEN)
    return prices.cost_usd(given, manner.max_output_tokens)
