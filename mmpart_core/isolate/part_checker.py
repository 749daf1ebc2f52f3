"""A second look at pictures that pass the gate: is it only the part, in its pose, complete?

The gate measures; what a thing *is* it cannot know. A vision model is shown the source and the
part, and answers in a fixed form. What it finds wrong goes into the next prompt.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, ConfigDict, ValidationError

from mmpart_core.hosted.asking import Wanted, ask_until_usable
from mmpart_core.hosted.client import ModelClient
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
from mmpart_core.hosted.settings import HostedModel
from mmpart_core.images.shown import data_url, shown_image
from mmpart_core.isolate.check_settings import CheckSettings
from mmpart_core.isolate.gate_checks import Fault
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.prompt_files import PromptFolder

_SIDE_PX = 1024  # pictures are shown no larger
_ASKS = 2  # how often, until an answer can be used
_MOST_CHARS = 300  # of a reason: it becomes part of a prompt
# Of one look: two pictures with the texts, and an answer with a little reasoning. By hand.
_TYPICAL_INPUT_TOKENS, _TYPICAL_OUTPUT_TOKENS = 4000, 400
_PROMPTS = PromptFolder(resources.files("mmpart_core.isolate") / "prompts", "isolate/prompts")
_TEXTS = ("check_part", "check_request", "check_again", "check_json")


class _Verdict(BaseModel):
    """The form of the answer, within what every provider's strict mode takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    only_this_part: bool
    same_pose: bool
    complete: bool
    reason: str


@dataclass(frozen=True)
class CheckerAnswer:
    """What a checker says of a picture.

    Attributes:
        fault: what is wrong; None where it accepts the picture.
        cost_usd: of the look.
    """

    fault: Fault | None = None
    cost_usd: float = 0.0


@runtime_checkable
class PartChecker(Protocol):
    """Somebody who looks at a part that passed the gate."""

    def check_part(self, task: IsolationTask, part: UInt8[np.ndarray, "H W 4"]) -> CheckerAnswer:
        """Whether a picture shows only the part, in the pose it has in the source, complete.

        Args:
            task: what was to be drawn.
            part: what was drawn, in the source's frame, straight alpha.

        Raises:
            RefusedError: whoever looks declined to.
            BackendError: no answer could be used.
        """
        ...


class HostedChecker:
    """A hosted vision model that looks.

    Args:
        settings: how it is asked.
        model: which model, and where.
    """

    def __init__(self, settings: CheckSettings, model: HostedModel) -> None:
        self._settings = settings
        self._model = model.name
        self._client = ModelClient(model.settings, model.name, "isolate", model.prefix)

    def open(self) -> None:
        """Find the key; nothing is sent yet.

        Raises:
            ConfigError: no key where one is asked for.
        """
        self._client.open()

    def check_part(self, task: IsolationTask, part: UInt8[np.ndarray, "H W 4"]) -> CheckerAnswer:
        """See ``PartChecker``; a faulty answer is sent back once.

        Raises:
            RefusedError: the model declined.
            BackendError: no answer could be used.
            MMPartError: what a call raises, with the cost of those before it.
        """
        name = task.prompt.component
        question = _question(task, part, self._settings)
        verdict, spent_usd = ask_until_usable(
            lambda turns: self._asked(question, turns, name), _wanted(name, self._model), _ASKS
        )
        return CheckerAnswer(_fault_of(verdict, name), spent_usd)

    def _asked(self, question: Question, turns: Sequence[Turn], name: str) -> Reply:
        settings = self._settings
        manner = Manner(
            self._model, settings.check_max_output_tokens, token_limit=settings.check_token_limit
        )
        exchange = EXCHANGES[settings.check_api](question, manner)
        answered = self._client.call(
            lambda sdk: exchange.send(sdk, turns),
            what=f"check of '{name}'",
            expected_usd=most_usd(question, turns, manner, self._client.prices),
        )
        return exchange.read(answered.answer, answered.cost_usd)


