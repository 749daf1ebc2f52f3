"""Holds a local model's answer to a JSON schema while it is written, by llguidance."""

import importlib.util
import json
from typing import Any

import numpy as np
import torch

from mmpart_core.errors import BackendError, MissingDependencyError
from mmpart_core.plan.answer import answer_schema
from mmpart_core.records import ObjectRequest

PACKAGE = "llguidance"
_MOST_ITEMS = 12


def grammar_vocabulary(tokenizer: Any, size: int, wanted: str) -> Any | None:
    """A tokenizer's words in llguidance's form; None where answers are not held to a form.

    Args:
        tokenizer: of transformers, a fast one.
        size: number of the model's output tokens, which may be more than the tokenizer's.
        wanted: ``auto``, ``always`` or ``never``.

    Raises:
        MissingDependencyError: ``always``, and llguidance is not installed.
    """
    if wanted == "never":
        return None
    if importlib.util.find_spec(PACKAGE) is None:
        if wanted == "auto":
            return None
        raise MissingDependencyError(
            f"plan.constrained 'always': needs {PACKAGE}, which is not installed; pip install "
            "'mmpart[grammar]', or set plan.constrained=auto"
        )
    import llguidance.hf

    return llguidance.hf.from_tokenizer(tokenizer, n_vocab=size)


def bounded_schema(request: ObjectRequest, most_chars: int) -> dict[str, Any]:
    """The answer's form for one request, with the bounds that a grammar can hold.

    One entry per component, in the list's order; only other components' names where components are
    named; boxes within the image; texts neither empty nor longer than asked for.

    Args:
        request: whose components are named.
        most_chars: longest text.
    """
    form = answer_schema()
    definitions = form.pop("$defs")
    names = [component.name for component in request.components]
    text = {"type": "string", "minLength": 1, "maxLength": most_chars}
    fraction = {"type": "number", "minimum": 0, "maximum": 1}
    box = {**definitions["AnsweredBox"], "properties": dict.fromkeys(
        ("left", "top", "right", "bottom"), fraction)}  # fmt: skip
    area = {**definitions["HiddenArea"], "properties": {"where": text, "looks": text}}
    part = definitions["AnsweredPart"]

    def entry(name: str) -> dict[str, Any]:
        others = _list_of({"enum": [each for each in names if each != name]}, len(names) - 1)
        properties = {
            **part["properties"],
            "component": {"const": name},
            "note": {"type": "string", "maxLength": most_chars},
            "pieces": {"type": "integer", "minimum": 1, "maximum": 64},
            "box": {"anyOf": [box, {"type": "null"}]},
            **dict.fromkeys(("appearance", "pose", "lighting", "state"), text),
            **dict.fromkeys(("covered_by", "touches"), others),
            **dict.fromkeys(("covered_by_other", "remove"), _list_of(text, _MOST_ITEMS)),
            "hidden_areas": _list_of(area, _MOST_ITEMS),
        }
        return {**part, "properties": properties}

    count = {"minItems": len(names), "maxItems": len(names)}
    form["properties"] = {
        "parts": {"type": "array", "prefixItems": [entry(name) for name in names],
                  "items": False, **count},
        "front_to_back": {"type": "array", "items": {"enum": names}, **count},
    }  # fmt: skip
    return form


def _list_of(item: dict[str, Any], most: int) -> dict[str, Any]:
    items: Any = item if most > 0 else {"type": "string"}
    return {"type": "array", "items": items, "maxItems": max(most, 0)}


class GrammarProcessor:
    """A logits processor that leaves only tokens with which the answer can still match.

    Args:
        vocabulary: from ``grammar_vocabulary``.
        schema: what the answer must match.
        prompt_tokens: length of what precedes the answer.

    Raises:
        BackendError: llguidance does not take the schema.
    """

    def __init__(self, vocabulary: Any, schema: dict[str, Any], prompt_tokens: int) -> None:
        import llguidance

        grammar = llguidance.LLMatcher.grammar_from_json_schema(
            json.dumps(schema), overrides={"whitespace_flexible": False}
        )
        self._matcher: Any = llguidance.LLMatcher(vocabulary, grammar)
        self._seen = prompt_tokens
        self._raise_if_broken()

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Take in the tokens that were added, and mask those that may not follow.

        Args:
            input_ids: 1 x T, prompt and answer so far.
            scores: 1 x vocabulary.

        Raises:
            BackendError: the answer broke its form, which the mask rules out.
        """
        for token in input_ids[0, self._seen :].tolist():
            self._matcher.consume_token(token)
            self._raise_if_broken()
        self._seen = input_ids.shape[1]
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed = np.unpackbits(bits, bitorder="little")[: scores.shape[1]].astype(bool)
        mask = torch.zeros(scores.shape[1], dtype=torch.bool)
        mask[: len(allowed)] = torch.from_numpy(allowed)
        return scores.masked_fill(~mask.to(scores.device), float("-inf"))

    def _raise_if_broken(self) -> None:
        if self._matcher.is_error():
            raise BackendError(
                f"plan.constrained: llguidance gave up ({self._matcher.get_error()}); set "
                "plan.constrained=never"
            )
