"""The template planner and the prompt texts it fills."""

import numpy as np
import pytest

from mmpart_core import keys
from mmpart_core.config import BackendChoice
from mmpart_core.errors import ConfigError
from mmpart_core.plan import prompt_text
from mmpart_core.plan.backends import template
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.plan.stage import STAGE
from mmpart_core.records import ComponentRequest, ImageRef, ObjectRequest

IMAGE = ImageRef(sha256="0" * 64, size=1, media="image/png", width=8, height=8)


def draft(*components: ComponentRequest, **settings: str) -> PlanDraft:
    planner = template.TemplatePlanner(template.Settings(**settings))
    planner.open()
    request = ObjectRequest(name="thing", image=IMAGE, components=components)
    return planner.plan(np.zeros((8, 8, 4), np.uint8), request, seed=0)


def test_prompt_keeps_the_users_words_untouched_and_removes_the_others() -> None:
    words = 'bald,  "shiny" & costs $5 ${not_a_place}'
    prompts = draft(
        ComponentRequest(name="man", hidden=words), ComponentRequest(name="帽子")
    ).prompts
    assert words in prompts[0]
    assert "only the man" in prompts[0]
    assert "Remove: the 帽子" in prompts[0]
    assert "the man" in prompts[1].split("Remove:")[1]
    assert words not in prompts[1]


def test_component_without_words_gets_a_neutral_instruction() -> None:
    neutral, described = draft(
        ComponentRequest(name="hat"), ComponentRequest(name="man", hidden="bald")
    ).prompts
    assert "add no new feature" in neutral
    assert "add no new feature" not in described


@pytest.mark.parametrize(
    "asked",
    ["complete", "pose", "viewing angle", "position", "scale", "lighting", "state", "No shadow",
     "uncropped", "plain", "single object", "background"],
)  # fmt: skip
def test_prompt_asks_for_everything_later_stages_rely_on(asked: str) -> None:
    assert asked in draft(ComponentRequest(name="hat")).prompts[0]


def test_count_asks_for_all_pieces() -> None:
    wheels, hat = draft(
        ComponentRequest(name="wheels", count=4), ComponentRequest(name="hat")
    ).prompts
    assert "all 4 pieces" in wheels
    assert "pieces" not in hat


def test_only_component_still_removes_the_background() -> None:
    assert "Remove: the background" in draft(ComponentRequest(name="hat")).prompts[0]


def test_no_place_is_left_unfilled() -> None:
    for prompt in draft(ComponentRequest(name="hat"), ComponentRequest(name="man")).prompts:
        assert "${" not in prompt
        assert prompt == prompt.strip()


def test_extra_instruction_is_added_and_enters_the_key() -> None:
    prompts = draft(ComponentRequest(name="hat"), extra_instruction="Keep it cartoonish.").prompts
    assert prompts[0].endswith("Keep it cartoonish.")
    plain, extra = (
        keys.stage_key(STAGE, BackendChoice(kind="template", settings=settings), {}, 0)
        for settings in ({}, {"extra_instruction": "x"})
    )
    assert plain != extra


def test_editing_a_text_changes_the_version(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert prompt_text.prompt_digest(*template._TEXTS) in template.TemplatePlanner.VERSION
    for name in template._TEXTS:
        (tmp_path / f"{name}.md").write_text(prompt_text.read_prompt(name), encoding="utf-8")
    monkeypatch.setattr(prompt_text, "_FOLDER", tmp_path)
    before = prompt_text.prompt_digest(*template._TEXTS)
    assert before in template.TemplatePlanner.VERSION
    (tmp_path / "hidden_neutral.md").write_text("Guess.", encoding="utf-8")
    assert prompt_text.prompt_digest(*template._TEXTS) != before


def test_text_with_an_unknown_place_names_it(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_text, "_FOLDER", tmp_path)
    (tmp_path / "odd.md").write_text("only ${colour}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"odd.*'colour'.*\$\$"):
        prompt_text.fill_prompt("odd", component="hat")
    with pytest.raises(ConfigError, match=r"none\.md expected"):
        prompt_text.read_prompt("none")
