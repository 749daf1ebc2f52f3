"""The two examples of the paper: what the user says reaches the isolator letter by letter."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from strict_openai import ModelServer, chat, response

from mmpart_core.hosted import secrets
from mmpart_core.images import region_masks
from mmpart_core.plan.answer import read_answer
from mmpart_core.plan.backends import openai as planner
from mmpart_core.plan.compose import draft_of
from mmpart_core.plan.stage import plan_parts
from mmpart_core.records import ComponentRequest, ObjectRequest
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore
from tests.mmpart_core.plan.model_answers import SOURCE, answer, part, request_of

VARIABLE = "MMPART_TEST_KEY"
RIDING = "legs spread apart around a horse that is not there, hands on reins that are not there"
HIDDEN_SEAT = [{"where": "inner legs and seat", "looks": "blue jeans, as on the outside"}]


def planned(
    server: ModelServer, request: ObjectRequest, text: str, **settings: Any
) -> tuple[str, ...]:
    """The prompts, by way of the real SDK and the strict server."""
    secrets.provide_key(VARIABLE, SecretStr(server.api_key))
    server.answer("/responses", lambda sent: response(text))
    server.answer("/chat/completions", lambda sent: chat(text))
    made = planner.OpenAIPlanner(
        planner.Settings(base_url=server.base_url, api_key_variable=VARIABLE, **settings)
    )
    made.open()
    return made.plan(SOURCE, request, 7).prompts


@pytest.mark.parametrize("api", ["responses", "chat"])
def test_the_man_floats_in_riding_pose(model_server: ModelServer, api: str) -> None:
    words = "he floats in the air in riding pose; no chair, no horse, nothing is under him"
    request = request_of(ComponentRequest(name="man", hidden=words), "horse")
    man = part("man", pose=RIDING, hidden_areas=HIDDEN_SEAT, touches=["horse"],
               covered_by=["horse"], remove=["the horse", "the saddle"])  # fmt: skip
    horse = part("horse", covered_by=["man"],
                 hidden_areas=[{"where": "back", "looks": "brown coat, no saddle"}])  # fmt: skip
    prompts = planned(model_server, request, answer(man, horse), api=api)
    assert f'"{words}"' in prompts[0]
    assert RIDING in prompts[0]
    assert "floats in the air in the very same pose" in prompts[0]
    assert "no chair" in prompts[0].replace(words, "")  # asked for whatever the user says
    removal = prompts[0].split("Remove:")[1].split("\n")[0]
    assert "the horse" in removal
    assert "the saddle" in removal
    assert words not in prompts[1]
    sent = json.dumps(model_server.requests[0].body, ensure_ascii=False)
    assert json.dumps(words)[1:-1].replace('"', '\\"') in sent.replace("\\\\", "\\")


@pytest.mark.parametrize(
    "words",
    [
        "he is bald under the hat",
        "he has little hair under the hat, a grey ring around the head",
        "much hair: long, black, curly, down to the shoulders",
        'كثير من الشعر; costs $5, ${component} and "quotes" \\n stay',
    ],
)
def test_hair_under_the_hat_is_as_the_user_says(model_server: ModelServer, words: str) -> None:
    request = request_of("hat", ComponentRequest(name="man", hidden=words))
    stubborn = [{"where": "top of the head", "looks": "short blond hair"}]
    man = part("man", covered_by=["hat"], hidden_areas=stubborn)
    prompts = planned(model_server, request, answer(part("hat"), man))
    assert f'The user says of it: "{words}".' in prompts[1]
    after = prompts[1].split(words)[1]
    assert "followed exactly and win" in after
    # What the model adds comes after, and for the rest only.
    assert after.index("Only where these words leave something open") < after.index("short blond")
    assert words not in prompts[0]


def test_where_the_user_is_silent_the_model_imagines(model_server: ModelServer) -> None:
    request = request_of("hat", "man")
    brown = [{"where": "top of the head", "looks": "short brown hair"}]
    man = part("man", covered_by=["hat"], hidden_areas=brown)
    hat, man_prompt = planned(model_server, request, answer(part("hat"), man))
    assert "How to imagine it: top of the head: short brown hair." in man_prompt
    assert "The user says" not in man_prompt
    assert "add no new feature" in hat


def test_the_words_are_in_the_record_that_isolating_is_given(
    model_server: ModelServer, known_request: tuple[MemoryStore, ObjectRequest]
) -> None:
    store, request = known_request
    text = answer(*(part(each.name) for each in request.components))
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    model_server.answer("/responses", lambda sent: response(text))
    made = planner.OpenAIPlanner(
        planner.Settings(base_url=model_server.base_url, api_key_variable=VARIABLE)
    )
    made.open()
    plan = plan_parts(request, backend=made, store=store, seed=0)
    assert plan.prompts[1].hidden == request.components[1].hidden
    assert request.components[1].hidden in plan.prompts[1].prompt
    assert plan.planner == f"openai/{made.VERSION}"
    assert plan.cost_usd == pytest.approx((1000 + 5 * 500) / 1e6)
    # The user's region stays; where there is none the planner's box takes its place.
    assert plan.prompts[0].regions[0] == request.components[0].region
    box = plan.prompts[0].regions[1]
    assert box is not None
    assert box.box == (0.1, 0.2, 0.6, 0.9)
    assert plan.prompts[1].sight is not None
    assert region_masks.gather_evidence(plan.prompts[0].regions, {}, (24, 32)) is not None


def test_the_documented_prompt_is_what_is_sent() -> None:
    """The example in docs/planning.md, from a sample of what a model answers."""
    words = "he floats in the air in riding pose; no chair, no horse, nothing is under him"
    request = request_of(ComponentRequest(name="man", hidden=words), "horse")
    man = part(
        "man",
        appearance="A man in a blue denim shirt, jeans and brown boots, short dark hair.",
        pose="Sits upright as on a saddle, legs spread and bent at the knees, both hands together "
        "in front of the belly, facing left, seen from the side and slightly above.",
        lighting="Soft daylight from the upper left.",
        covered_by=["horse"],
        hidden_areas=[
            {"where": "seat and inner legs", "looks": "blue jeans as on the outside"},
            {"where": "far leg", "looks": "mirrors the near leg"},
        ],
        remove=["the saddle", "the reins", "the ground"],
    )
    read, faults = read_answer(answer(man, part("horse")), request)
    assert read is not None, faults
    page = (Path(__file__).resolve().parents[3] / "docs" / "planning.md").read_text("utf-8")
    for line in filter(None, draft_of(read, request).prompts[0].splitlines()):
        assert f"> {line}\n" in page, line


@pytest.fixture
def known_request() -> tuple[MemoryStore, ObjectRequest]:
    from mmpart_core.records import Region

    store = MemoryStore()
    picture = SOURCE.copy()
    picture[..., 3] = 0
    picture[4:22, 3:20] = (180, 60, 40, 255)
    components = (
        ComponentRequest(name="hat", region=Region(kind="box", box=(0.1, 0.1, 0.5, 0.4))),
        ComponentRequest(name="man", hidden="bald, with a scar"),
    )
    image = codecs.put_image(store, picture)
    return store, ObjectRequest(name="rider", image=image, components=components)
