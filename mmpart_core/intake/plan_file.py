"""A plan as a file that people read, edit and give back."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mmpart_core.errors import InputError
from mmpart_core.intake.component_files import parse_json, read_text
from mmpart_core.quoting import quoted, quoted_list, shortened
from mmpart_core.records import (
    MAX_SEED,
    ComponentRequest,
    InputView,
    ObjectRequest,
    PartPlan,
    PartPrompt,
    Region,
)
from mmpart_core.settings_words import fault_in_words
from mmpart_core.storage.blob_store import BlobStore, digest_of

FORMAT = 3
_NOTE = (
    "Edit the lines under 'prompt' as you like; they are joined by line breaks. 'run' says with "
    "which profile, settings and seed the plan is run. Leave 'records' as it is: it ties the plan "
    "to its image and components."
)
_KEYS = ("mmpart_plan", "note", "object", "image_sha256", "run", "view", "prompts", "records")
_DIGEST = "prompt_sha256"


class PlannedRun(BaseModel):
    """With what a plan is run: as much as its user chose; back-ends' defaults are not repeated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str = Field(min_length=1, description="Profile name, or path of a YAML file.")
    settings: tuple[Annotated[str, Field(max_length=10_000)], ...] = Field(
        default=(), description="Each as stage.setting=value."
    )
    seed: int = Field(default=0, ge=0, le=MAX_SEED, description="Random choices follow from it.")


def plan_text(request: ObjectRequest, plan: PartPlan, run: PlannedRun) -> str:
    """A plan as JSON text: the prompts first, line by line, then the records they belong to.

    In the place of each prompt its record has the digest of it, which tells edited ones.
    """
    records = plan.model_dump(mode="json")
    prompts: list[dict[str, Any]] = []
    for record in records["prompts"]:
        text = record.pop("prompt")
        prompts.append({"component": record["component"], "prompt": text.split("\n")})
        record[_DIGEST] = digest_of(text.encode())
    content = {
        "mmpart_plan": FORMAT,
        "note": _NOTE,
        "object": request.name,
        "image_sha256": request.image.sha256,
        "run": run.model_dump(mode="json"),
        "view": request.view.model_dump(mode="json"),
        "prompts": prompts,
        "records": records,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True)
class PlanFile:
    """A plan file as it was read, not yet tied to a request.

    Attributes:
        file_name: for messages.
        object_name: what the object was called.
        image_sha256: digest of the image it was made for.
        run: with what it is run.
        view: the input view it was made for.
        plan: with the edited prompts.
        edited: components whose prompt is not as it was planned.
    """

    file_name: str
    object_name: str
    image_sha256: str
    run: PlannedRun
    view: InputView
    plan: PartPlan
    edited: tuple[str, ...] = ()

    @property
    def components(self) -> tuple[ComponentRequest, ...]:
        """The components it was made for, in their order."""
        return tuple(
            ComponentRequest(
                name=prompt.component,
                hidden=prompt.hidden,
                region=prompt.regions[prompt.index],
                count=prompt.counts[prompt.index],
            )
            for prompt in self.plan.prompts
        )


def read_plan_file(path: Path) -> PlanFile:
    """Read a plan that may have been edited; edited prompts are taken over.

    Raises:
        InputError: absent, or not a plan; the message names what is wrong.
    """
    content = parse_json(read_text(path, "plan"), path.name)
    _check_form(content, path.name)
    texts = _prompt_texts(content["prompts"], path.name)
    plan, edited = _merged(content["records"], texts, path.name)
    try:
        view = InputView.model_validate(content["view"])
    except ValidationError as error:
        raise InputError(f"{path.name}: 'view' was altered; plan again") from error
    return PlanFile(
        file_name=path.name,
        object_name=str(content["object"]),
        image_sha256=str(content["image_sha256"]),
        run=_planned_run(content["run"], path.name),
        view=view,
        plan=plan,
        edited=edited,
    )


def check_plan(planned: PlanFile, request: ObjectRequest, store: BlobStore) -> None:
    """Refuse a plan that was made for something else.

    Args:
        planned: the plan.
        request: what it must belong to.
        store: must hold the plan's foreground mask.

    Raises:
        InputError: another image, other components, other regions or another store; the message
            names the difference.
    """
    plan, file_name = planned.plan, planned.file_name
    if planned.image_sha256 != request.image.sha256:
        raise InputError(
            f"{file_name}: made for image {planned.image_sha256[:12]}, the request has "
            f"image {request.image.sha256[:12]}; plan again, or give the plan's own image or known "
            "scene (and the same input.max_side_px)"
        )
    planned_names = [prompt.component for prompt in plan.prompts]
    _check_names(planned_names, [each.name for each in request.components], file_name)
    _check_matches(plan, request, file_name)
    if not store.has(plan.foreground):
        raise InputError(
            f"{file_name}: its foreground mask {plan.foreground.sha256[:12]} is not in the store; "
            "plan again, or use the store it was planned in"
        )


