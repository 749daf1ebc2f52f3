"""A plan goes out as a file and comes back, edited or refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mmpart_core.errors import InputError
from mmpart_core.intake.components import parse_part
from mmpart_core.intake.plan_file import PlannedRun, check_plan, plan_text, read_plan_file
from mmpart_core.intake.request import build_request
from mmpart_core.plan.backends.template import Settings, TemplatePlanner
from mmpart_core.plan.stage import plan_parts
from mmpart_core.records import ObjectRequest, PartPlan
from mmpart_core.storage.memory_store import MemoryStore

RUN = PlannedRun(profile="local", settings=("reconstruct.steps=0",), seed=5)


def write_plan(path: Path, request: ObjectRequest, plan: PartPlan) -> None:
    path.write_text(plan_text(request, plan, RUN), encoding="utf-8")


def planned(
    folder: Path, *parts: str, colour: int = 60
) -> tuple[ObjectRequest, PartPlan, MemoryStore]:
    pixels = np.full((60, 80, 3), 240, np.uint8)
    pixels[15:45, 20:60] = (200, colour, 30)
    Image.fromarray(pixels).save(folder / "thing.png")
    store = MemoryStore()
    request = build_request(
        folder / "thing.png", [parse_part(part) for part in parts or ("hat", "man = bald")],
        store=store,
    )  # fmt: skip
    plan = plan_parts(request, backend=TemplatePlanner(Settings()), store=store, seed=0)
    return request, plan, store


def edited(path: Path, change: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_unedited_plan_comes_back_the_same(tmp_path: Path) -> None:
    request, plan, store = planned(tmp_path)
    write_plan(tmp_path / "plan.json", request, plan)
    planned_file = read_plan_file(tmp_path / "plan.json")
    check_plan(planned_file, request, store)
    assert planned_file.plan == plan
    assert planned_file.run == RUN
    assert planned_file.edited == ()


def test_edited_prompts_are_taken_over(tmp_path: Path) -> None:
    request, plan, store = planned(tmp_path)
    path = tmp_path / "plan.json"
    write_plan(path, request, plan)

    def change(content: Any) -> None:
        content["prompts"][0]["prompt"] = ["Only the hat.", "Make it 帽子."]
        content["prompts"][1]["prompt"] = "Only the man."

    edited(path, change)
    planned_file = read_plan_file(path)
    check_plan(planned_file, request, store)
    read = planned_file.plan
    assert [prompt.prompt for prompt in read.prompts] == [
        "Only the hat.\nMake it 帽子.",
        "Only the man.",
    ]
    assert planned_file.edited == ("hat", "man")
    assert read.foreground == plan.foreground
    assert read.prompts[1].hidden == "bald"


def test_only_other_words_are_an_edit(tmp_path: Path) -> None:
    request, plan, _ = planned(tmp_path)
    path = tmp_path / "plan.json"
    write_plan(path, request, plan)

    def rewrap(content: Any) -> None:
        content["prompts"][0]["prompt"] = "\n".join(content["prompts"][0]["prompt"])
        content["prompts"][1]["prompt"][-1] += " "

    edited(path, rewrap)
    assert read_plan_file(path).edited == ("man",)


def test_plan_for_another_image_or_list_is_refused(tmp_path: Path) -> None:
    request, plan, store = planned(tmp_path)
    path = tmp_path / "plan.json"
    write_plan(path, request, plan)
    made = read_plan_file(path)
    with pytest.raises(InputError, match=r"plan\.json: made for image .* the request has image"):
        check_plan(made, planned(tmp_path, colour=90)[0], store)
    with pytest.raises(InputError, match=r"differing: 'man', 'shirt'"):
        check_plan(made, planned(tmp_path, "hat", "shirt")[0], store)
    with pytest.raises(InputError, match="the order differs"):
        check_plan(made, planned(tmp_path, "man = bald", "hat")[0], store)
    with pytest.raises(InputError, match=r"component 'man': words on the hidden area differ"):
        check_plan(made, planned(tmp_path, "hat", "man = has hair")[0], store)
    with pytest.raises(InputError, match="is not in the store; plan again"):
        check_plan(made, request, MemoryStore())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(mmpart_plan=99), "a plan file"),
        (lambda c: c.update(extra=1), "unknown or missing 'extra'"),
        (lambda c: c.pop("records"), "unknown or missing 'records'"),
        (lambda c: c.update(prompts={}), "'prompts' must be a list"),
        (lambda c: c["prompts"].pop(), "differing: 'man'"),
        (lambda c: c["prompts"][0].update(component="cap"), "differing: 'cap', 'hat'"),
        (lambda c: c["prompts"][0].update(prompt=[" ", ""]), "the prompt of 'hat' is empty"),
        (lambda c: c["prompts"][0].update(prompt=3), "text or a list of lines"),
        (lambda c: c["prompts"][0].update(note="x"), "'component' and 'prompt' expected"),
        (lambda c: c.update(records=[]), "'records' was altered"),
        (lambda c: c["records"]["prompts"].pop(), "differing: 'man'"),
        (lambda c: c["records"]["prompts"][0].pop("prompt_sha256"), "'records' was altered"),
        (lambda c: c.update(mmpart_plan=2), r"a plan file \('mmpart_plan': 3\) expected"),
        (lambda c: c["records"]["prompts"][0].update(index=1), "does not fit the list"),
        (lambda c: c["view"].update(fov_deg="wide"), "'view' was altered"),
        (lambda c: c["run"].update(seed=-1), r"run\.seed: at least 0 expected, got -1"),
        (lambda c: c["run"].update(steps=3), r"run\.steps: no such setting"),
        (lambda c: c["run"].update(settings="a=1"), r"run\.settings: a list expected"),
        (lambda c: c["records"].update(cost_usd="much"), r"records\.cost_usd"),
        (lambda c: c["records"]["prompts"][1].update(counts=[1, 3]), "counts differ"),
    ],
)
def test_broken_plans_are_named(tmp_path: Path, change: Any, message: str) -> None:
    request, plan, store = planned(tmp_path)
    path = tmp_path / "plan.json"
    write_plan(path, request, plan)
    edited(path, change)
    with pytest.raises(InputError, match=message):
        check_plan(read_plan_file(path), request, store)


def test_text_that_is_no_json_names_the_line(tmp_path: Path) -> None:
    request, plan, _ = planned(tmp_path)
    path = tmp_path / "plan.json"
    write_plan(path, request, plan)
    path.write_text(path.read_text(encoding="utf-8").replace('"note":', "note:"), encoding="utf-8")
    with pytest.raises(InputError, match=r"plan\.json, line 3, column 3: not valid JSON"):
        read_plan_file(path)
    with pytest.raises(InputError, match="no such file"):
        read_plan_file(tmp_path / "none.json")
