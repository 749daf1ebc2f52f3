"""A plan as a file that people read, edit and give back."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mmpart_core.errors import InputError
from mmpart_core.intake.component_files import parse_json, read_text
from mmpart_core.records import ObjectRequest, PartPlan
from mmpart_core.storage.blob_store import BlobStore

FORMAT = 1
_NOTE = (
    "Edit the lines under 'prompt' as you like; they are joined by line breaks. Leave 'records' as "
    "it is: it ties the plan to its image and components."
)
_KEYS = ("mmpart_plan", "note", "object", "image_sha256", "prompts", "records")


def plan_text(request: ObjectRequest, plan: PartPlan) -> str:
    """A plan as JSON text: the prompts first, line by line, then the records they belong to."""
    records = plan.model_dump(mode="json")
    prompts = [
        {"component": record["component"], "prompt": record.pop("prompt").split("\n")}
        for record in records["prompts"]
    ]
    content = {
        "mmpart_plan": FORMAT,
        "note": _NOTE,
        "object": request.name,
        "image_sha256": request.image.sha256,
        "prompts": prompts,
        "records": records,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def write_plan(path: Path, request: ObjectRequest, plan: PartPlan) -> None:
    """Write ``plan_text`` to a file.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        path.write_text(plan_text(request, plan), encoding="utf-8")
    except OSError as error:
        raise InputError(f"plan '{path}': cannot be written ({error.strerror})") from error


def read_plan(path: Path, request: ObjectRequest, store: BlobStore) -> PartPlan:
    """Read a plan that may have been edited; edited prompts are taken over.

    Args:
        path: the file.
        request: what the plan must belong to.
        store: must hold the plan's foreground mask.

    Raises:
        InputError: not a plan, or one for another image, other components, other regions or
            another store; the message names the difference.
    """
    content = parse_json(read_text(path), path.name)
    _check_form(content, path.name)
    if content["image_sha256"] != request.image.sha256:
        raise InputError(
            f"{path.name}: made for image {str(content['image_sha256'])[:12]}, the request has "
            f"image {request.image.sha256[:12]}; plan again, or give the plan's own image (and the "
            "same input.max_side_px)"
        )
    texts = _prompt_texts(content["prompts"], path.name)
    _check_names([name for name, _ in texts], request, path.name)
    plan = _merged(content["records"], texts, path.name)
    _check_matches(plan, request, path.name)
    if not store.has(plan.foreground):
        raise InputError(
            f"{path.name}: its foreground mask {plan.foreground.sha256[:12]} is not in the store; "
            "plan again, or use the store it was planned in"
        )
    return plan


def _check_form(content: Any, file_name: str) -> None:
    if not isinstance(content, dict) or content.get("mmpart_plan") != FORMAT:
        raise InputError(
            f"{file_name}: a plan file ('mmpart_plan': {FORMAT}) expected; make one by planning"
        )
    if set(content) != set(_KEYS):
        wrong = sorted(set(content) ^ set(_KEYS))
        raise InputError(
            f"{file_name}: unknown or missing {', '.join(map(repr, wrong))}; expected are "
            f"{', '.join(_KEYS)}"
        )


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
            raise InputError(f"{where}: the prompt of '{entry['component']}' is empty; write one")
        texts.append((str(entry["component"]), text))
    return texts


def _check_names(names: list[str], request: ObjectRequest, file_name: str) -> None:
    expected = [component.name for component in request.components]
    if names == expected:
        return
    differing = sorted(set(names) ^ set(expected))
    what = f"differing: {', '.join(differing)}" if differing else "the order differs"
    raise InputError(
        f"{file_name}: prompts for {', '.join(names) or 'nothing'}; the request has "
        f"{', '.join(expected)} ({what}); plan again, or give the plan's own component list"
    )


def _merged(records: Any, texts: list[tuple[str, str]], file_name: str) -> PartPlan:
    entries = records.get("prompts") if isinstance(records, dict) else None
    if (
        not isinstance(entries, list)
        or len(entries) != len(texts)
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        raise InputError(f"{file_name}: 'records' was altered; plan again and edit prompts only")
    prompts = [{**entry, "prompt": text} for entry, (_, text) in zip(entries, texts, strict=True)]
    try:
        return PartPlan.model_validate({**records, "prompts": prompts})
    except ValidationError as error:
        fault = error.errors()[0]
        raise InputError(
            f"{file_name}: records.{'.'.join(map(str, fault['loc']))}: {fault['msg']}; plan again "
            "and edit prompts only"
        ) from error


def _check_matches(plan: PartPlan, request: ObjectRequest, file_name: str) -> None:
    regions = tuple(component.region for component in request.components)
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
