"""The open-weight planner on tiny random models, loaded as published checkpoints are."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch

from mmpart_core.errors import BackendError, ConfigError, MissingDependencyError
from mmpart_core.hosted.exchange import Turn
from mmpart_core.images.shown import shown_image
from mmpart_core.plan import grammar
from mmpart_core.plan.answer import PlanAnswer
from mmpart_core.plan.backends import transformers as planner
from mmpart_core.plan.local_model import LocalModel, LocalQuestion
from mmpart_core.plan.protocol import PartPlanner
from tests.mmpart_core.plan.model_answers import SOURCE, answer, part, request_of
from tests.mmpart_core.plan.tiny_models import save_tiny

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:transformers")
HELD = pytest.mark.skipif(
    importlib.util.find_spec("llguidance") is None, reason="llguidance is not installed"
)
REQUEST = request_of("hat", "man")


@pytest.fixture(scope="session", params=["qwen2_5_vl", "qwen3_vl"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="session")
def qwen3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("qwen3"), "qwen3_vl")


def settings(checkpoint: Path, **changes: Any) -> planner.Settings:
    given = {"model": str(checkpoint), "local_files_only": True, "device": "cpu",
             "image_side_px": 28, "max_output_tokens": 24, "constrained": "never"}  # fmt: skip
    return planner.Settings(**(given | changes))


def question(seed: int = 0) -> LocalQuestion:
    return LocalQuestion("Look.", shown_image(SOURCE, 28), "What is it?", seed)


def test_a_checkpoint_answers_as_it_did_before(checkpoint: Path) -> None:
    first, second = (LocalModel(settings(checkpoint)).answer(question(), (), {}) for _ in range(2))
    assert first == second
    assert first.text
    assert first.cut_off == "max_output_tokens"
    model = LocalModel(settings(checkpoint))
    turns = (Turn("assistant", "x"), Turn("user", "again, please"))
    assert model.answer(question(), turns, {}).text != first.text
    other = replace(question(), picture=shown_image(255 - SOURCE, 28))
    assert model.answer(other, (), {}).text != first.text


def test_the_seed_decides_where_it_is_warm(checkpoint: Path) -> None:
    model = LocalModel(settings(checkpoint, temperature=1.0))
    before = torch.random.get_rng_state()
    one, other, same = (model.answer(question(seed), (), {}).text for seed in (1, 2, 1))
    assert one == same
    assert one != other
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_model_that_talks_nonsense_is_asked_as_often_as_allowed(qwen3: Path) -> None:
    made = planner.TransformersPlanner(settings(qwen3, tries=2))
    made.open()
    with pytest.raises(BackendError, match=r"2 answers of .* could not be used"):
        made.plan(SOURCE, REQUEST, 0)


@HELD
def test_an_answer_that_is_held_matches_its_form(qwen3: Path) -> None:
    """Random weights write words without sense, and yet a plan of the right form."""
    held = settings(qwen3, constrained="always", max_output_tokens=1500, temperature=1.0)
    request = request_of("hat")
    schema = grammar.bounded_schema(request, 1)
    reply = LocalModel(held).answer(question(3), (), schema)
    assert reply.cut_off == ""
    value = json.loads(reply.text)
    jsonschema.validate(value, schema)
    assert PlanAnswer.model_validate(value).parts[0].component == "hat"


@HELD
def test_a_whole_plan_is_made_of_the_answer(qwen3: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The grammar is narrowed to one sensible answer: what random weights can say of sense."""
    said = json.loads(answer(part("hat", appearance="a felt hat", note="", remove=[])))
    monkeypatch.setattr(grammar, "bounded_schema", lambda request, most_chars: {"const": said})
    made = planner.TransformersPlanner(
        settings(qwen3, constrained="always", max_output_tokens=1000, tries=1)
    )
    assert isinstance(made, PartPlanner)
    made.open()
    draft = made.plan(SOURCE, request_of("hat"), 0)
    assert "show only the hat" in draft.prompts[0]
    assert "a felt hat" in draft.prompts[0]
    assert draft.sights[0].box == (0.1, 0.2, 0.6, 0.9)
    assert draft.cost_usd == 0.0


def test_the_bounded_form_takes_what_the_form_takes() -> None:
    schema = grammar.bounded_schema(REQUEST, 300)
    good = json.loads(answer(part("hat", touches=["man"]), part("man")))
    jsonschema.validate(good, schema)
    for wrong in (
        answer(part("man"), part("hat")),
        answer(part("hat")),
        answer(part("hat", touches=["hat"]), part("man")),
        answer(part("hat", pieces=0), part("man")),
        answer(part("hat", pose=""), part("man")),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(wrong), schema)


def test_what_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"plan\.model .*: cannot be loaded"):
        LocalModel(settings(tmp_path))


def test_holding_without_the_package(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar, "PACKAGE", "no_such_package_at_all")
    assert grammar.grammar_vocabulary(None, 1, "auto") is None
    with pytest.raises(MissingDependencyError, match="pip install"):
        LocalModel(settings(checkpoint, constrained="always"))
