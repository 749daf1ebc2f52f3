"""Writes prompts from a fixed text, the component list and the user's words; needs no model."""

from typing import ClassVar

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.plan.prompt_text import fill_prompt, prompt_digest
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ComponentRequest, ObjectRequest

# Names of the files in prompts/; their text is in the key.
_TEXTS = ("isolate_part", "hidden_neutral", "hidden_described")


class Settings(BackendSettings):
    """Settings of the template planner."""

    extra_instruction: str = Field(
        default="",
        max_length=2000,
        description="A sentence added to every prompt, for instance a style to keep.",
    )


class TemplatePlanner:
    """Fills ``plan/prompts/isolate_part.md`` once per component.

    ``VERSION`` ends with a digest of the texts, so editing one changes every cache key.
    """

    VERSION: ClassVar[str] = f"1-{prompt_digest(*_TEXTS)}"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def open(self) -> None:
        """Nothing to load."""

    def plan(
        self, source: UInt8[np.ndarray, "H W 4"], request: ObjectRequest, seed: int
    ) -> PlanDraft:
        """Write one prompt per component; the image and the seed play no role."""
        prompts = tuple(
            self._prompt(component, request.components) for component in request.components
        )
        return PlanDraft(prompts=prompts)

    def _prompt(self, component: ComponentRequest, components: tuple[ComponentRequest, ...]) -> str:
        others = [other.name for other in components if other.name != component.name]
        text = fill_prompt(
            "isolate_part",
            component=component.name,
            subject=_subject(component),
            remove=_removal(others),
            pieces=_pieces(component),
            hidden=_hidden_area(component),
        )
        extra = self._settings.extra_instruction.strip()
        return f"{text}\n\n{extra}" if extra else text


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


def _removal(others: list[str]) -> str:
    if not others:
        return "Remove: the background and everything that is not part of it."
    listed = ", ".join(f"the {name}" for name in others)
    return f"Remove: {listed}, the background, and everything else that is not part of it."


def _hidden_area(component: ComponentRequest) -> str:
    if not component.hidden.strip():
        return fill_prompt("hidden_neutral", component=component.name)
    return fill_prompt("hidden_described", words=component.hidden)


BACKEND = TemplatePlanner
