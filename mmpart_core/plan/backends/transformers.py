"""Asks an open-weight vision-language model on this machine for the plan.

Any image-text-to-text checkpoint of transformers will do, Qwen3-VL and Qwen2.5-VL among them. With
llguidance installed an answer cannot break its form; without it is checked, and asked again.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from mmpart_core.backends import BackendSettings
from mmpart_core.hosted.exchange import Reply, Turn
from mmpart_core.images.shown import shown_image
from mmpart_core.plan import asking, compose, suggestions
from mmpart_core.plan.prompt_text import fill_prompt, read_prompt
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.plan.suggestion_answer import Suggestions, bounded_schema, suggestion_schema
from mmpart_core.records import ObjectRequest

REQUIRES = ("torch", "transformers")
HOW_TO_GET = "install the project again: make setup"
LICENSES = {
    "Qwen/Qwen3-VL-4B-Instruct": "Apache-2.0",
    "Qwen/Qwen3-VL-8B-Instruct": "Apache-2.0",
    "Qwen/Qwen2.5-VL-7B-Instruct": "Apache-2.0",
    "Qwen/Qwen2.5-VL-3B-Instruct": "Qwen Research License: not for commercial use",
}


class Settings(BackendSettings):
    """Settings of the open-weight planner."""

    EXCLUDED_FROM_KEY: ClassVar[dict[str, str]] = {
        "device": "where it runs does not change what is asked of the model",
        "offload": "where weights are kept does not change what is asked of the model",
        "local_files_only": "where the same weights come from does not change them",
    }

    model: str = Field(
        default="Qwen/Qwen3-VL-8B-Instruct",
        min_length=1,
        description="A checkpoint: a folder, or a repository of the Hugging Face hub. 8B takes "
        "about 18 GB of GPU memory in bfloat16, 4B about 10.",
    )
    revision: str = Field(
        default="main",
        min_length=1,
        description="Commit of the repository; 'main' moves, a commit pins the weights.",
    )
    local_files_only: bool = Field(
        default=False, description="Never download; what was downloaded before is used."
    )
    device: str = Field(default="auto", description="cpu, cuda, cuda:1; auto takes a GPU if any.")
    offload: bool = Field(
        default=False, description="Keep weights that do not fit the GPU in main memory; slow."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="Number format; auto is the checkpoint's own."
    )
    constrained: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether answers are held to their form while they are written: auto where "
        "llguidance is installed (pip install mmpart[grammar]).",
    )
    image_side_px: int = Field(
        default=1024, ge=28, le=4096, description="The image is scaled down to this side."
    )
    max_output_tokens: int = Field(
        default=6000, ge=16, le=100000, description="The longest answer."
    )
    max_text_chars: int = Field(
        default=600,
        ge=1,
        le=1500,
        description="The longest single text of an answer that is held to its form.",
    )
    temperature: float = Field(
        default=0.0, ge=0.0, le=2.0, description="Randomness; 0 always takes the likeliest word."
    )
    tries: int = Field(
        default=3, ge=1, le=10, description="How often it is asked until its answer can be used."
    )


class TransformersPlanner:
    """Shows a local model the image and the list, and composes the prompts from its answer."""

    VERSION: ClassVar[str] = f"1-{compose.texts_digest()}"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model: Any = None

    def open(self) -> None:
        """Load processor and weights.

        Raises:
            ConfigError: no such checkpoint, or not one that takes images and text.
            MissingDependencyError: ``constrained: always`` without llguidance.
        """
        from mmpart_core.plan.local_model import LocalModel

        self._model = LocalModel(self._settings)

    def plan(
        self, source: UInt8[np.ndarray, "H W 4"], request: ObjectRequest, seed: int
    ) -> PlanDraft:
        """See ``PartPlanner``; the seed decides only where the temperature is above 0."""
        from mmpart_core.plan import grammar
        from mmpart_core.plan.local_model import LocalQuestion

        settings = self._settings
        form = fill_prompt("plan_json", schema=compose.schema_text())
        question = LocalQuestion(
            instructions=f"{read_prompt('plan_parts')}\n\n{form}",
            picture=shown_image(source, settings.image_side_px),
            words=compose.request_text(request),
            seed=seed,
        )
        schema = grammar.bounded_schema(request, settings.max_text_chars)

        def ask(turns: Sequence[Turn]) -> Reply:
            return self._model.answer(question, turns, schema)

        return asking.ask_for_plan(ask, request, settings.tries, settings.model)

    def suggest(self, source: UInt8[np.ndarray, "H W 4"], seed: int) -> Suggestions:
        """See ``ComponentSuggester``; the seed decides only where the temperature is above 0."""
        from mmpart_core.plan.local_model import LocalQuestion

        settings = self._settings
        form = fill_prompt("plan_json", schema=json.dumps(suggestion_schema()))
        question = LocalQuestion(
            instructions=f"{suggestions.instructions_text()}\n\n{form}",
            picture=shown_image(source, settings.image_side_px),
            words=suggestions.QUESTION,
            seed=seed,
        )
        held = bounded_schema(settings.max_text_chars)

        def ask(turns: Sequence[Turn]) -> Reply:
            return self._model.answer(question, turns, held)

        return suggestions.ask_for_components(ask, settings.tries, settings.model)


BACKEND = TransformersPlanner