def _check_form(content: Any, file_name: str) -> None:
    if not isinstance(content, dict) or content.get("mmpart_plan") != FORMAT:
        raise InputError(
            f"{file_name}: a plan file ('mmpart_plan': {FORMAT}) expected; make one by planning"
        )
    if set(content) != set(_KEYS):
        wrong = sorted(set(content) ^ set(_KEYS))
        raise InputError(
            f"{file_name}: unknown or missing {quoted_list(wrong)}; expected are {', '.join(_KEYS)}"
        )


def _planned_run(data: Any, file_name: str) -> PlannedRun:
    try:
        return PlannedRun.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        place = shortened(".".join(map(str, ("run", *fault["loc"]))))
        raise InputError(
            f"{file_name}: {place}: {fault_in_words(fault)}; correct it, or plan again"
        ) from error


def _prompt_texts(prompts: Any, file_name: str) -> list[tuple[str, str]]:
    if not isinstance(prompts, list):
        raise InputError(f"{file_name}: 'prompts' must be a list, got {type(prompts).__name__}")
    texts: list[tuple[str, str]] = []
    for number, entry in enumerate(prompts, start=1):
        where = f"{file_name}, prompts entry {number}"
        if not isinstance(entry, dict) or set(entry) != {"component", "prompt"}:
            raise InputError(f"{where}: 'component' and 'prompt' expected, nothing else")
        lines = entry["prompt"]
        if isinstance(lines, str):
            lines = [lines]
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise InputError(f"{where}: 'prompt' must be text or a list of lines")
        text = "\n".join(lines)
        if not text.strip():
            raise InputError(
                f"{where}: the prompt of {quoted(entry['component'])} is empty; write one"
            )
        texts.append((str(entry["component"]), text))
    return texts


def _check_names(names: list[str], expected: list[str], file_name: str) -> None:
    if names == expected:
        return
    differing = sorted(set(names) ^ set(expected))
    what = f"differing: {quoted_list(differing)}" if differing else "the order differs"
    raise InputError(
        f"{file_name}: prompts for {quoted_list(names) or 'nothing'}, but "
        f"{quoted_list(expected)} expected ({what}); edit only the words of the prompts, plan "
        "again, or give the plan's own component list"
    )


def _merged(
    records: Any, texts: list[tuple[str, str]], file_name: str
) -> tuple[PartPlan, tuple[str, ...]]:
    """The plan with the texts in place, and the components whose text was edited."""
    entries = records.get("prompts") if isinstance(records, dict) else None
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get(_DIGEST), str) for entry in entries
    ):
        raise InputError(f"{file_name}: 'records' was altered; plan again and edit only prompts")
    names = [name for name, _ in texts]
    _check_names(names, [str(entry.get("component")) for entry in entries], file_name)
    prompts = [{**entry, "prompt": text} for entry, (_, text) in zip(entries, texts, strict=True)]
    planned = [prompt.pop(_DIGEST) for prompt in prompts]
    try:
        plan = PartPlan.model_validate({**records, "prompts": prompts})
    except ValidationError as error:
        fault = error.errors()[0]
        place = shortened(".".join(map(str, fault["loc"])))
        raise InputError(
            f"{file_name}: records.{place}: {fault_in_words(fault)}; plan again and edit only "
            "prompts"
        ) from error
    _check_records(plan, file_name)
    pairs = zip(planned, texts, strict=True)
    return plan, tuple(name for digest, (name, text) in pairs if digest != digest_of(text.encode()))


def _check_records(plan: PartPlan, file_name: str) -> None:
    """Refuse records that do not fit each other."""
    count = len(plan.prompts)
    for position, prompt in enumerate(plan.prompts):
        if prompt.index != position or {len(prompt.regions), len(prompt.counts)} != {count}:
            raise InputError(
                f"{file_name}: records.prompts.{position} does not fit the list of {count} "
                "components; plan again and edit only prompts"
            )


def _seen_region(prompt: PartPrompt) -> Region | None:
    """Where the planner saw a component, as the plan keeps it beside the user's regions."""
    if prompt.sight is None or prompt.sight.box is None:
        return None
    return Region(kind="box", box=prompt.sight.box)


def _check_matches(plan: PartPlan, request: ObjectRequest, file_name: str) -> None:
    regions = tuple(
        component.region if component.region is not None else _seen_region(prompt)
        for component, prompt in zip(request.components, plan.prompts, strict=True)
    )
    counts = tuple(component.count for component in request.components)
    for index, (prompt, component) in enumerate(zip(plan.prompts, request.components, strict=True)):
        differs = {
            "name": prompt.component != component.name or prompt.index != index,
            "words on the hidden area": prompt.hidden != component.hidden,
            "regions": prompt.regions != regions,
            "counts": prompt.counts != counts,
            "foreground": prompt.foreground != plan.foreground,
        }
        wrong = [what for what, is_other in differs.items() if is_other]
        if wrong:
            raise InputError(
                f"{file_name}: component '{component.name}': {', '.join(wrong)} differ from the "
                "request; plan again after changing the component list"
            )
