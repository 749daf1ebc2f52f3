"""Components that planners see: the hosted one against the strict server, the local one tiny."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import SecretStr
from strict_openai import ModelServer, chat, incomplete, refusal, response, server_error

from mmpart_core import backends
from mmpart_core.config import BackendChoice
from mmpart_core.errors import BackendError, BudgetError, ConfigError, RefusedError
from mmpart_core.hosted import secrets
from mmpart_core.hosted.spending import spending
from mmpart_core.plan.backends import transformers as local
from mmpart_core.plan.suggestion_answer import (
    MOST_COMPONENTS,
    Suggestions,
    bounded_schema,
    read_suggestions,
    suggestion_schema,
)
from mmpart_core.plan.suggestions import ComponentSuggester, can_suggest, suggest_components
from tests.mmpart_core.plan.model_answers import SOURCE
from tests.mmpart_core.plan.tiny_models import save_tiny

VARIABLE = "MMPART_TEST_KEY"
CALL_USD = (1000 * 1.0 + 500 * 5.0) / 1e6  # the strict server's usual usage at the table's price

WHOLE = {"left": 0.0, "top": 0.0, "right": 1.0, "bottom": 1.0}


def entry(name: str, **changes: Any) -> dict[str, Any]:
    box = {"left": 0.1, "top": 0.2, "right": 0.6, "bottom": 0.9}
    return {"name": name, "pieces": 1, "box": box, "hidden": "", **changes}


def answer(*entries: dict[str, Any], subject: str = "toy robot") -> str:
    return json.dumps({"object": subject, "components": list(entries)})


GOOD = answer(entry("hat", hidden=" the crown goes on  below "), entry("wheels", pieces=4))


@pytest.fixture(autouse=True)
def _key(model_server: ModelServer) -> Any:
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()


def suggest(server: ModelServer, **changes: Any) -> Suggestions:
    given = {"base_url": server.base_url, "api_key_variable": VARIABLE, **changes}
    return suggest_components(SOURCE, BackendChoice(kind="openai", settings=given), 3)


def test_a_hosted_planner_names_what_it_sees(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response(GOOD))
    found = suggest(model_server)
    assert found.subject == "toy robot"
    assert [(each.name, each.pieces) for each in found.components] == [("hat", 1), ("wheels", 4)]
    assert found.components[0].hidden == "the crown goes on below"
    assert found.components[0].box == (0.1, 0.2, 0.6, 0.9)
    assert found.cost_usd == pytest.approx(CALL_USD)
    sent = model_server.requests[0].body
    assert sent["text"]["format"]["strict"] is True
    assert sent["text"]["format"]["schema"] == suggestion_schema()
    assert f"{MOST_COMPONENTS} are the most" in sent["instructions"]
    assert any(each["type"] == "input_image" for each in sent["input"][0]["content"])


def test_the_form_is_said_in_words_where_the_server_holds_none(model_server: ModelServer) -> None:
    model_server.answer("/chat/completions", lambda request: chat(f"```json\n{GOOD}\n```"))
    found = suggest(model_server, api="chat", structured="words", model="qwen3-vl-8b")
    assert len(found.components) == 2
    assert '"pieces"' in model_server.requests[0].body["messages"][0]["content"]


def test_faults_are_told_and_every_answer_is_paid(model_server: ModelServer) -> None:
    left = [response(answer(entry("hat"), entry("Hat "))), incomplete(), response(GOOD)]
    model_server.answer("/responses", lambda request: left.pop(0))
    with spending() as account:
        found = suggest(model_server)
    assert account.usage[0].calls == 3
    assert found.cost_usd == pytest.approx(3 * CALL_USD)
    told = [each.body["input"][-1]["content"] for each in model_server.requests[1:]]
    assert "'Hat ' is there more than once" in told[0]
    assert "cut off (max_output_tokens)" in told[1]


def test_an_answer_that_stays_unusable_says_what_to_do(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response("I see a robot."))
    with pytest.raises(BackendError, match="Name the components yourself") as caught:
        suggest(model_server, tries=2)
    assert caught.value.cost_usd == pytest.approx(2 * CALL_USD)
    assert len(model_server.requests) == 2


def test_refusals_and_budgets_are_told(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: refusal("I can't look at that."))
    with pytest.raises(RefusedError, match="use another image"):
        suggest(model_server)
    before = len(model_server.requests)
    with spending(0.0001), pytest.raises(BudgetError):
        suggest(model_server)
    assert len(model_server.requests) == before


def test_a_failing_server_is_asked_again(model_server: ModelServer) -> None:
    model_server.answer("/responses", lambda request: response(GOOD))
    model_server.fail("/responses", server_error())
    assert suggest(model_server).components


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("no", "no complete JSON"),
        (answer(), "1 to 24 expected, 0 came"),
        (answer(*[entry(f"part {n}") for n in range(25)]), "25 came"),
        (answer(entry("a/b")), "slashes"),
        (answer(entry("")), "the name is empty"),
        (answer(entry("x", pieces=0)), "pieces must be 1 to 64"),
        (answer(entry("x", hidden="w" * 601)), "more than 600"),
        (
            answer(entry("x", box={"left": 0.9, "top": 0, "right": 0.1, "bottom": 1})),
            "left < right",
        ),
        (answer(entry("x", extra=1)), "Extra inputs"),
    ],
)
def test_faults_have_words(text: str, fault: str) -> None:
    found, faults = read_suggestions(text)
    assert found is None
    assert fault in " ".join(faults)


def test_boxes_that_stick_out_are_cut() -> None:
    box = {"left": -0.05, "top": 0.0, "right": 1.2, "bottom": 0.5}
    found, _ = read_suggestions(answer(entry("x", box=box)))
    assert found is not None
    assert found.components[0].box == (0.0, 0.0, 1.0, 0.5)


def test_planners_that_do_not_look_say_which_do() -> None:
    assert [kind for kind in ("openai", "template", "transformers") if can_suggest(kind)] == [
        "openai", "transformers",
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="name the components yourself") as caught:
        suggest_components(SOURCE, BackendChoice(kind="template", settings={}), 0)
    assert "openai, transformers" in str(caught.value)


def test_the_bounded_form_takes_good_answers_only() -> None:
    held = bounded_schema(100)
    jsonschema.validate(json.loads(GOOD), held)
    for broken in (answer(), answer(entry("")), answer(entry("x", pieces=65))):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(broken), held)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:transformers")
@pytest.mark.skipif(
    importlib.util.find_spec("llguidance") is None, reason="llguidance is not installed"
)
def test_a_local_planner_is_held_to_the_form(tmp_path: Path) -> None:
    choice = {
        "model": str(save_tiny(tmp_path, "qwen3_vl")), "local_files_only": True, "device": "cpu",
        "image_side_px": 28, "max_output_tokens": 40, "constrained": "always", "tries": 1,
    }  # fmt: skip
    made = backends.open_backend("plan", "transformers", choice)
    assert isinstance(made, ComponentSuggester)
    with pytest.raises(BackendError, match="cut off"):  # random weights never close the list
        made.suggest(SOURCE, 0)
    assert isinstance(made, local.TransformersPlanner)
