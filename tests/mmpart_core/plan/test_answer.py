"""What of a model's answer is refused, and in which words the model is told."""

import json
from typing import Any

import pytest
from strict_openai.prose import strict_faults

from mmpart_core.plan.answer import answer_schema, read_answer
from mmpart_core.plan.compose import draft_of
from mmpart_core.records import ComponentRequest
from tests.mmpart_core.plan.model_answers import answer, part, request_of

REQUEST = request_of("hat", "man")
GOOD = [part("hat"), part("man")]


def faults(*parts: dict[str, Any], **changes: Any) -> str:
    read, found = read_answer(answer(*parts, **changes), REQUEST)
    assert read is None
    assert found
    return " ".join(found)


def test_the_form_stays_within_strict_mode() -> None:
    assert strict_faults(answer_schema()) == []


def test_a_good_answer_is_taken_in_the_order_of_the_list() -> None:
    read, found = read_answer(answer(*reversed(GOOD)), REQUEST)
    assert found == []
    assert read is not None
    assert [each.component for each in read.parts] == ["hat", "man"]
    assert read.front_to_back == ["man", "hat"]


def test_words_around_the_json_are_left_out() -> None:
    read, _ = read_answer(f"Sure!\n```json\n{answer(*GOOD)}\n```", REQUEST)
    assert read is not None


def test_names_may_differ_in_case_and_space() -> None:
    request = request_of("Straw hat", "man")
    given = [part(" straw  HAT ", touches=["MAN"]), part("man", covered_by=["straw hat"],
             hidden_areas=[{"where": "head", "looks": "bald"}])]  # fmt: skip
    read, found = read_answer(answer(*given), request)
    assert found == []
    assert read is not None
    assert read.parts[0].component == "Straw hat"
    assert read.parts[0].touches == ["man"]
    assert read.parts[1].covered_by == ["Straw hat"]


@pytest.mark.parametrize("text", ["", "I cannot see it.", '{"parts": [', "[1]"])
def test_no_json(text: str) -> None:
    read, found = read_answer(text, REQUEST)
    assert read is None
    assert "JSON" in found[0]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([GOOD[0]], "parts: 'man' is missing"),
        ([*GOOD, part("horse")], "'horse' is not in the list"),
        ([*GOOD, part("hat")], "'hat' is there more than once"),
        ([part("hat", box=None), GOOD[1]], "box is null"),
        ([part("hat", box={"left": 12, "top": 0, "right": 64, "bottom": 1}), GOOD[1]], "fractions"),
        ([part("hat", box={"left": 0.6, "top": 0, "right": 0.2, "bottom": 1}), GOOD[1]], "left <"),
        ([part("hat", box={"left": -0.02, "top": 0, "right": -0.01, "bottom": 1}), GOOD[1]],
         "outside"),
        ([part("hat", covered_by=["hat"]), GOOD[1]], "itself"),
        ([part("hat", touches=["horse"]), GOOD[1]], "touches names ['horse']"),
        ([part("hat", covered_by=["man"]), GOOD[1]], "hidden_areas must say"),
        ([part("hat", pieces=0), GOOD[1]], "pieces"),
        ([part("hat", pose="  "), GOOD[1]], "pose is empty"),
        ([part("hat", presence="absent"), GOOD[1]], "note must say"),
        ([part("hat", appearance="x" * 2000), GOOD[1]], "2000 characters"),
        ([part("hat", remove=["x"] * 30), GOOD[1]], "remove has more"),
        ([part("hat", presence="maybe"), GOOD[1]], "parts.0.presence"),
        ([part("hat", mood="happy"), GOOD[1]], "parts.0.mood"),
        ([{k: v for k, v in part("hat").items() if k != "pose"}, GOOD[1]], "parts.0.pose"),
    ],
)  # fmt: skip
def test_faults_are_named(parts: list[dict[str, Any]], words: str) -> None:
    assert words in faults(*parts)


def test_the_order_names_each_component_once() -> None:
    assert "front_to_back: 'man' is missing" in faults(*GOOD, front_to_back=["hat", "hat"])


def test_faults_are_bounded() -> None:
    many = [part(f"thing {k}", pose="") for k in range(60)]
    _, found = read_answer(answer(*many), REQUEST)
    assert len(found) <= 12


def test_numbers_that_are_none_are_refused() -> None:
    text = answer(part("hat", box={"left": 0, "top": 0, "right": 1, "bottom": 1}), GOOD[1])
    read, found = read_answer(text.replace('"left": 0', '"left": NaN'), REQUEST)
    assert read is None
    assert found


def test_what_is_absent_unclear_or_plural_is_told() -> None:
    request = request_of("hat", ComponentRequest(name="wheels", count=4))
    parts = [
        part("hat", presence="absent", note="there is only a cap", box=None),
        part("wheels", presence="ambiguous", note="two carts", pieces=6),
    ]
    read, _ = read_answer(answer(*parts), request)
    assert read is not None
    draft = draft_of(read, request)
    assert "there is only a cap" in draft.warnings[0]
    assert "two carts" in draft.warnings[1]
    assert "give count: 6" in draft.warnings[2]
    assert "all 4 pieces" in draft.prompts[1]


def test_what_was_seen_is_kept_for_later_stages() -> None:
    parts = [
        part("hat", touches=["man"], box={"left": -0.01, "top": 0, "right": 0.5, "bottom": 0.25}),
        part("man", covered_by=["hat"], hidden_areas=[{"where": "crown", "looks": "bald"}]),
    ]
    read, _ = read_answer(answer(*parts), REQUEST)
    assert read is not None
    hat, man = draft_of(read, REQUEST).sights
    assert hat.box == (0.0, 0.0, 0.5, 0.25)
    assert (hat.touches, hat.depth_rank, man.covered_by, man.depth_rank) == (
        ("man",),
        0,
        ("hat",),
        1,
    )


def test_the_schema_is_json() -> None:
    assert json.loads(json.dumps(answer_schema()))["type"] == "object"
