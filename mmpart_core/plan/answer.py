"""The form of a planner model's answer, and what makes one unusable.

The form stays within what every provider's strict mode takes: all properties required, no defaults,
no bounds. Bounds are checked here, and faults are told to the model in words.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmpart_core.records import ObjectRequest

SCHEMA_NAME = "part_plan"
_MOST_CHARS = 1500
_MOST_ITEMS = 24
_MOST_FAULTS = 12
_REACH = 0.02  # a box may stick out of the image by so much: models count pixels roughly


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AnsweredBox(_Form):
    """A box in fractions of the image's width and height, from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float


class HiddenArea(_Form):
    """An area that cannot be seen, and how it is to be imagined."""

    where: str
    looks: str


class AnsweredPart(_Form):
    """What a model says of one component; see ``prompts/plan_parts.md``."""

    component: str
    presence: Literal["visible", "hidden", "absent", "ambiguous"]
    note: str
    pieces: int
    box: AnsweredBox | None
    appearance: str
    pose: str
    lighting: str
    state: str
    covered_by: list[str]
    covered_by_other: list[str]
    touches: list[str]
    hidden_areas: list[HiddenArea]
    remove: list[str]


class PlanAnswer(_Form):
    """A model's whole answer."""

    parts: list[AnsweredPart] = Field(description="One entry per component, in the list's order.")
    front_to_back: list[str]


def answer_schema() -> dict[str, Any]:
    """The form as a JSON schema, in the subset that strict modes take."""
    return PlanAnswer.model_json_schema()


def read_answer(text: str, request: ObjectRequest) -> tuple[PlanAnswer | None, list[str]]:
    """A model's words as a plan.

    Args:
        text: JSON; a fence of backticks or words around it are left out.
        request: what was asked.

    Returns:
        The answer, its parts in the request's order, or None; and its faults, in words that the
        model can be told. Without faults there is an answer.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end <= start:
        return None, ["There is no complete JSON object in it."]
    try:
        answer = PlanAnswer.model_validate_json(text[start : end + 1])
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[:_MOST_FAULTS]
        return None, [
            f"{'.'.join(map(str, each['loc'])) or 'JSON'}: {each['msg']}" for each in found
        ]
    named = _with_exact_names(answer, request)
    faults = _list_faults(named, request)
    for part in named.parts:
        faults += _part_faults(part, request)
    if faults:
        return None, faults[:_MOST_FAULTS]
    by_name = {part.component: part for part in named.parts}
    ordered = [by_name[component.name] for component in request.components]
    return named.model_copy(update={"parts": ordered}), []


def _with_exact_names(answer: PlanAnswer, request: ObjectRequest) -> PlanAnswer:
    """Names that differ in case or white space only are the request's."""
    folded: dict[str, list[str]] = {}
    for component in request.components:
        folded.setdefault(_folded(component.name), []).append(component.name)
    known = {component.name for component in request.components}

    def exact(name: str) -> str:
        same = folded.get(_folded(name), [])
        return same[0] if name not in known and len(same) == 1 else name

    parts = [
        part.model_copy(
            update={
                "component": exact(part.component),
                "covered_by": [exact(name) for name in part.covered_by],
                "touches": [exact(name) for name in part.touches],
            }
        )
        for part in answer.parts
    ]
    order = [exact(name) for name in answer.front_to_back]
    return PlanAnswer(parts=parts, front_to_back=order)


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _list_faults(answer: PlanAnswer, request: ObjectRequest) -> list[str]:
    wanted = [component.name for component in request.components]
    faults = _names_faults("parts", [part.component for part in answer.parts], wanted)
    return faults + _names_faults("front_to_back", answer.front_to_back, wanted)


def _names_faults(place: str, given: list[str], wanted: list[str]) -> list[str]:
    faults = [f"{place}: '{name}' is missing." for name in wanted if name not in given]
    surplus = dict.fromkeys(name for name in given if name not in wanted)
    faults += [f"{place}: '{name[:80]}' is not in the list of components." for name in surplus]
    twice = dict.fromkeys(name for name in wanted if given.count(name) > 1)
    return faults + [f"{place}: '{name}' is there more than once." for name in twice]


def _part_faults(part: AnsweredPart, request: ObjectRequest) -> list[str]:
    place = f"'{part.component[:80]}'"
    faults = [f"{place}: {fault}" for fault in _text_faults(part) + _box_faults(part)]
    known = {component.name for component in request.components}
    for field in ("covered_by", "touches"):
        names = getattr(part, field)
        if part.component in names:
            faults.append(f"{place}: {field} names the component itself.")
        strangers = [name[:80] for name in names if name not in known]
        if strangers:
            faults.append(f"{place}: {field} names {strangers}, which are not in the list.")
    if not 1 <= part.pieces <= 64:
        faults.append(f"{place}: pieces must be 1 to 64, {part.pieces} came.")
    return faults


def _text_faults(part: AnsweredPart) -> list[str]:
    texts = {name: getattr(part, name) for name in ("appearance", "pose", "lighting", "state")}
    faults = [f"{name} is empty." for name, text in texts.items() if not text.strip()]
    if part.presence in ("absent", "ambiguous") and not part.note.strip():
        faults.append(f"note must say why it is {part.presence}.")
    areas = {f"hidden_areas.{k}": f"{a.where} {a.looks}" for k, a in enumerate(part.hidden_areas)}
    for name, text in (texts | {"note": part.note} | areas).items():
        if len(text) > _MOST_CHARS:
            faults.append(f"{name} has {len(text)} characters, {_MOST_CHARS} is the most.")
    for name in ("covered_by", "covered_by_other", "touches", "hidden_areas", "remove"):
        if len(getattr(part, name)) > _MOST_ITEMS:
            faults.append(f"{name} has more than {_MOST_ITEMS} entries.")
    if part.covered_by and not part.hidden_areas:
        faults.append("covered_by names components, so hidden_areas must say what they hide.")
    return faults


def _box_faults(part: AnsweredPart) -> list[str]:
    box = part.box
    if box is None:
        if part.presence == "visible":
            return ["box is null, but it is visible."]
        return []
    numbers = (box.left, box.top, box.right, box.bottom)
    if not all(-_REACH <= number <= 1.0 + _REACH for number in numbers):
        return [f"box {numbers} must be fractions of the image, 0 to 1."]
    if not (box.left < box.right and box.top < box.bottom):
        return [f"box {numbers} must read left < right and top < bottom."]
    if min(box.right, 1.0) <= max(box.left, 0.0) or min(box.bottom, 1.0) <= max(box.top, 0.0):
        return [f"box {numbers} lies outside the image."]
    return []
