"""An image-text-to-text model of transformers, asked in turns; its answers held to a grammar."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from PIL import Image

from mmpart_core import torchvision_compat

torchvision_compat.declare_missing_operators()

import transformers  # noqa: E402  (imports torchvision)

from mmpart_core.devices import has_cuda  # noqa: E402
from mmpart_core.errors import BackendError, ConfigError  # noqa: E402
from mmpart_core.hosted.exchange import Reply, Turn  # noqa: E402
from mmpart_core.plan.grammar import GrammarProcessor, grammar_vocabulary  # noqa: E402
from mmpart_core.quoting import first_line  # noqa: E402


@runtime_checkable
class LocalModelSettings(Protocol):
    """What of a planner's settings decides how a model is loaded and asked."""

    @property
    def model(self) -> str: ...  # noqa: D102
    @property
    def revision(self) -> str: ...  # noqa: D102
    @property
    def local_files_only(self) -> bool: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def offload(self) -> bool: ...  # noqa: D102
    @property
    def dtype(self) -> str: ...  # noqa: D102
    @property
    def constrained(self) -> str: ...  # noqa: D102
    @property
    def max_output_tokens(self) -> int: ...  # noqa: D102
    @property
    def temperature(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class LocalQuestion:
    """What the model is asked first.

    Attributes:
        instructions: the system prompt.
        picture: what is looked at.
        words: the question.
        seed: for a temperature above 0.
    """

    instructions: str
    picture: Image.Image
    words: str
    seed: int


class LocalModel:
    """A loaded checkpoint.

    Args:
        settings: which one, where, and how it answers.

    Raises:
        ConfigError: it cannot be loaded.
        MissingDependencyError: ``constrained: always`` without llguidance.
    """

    def __init__(self, settings: LocalModelSettings) -> None:
        self._settings = settings
        chosen = ("cuda" if has_cuda() else "cpu") if settings.device == "auto" else settings.device
        self._device = torch.device(chosen)
        where = {"revision": settings.revision, "local_files_only": settings.local_files_only}
        placing = {"device_map": "auto"} if settings.offload else {}
        try:
            self._processor: Any = transformers.AutoProcessor.from_pretrained(
                settings.model, trust_remote_code=False, **where
            )
            model: Any = transformers.AutoModelForImageTextToText.from_pretrained(
                settings.model, dtype=settings.dtype, trust_remote_code=False, **where, **placing
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(
                f"plan.model '{settings.model}': cannot be loaded ({first_line(error)}); expected "
                "a folder or a repository with an image-text-to-text model of transformers and "
                "its processor; check plan.model, plan.revision and plan.local_files_only"
            ) from error
        self._model = model.eval() if settings.offload else model.eval().to(self._device)
        size = int(model.get_output_embeddings().weight.shape[0])
        self._vocabulary = grammar_vocabulary(self._processor.tokenizer, size, settings.constrained)

    def answer(
        self, question: LocalQuestion, turns: Sequence[Turn], schema: dict[str, Any]
    ) -> Reply:
        """Ask once.

        Args:
            question: what is asked first.
            turns: what was said since.
            schema: JSON schema that the answer is held to, where llguidance is there.

        Raises:
            BackendError: the machine's memory does not suffice.
        """
        inputs = self._inputs(question, turns)
        settings = self._settings
        prompt_tokens = int(inputs["input_ids"].shape[1])
        sampling: dict[str, Any] = {
            "do_sample": settings.temperature > 0.0,
            "temperature": settings.temperature or None,
            "top_k": None,
            "top_p": None,
        }
        held: list[Any] = []
        if self._vocabulary is not None:
            held.append(GrammarProcessor(self._vocabulary, schema, prompt_tokens))
        devices = [self._device] if self._device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices), torch.inference_mode():
                torch.manual_seed(question.seed)
                made = self._model.generate(
                    **inputs,
                    max_new_tokens=settings.max_output_tokens,
                    logits_processor=transformers.LogitsProcessorList(held),
                    **sampling,
                )
        except torch.OutOfMemoryError as error:
            raise BackendError(
                f"plan.model '{settings.model}': {self._device} has too little memory for it; use "
                "a smaller model, lower plan.image_side_px, or set plan.offload=true"
            ) from error
        return self._reply(made[0, prompt_tokens:])

    def _inputs(self, question: LocalQuestion, turns: Sequence[Turn]) -> Any:
        picture = {"type": "image", "image": question.picture}
        asked = [picture, {"type": "text", "text": question.words}]
        messages: list[dict[str, Any]] = [
            {"role": "system", "content": [{"type": "text", "text": question.instructions}]},
            {"role": "user", "content": asked},
        ]
        for turn in turns:
            said = [{"type": "text", "text": turn.text}]
            messages.append({"role": turn.role, "content": said})
        inputs = self._processor.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        return inputs.to(self._model.device)

    def _reply(self, made: torch.Tensor) -> Reply:
        text = self._processor.batch_decode([made], skip_special_tokens=True)[0]
        cut_off = ""
        if made.shape[0] >= self._settings.max_output_tokens:
            ends = self._model.generation_config.eos_token_id
            last = int(made[-1])
            finished = last in ends if isinstance(ends, list) else last == ends
            cut_off = "" if finished else "max_output_tokens"
        return Reply(text, cut_off=cut_off)
