"""From a planner model's answer to isolation prompts and what later stages use.

The user's words are put into the prompt by us, letter by letter: a model that changed them could
not change what the isolator is told.
"""

import hashlib
import json

from mmpart_core.plan.answer import AnsweredPart, PlanAnswer, answer_schema
from mmpart_core.plan.prompt_text import fill_prompt, prompt_digest
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ComponentRequest, ObjectRequest, PartSight

_TEXTS = (
    "plan_parts", "plan_request", "plan_again", "plan_json", "isolate_planned", "hidden_planned",
    "hidden_words", "hidden_neutral",
)  # fmt: skip


def texts_digest() -> str:
    """Changes when a text that planning with a model uses changes, or the form of the answer."""
    form = hashlib.sha256(json.dumps(answer_schema(), sort_keys=True).encode()).hexdigest()[:4]
    return f"{prompt_digest(*_TEXTS)}{form}"


def schema_text() -> str:
    """The form of the answer, for models that are told it in words."""
    return json.dumps(answer_schema())


def request_text(request: ObjectRequest) -> str:
    """The list of components as the model is given it."""
    listed = [_listed(component) for component in request.components]
    return fill_prompt("plan_request", components=json.dumps(listed, ensure_ascii=False, indent=1))


def _listed(component: ComponentRequest) -> dict[str, object]:
    entry: dict[str, object] = {"component": component.name}
    if component.hidden.strip():
        entry["user_words_on_hidden_area"] = component.hidden
    if component.count > 1:
        entry["pieces"] = component.count
    region = component.region
    if region is not None and region.kind != "mask":
        entry[f"region_{region.kind}"] = region.box or region.points or region.polygon
    return entry


def draft_of(answer: PlanAnswer, request: ObjectRequest) -> PlanDraft:
    """The draft that a checked answer means; its parts are in the request's order."""
    pairs = list(zip(request.components, answer.parts, strict=True))
    return PlanDraft(
        prompts=tuple(compose_prompt(component, part, request) for component, part in pairs),
        sights=tuple(_sight(part, answer.front_to_back) for part in answer.parts),
        warnings=tuple(text for pair in pairs for text in _warnings(*pair)),
    )


def compose_prompt(component: ComponentRequest, part: AnsweredPart, request: ObjectRequest) -> str:
    """The isolation prompt of one part."""
    return fill_prompt(
        "isolate_planned",
        component=component.name,
        subject=_subject(component),
        appearance=_line(part.appearance),
        pose=_line(part.pose),
        state=_line(part.state),
        lighting=_line(part.lighting),
        remove=_removal(component, part, request),
        pieces=_pieces(component),
        hidden=_hidden_area(component, part),
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _subject(component: ComponentRequest) -> str:
    if component.count == 1:
        return f"the {component.name}"
    return f"all {component.count} pieces of the {component.name}"


def _pieces(component: ComponentRequest) -> str:
    if component.count == 1:
        return ""
    return (
        f' "{component.name}" stands for {component.count} separate pieces: show all '
        f"{component.count} pieces, each at its own place, none merged and none left out."
    )


def _removal(component: ComponentRequest, part: AnsweredPart, request: ObjectRequest) -> str:
    others = [f"the {each.name}" for each in request.components if each.name != component.name]
    own = component.name.casefold()
    told = [_line(text) for text in (*part.covered_by_other, *part.remove)]
    known = {each.name.casefold() for each in request.components}
    known |= {other.casefold() for other in others} | {"background", "the background", ""}
    named = {text.casefold(): text for text in told if text.casefold() not in known | {own}}
    return (
        f"Remove: {', '.join([*others, *named.values(), 'the background'])}, and everything else "
        "that is not part of it."
    )


def _hidden_area(component: ComponentRequest, part: AnsweredPart) -> str:
    """The user's words first and untouched; the model's only where they leave something open."""
    words = component.hidden
    said = f"\n{fill_prompt('hidden_words', words=words)}" if words.strip() else ""
    areas = "; ".join(f"{_line(area.where)}: {_line(area.looks)}" for area in part.hidden_areas)
    if areas:
        head = "Only where these words leave something open" if said else "How to imagine it"
        areas = f"\n{head}: {areas}."
    elif not said:
        areas = f"\n{fill_prompt('hidden_neutral', component=component.name)}"
    return fill_prompt("hidden_planned", component=component.name, words=said, areas=areas)


def _sight(part: AnsweredPart, front_to_back: list[str]) -> PartSight:
    box = part.box
    bounds = None
    if box is not None:
        left, top, right, bottom = (
            min(max(number, 0.0), 1.0) for number in (box.left, box.top, box.right, box.bottom)
        )
        bounds = (left, top, right, bottom)
    return PartSight(
        presence=part.presence,
        pieces=part.pieces,
        box=bounds,
        covered_by=tuple(dict.fromkeys(part.covered_by)),
        touches=tuple(dict.fromkeys(part.touches)),
        depth_rank=front_to_back.index(part.component),
    )


def _warnings(component: ComponentRequest, part: AnsweredPart) -> list[str]:
    found: list[str] = []
    if part.presence == "absent":
        found.append(
            f"'{component.name}' is not in the image, says the planner ({_line(part.note)}): its "
            "part would be invented; leave it out or name it otherwise"
        )
    if part.presence == "ambiguous":
        found.append(
            f"'{component.name}' could be several things in the image, says the planner "
            f"({_line(part.note)}): name it more closely or give its region"
        )
    if part.pieces != component.count:
        found.append(
            f"'{component.name}': the planner sees {part.pieces} piece(s), the list says "
            f"{component.count}; if it is right, give count: {part.pieces}"
        )
    return found