def open_checker(settings: CheckSettings) -> HostedChecker | None:
    """The checker of the settings, opened; None where they ask for none.

    Raises:
        ConfigError: no key where one is asked for.
    """
    for model in settings.further_models():
        checker = HostedChecker(settings, model)
        checker.open()
        return checker
    return None


def texts_digest() -> str:
    """Changes when a text that the checker is told changes; part of a VERSION."""
    return _PROMPTS.digest(*_TEXTS)


def expected_check_usd(settings: CheckSettings) -> float | None:
    """What one look usually costs; 0 where there is none, None where the price is not known."""
    spent = 0.0
    for model in settings.further_models():
        prices = prices_of(model.name, model.settings)
        if prices is None:
            return None
        spent += prices.cost_usd(_TYPICAL_INPUT_TOKENS, _TYPICAL_OUTPUT_TOKENS)
    return spent


def _question(
    task: IsolationTask, part: UInt8[np.ndarray, "H W 4"], settings: CheckSettings
) -> Question:
    prompt = task.prompt
    told: dict[str, Any] = {
        "part": prompt.component,
        "pieces": prompt.counts[prompt.index],
        "other_parts": [name for i, name in enumerate(prompt.names) if i != prompt.index],
    }
    if prompt.hidden.strip():
        told["user_words_on_hidden_area"] = prompt.hidden
    instructions, form = _PROMPTS.read("check_part"), None
    schema = _Verdict.model_json_schema()
    del schema["description"]  # our own words, for readers of the code
    if settings.check_structured == "schema":
        form = AnswerForm("part_check", schema)
    else:
        said = _PROMPTS.fill("check_json", schema=json.dumps(schema))
        instructions = f"{instructions}\n\n{said}"
    words = _PROMPTS.fill("check_request", part=json.dumps(told, ensure_ascii=False, indent=1))
    pictures = tuple(data_url(shown_image(each, _SIDE_PX)) for each in (task.source, part))
    return Question(instructions, words, pictures, seed=0, form=form)


def _wanted(name: str, model: str) -> Wanted[_Verdict]:
    return Wanted(
        what=f"check of '{name}'",
        model=model,
        read=_read,
        sent_back=lambda faults: _PROMPTS.fill("check_again", fault=" ".join(faults)),
        shorter="say it in fewer words",
        when_declined="set isolate.check=false, choose another isolate.check_model, or use another "
        "image",
        when_unusable="Use a stronger model (isolate.check_model), raise "
        "isolate.check_max_output_tokens, or set isolate.check=false",
    )


def _read(text: str) -> tuple[_Verdict | None, list[str]]:
    """The verdict, or what is wrong with the answer, in words that the model can be told."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end <= start:
        return None, ["There is no complete JSON object in it."]
    try:
        verdict = _Verdict.model_validate_json(text[start : end + 1], strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        return None, [
            f"{'.'.join(map(str, each['loc'])) or 'JSON'}: {each['msg']}." for each in found[:4]
        ]
    accepted = verdict.only_this_part and verdict.same_pose and verdict.complete
    if not accepted and not verdict.reason.strip():
        return None, ["reason must say what is wrong where one of the three is false."]
    return verdict, []


def _fault_of(verdict: _Verdict, name: str) -> Fault | None:
    """What is told of a no, and what the next prompt says; None of a yes."""
    reason = " ".join(verdict.reason.split())[:_MOST_CHARS].rstrip(". ")
    wanted = {
        "it shows more than the part": (verdict.only_this_part, f"show only the {name}"),
        "its pose is another": (
            verdict.same_pose,
            "keep the same pose, viewing angle and state as in the given image",
        ),
        "it is not complete": (verdict.complete, f"show the {name} whole"),
    }
    wrong = {told: advice for told, (fine, advice) in wanted.items() if not fine}
    if not wrong:
        return None
    return Fault(
        "checker",
        f"the checking model says: {', '.join(wrong)} ({reason})",
        f"{'; '.join(wrong.values())} (what was wrong with it: {reason})",
    )
