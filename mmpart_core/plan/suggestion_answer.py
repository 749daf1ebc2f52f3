"""The form of a planner model's suggestions, and what makes them unusable.

The form stays within what every provider's strict mode takes; bounds are checked here, and faults
are told to the model in words.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mmpart_core.errors import InputError
from mmpart_core.intake.names import clean_name, comparable
from mmpart_core.plan.answer import AnsweredBox

SCHEMA_NAME = "component_suggestions"
MOST_COMPONENTS = 24
_MOST_PIECES, _MOST_CHARS, _MOST_FAULTS = 64, 600, 12
_LONGEST_NAME = 60  # of an answer that is held to its form

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SuggestedComponent:
    """One component that a planner sees.

    Attributes:
        name: fit for a component list.
        pieces: how many separate pieces the name stands for.
        box: left, top, right, bottom in fractions of the image, from its top left corner.
        hidden: words on the area that cannot be seen; empty where all can.
    """

    name: str
    pieces: int
    box: Box
    hidden: str = ""


@dataclass(frozen=True)
class Suggestions:
    """What a planner sees in an image.

    Attributes:
        subject: what the object is.
        components: at least one, the most important first.
        cost_usd: what the calls cost.
    """

    subject: str
    components: tuple[SuggestedComponent, ...]
    cost_usd: float = 0.0


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnsweredComponent(_Form):
    """One entry of a model's answer; see ``prompts/suggest_components.md``."""

    name: str
    pieces: int
    box: AnsweredBox
    hidden: str


class SuggestionAnswer(_Form):
    """A model's whole answer."""

    object: str
    components: list[AnsweredComponent]


def suggestion_schema() -> dict[str, Any]:
    """The answer's form as a JSON schema, in the subset that strict modes take."""
    return SuggestionAnswer.model_json_schema()


def bounded_schema(most_chars: int) -> dict[str, Any]:
    """The answer's form with the bounds that a grammar can hold.

    Args:
        most_chars: longest text.
    """
    form = suggestion_schema()
    definitions = form.pop("$defs")
    text = {"type": "string", "minLength": 1, "maxLength": min(_LONGEST_NAME, most_chars)}
    fraction = {"type": "number", "minimum": 0, "maximum": 1}
    box = {**definitions["AnsweredBox"], "properties": dict.fromkeys(
        ("left", "top", "right", "bottom"), fraction)}  # fmt: skip
    properties = {
        "name": text,
        "pieces": {"type": "integer", "minimum": 1, "maximum": _MOST_PIECES},
        "box": box,
        "hidden": {"type": "string", "maxLength": most_chars},
    }
    entry = {**definitions["AnsweredComponent"], "properties": properties}
    listed = {"type": "array", "items": entry, "minItems": 1, "maxItems": MOST_COMPONENTS}
    form["properties"] = {"object": text, "components": listed}
    return form


def read_suggestions(text: str) -> tuple[Suggestions | None, list[str]]:
    """A model's words as suggestions.

    Args:
        text: JSON; a fence of backticks or words around it are left out.

    Returns:
        The suggestions or None; and the answer's faults, in words that the model can be told.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end <= start:
        return None, ["There is no complete JSON object in it."]
    try:
        answer = SuggestionAnswer.model_validate_json(text[start : end + 1])
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[:_MOST_FAULTS]
        return None, [
            f"{'.'.join(map(str, each['loc'])) or 'JSON'}: {each['msg']}" for each in told
        ]
    faults: list[str] = []
    if not 1 <= len(answer.components) <= MOST_COMPONENTS:
        faults.append(
            f"components: 1 to {MOST_COMPONENTS} expected, {len(answer.components)} came."
        )
    taken: set[str] = set()
    for each in answer.components[:MOST_COMPONENTS]:
        faults += _faults_of(each, taken)
    if faults:
        return None, faults[:_MOST_FAULTS]
    subject = " ".join(answer.object.split())[:120]
    components = tuple(map(_suggested, answer.components))
    return Suggestions(subject or "object", components), []


def _faults_of(entry: AnsweredComponent, taken: set[str]) -> list[str]:
    """What is wrong with one entry; its name is added to those that are taken."""
    place = f"'{entry.name[:80]}'"
    try:
        name = comparable(clean_name(entry.name, place))
    except InputError as error:
        return [f"{error}."]
    faults = [f"{place} is there more than once."] if name in taken else []
    taken.add(name)
    if not 1 <= entry.pieces <= _MOST_PIECES:
        faults.append(f"{place}: pieces must be 1 to {_MOST_PIECES}, {entry.pieces} came.")
    if len(entry.hidden) > _MOST_CHARS:
        faults.append(f"{place}: hidden has more than {_MOST_CHARS} characters.")
    left, top, right, bottom = _clipped(entry.box)
    if not (left < right and top < bottom):
        faults.append(f"{place}: box must be fractions of the image, left < right, top < bottom.")
    return faults


def _suggested(entry: AnsweredComponent) -> SuggestedComponent:
    name = clean_name(" ".join(entry.name.split()), "component")
    hidden = " ".join(entry.hidden.split())
    return SuggestedComponent(name, entry.pieces, _clipped(entry.box), hidden)


def _clipped(box: AnsweredBox) -> Box:
    """Within the image; models count pixels roughly."""
    left, top, right, bottom = (
        min(max(number, 0.0), 1.0) for number in (box.left, box.top, box.right, box.bottom)
    )
    return left, top, right, bottom
