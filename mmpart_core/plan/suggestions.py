"""Components that a planner model sees in an image, for a user who has not named any yet.

A suggestion is no stage: nothing is made of it before the user has taken it into the list.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from mmpart_core import backends
from mmpart_core.config import BackendChoice
from mmpart_core.errors import BackendError, ConfigError, MMPartError, RefusedError
from mmpart_core.hosted.exchange import Reply, Turn
from mmpart_core.plan.prompt_text import fill_prompt
from mmpart_core.plan.suggestion_answer import MOST_COMPONENTS, Suggestions, read_suggestions

QUESTION = "The image is attached."
_MOST_KEPT_CHARS = 20000


@runtime_checkable
class ComponentSuggester(Protocol):
    """A planner that looks at images, and so can say what is in one; most cannot."""

    def suggest(self, source: UInt8[np.ndarray, "H W 4"], seed: int) -> Suggestions:
        """Name the components of the object in an image.

        Args:
            source: sRGB with straight alpha.
            seed: for planners that sample.

        Raises:
            RefusedError: the model declined.
            BackendError: no answer could be used.
            TransientBackendError: worth trying again.
        """
        ...


def can_suggest(kind: str) -> bool:
    """Whether the planner of a kind looks at images; does not open it.

    Raises:
        UnknownBackendError: nothing provides that kind.
    """
    return callable(getattr(backends.find_module("plan", kind).BACKEND, "suggest", None))


def suggest_components(
    source: UInt8[np.ndarray, "H W 4"], choice: BackendChoice, seed: int
) -> Suggestions:
    """Ask a profile's planner which components it sees.

    Args:
        source: sRGB with straight alpha.
        choice: the planner and its settings.
        seed: for planners that sample.

    Raises:
        ConfigError: a planner that does not look at images, or that cannot be used here.
        RefusedError, BackendError, TransientBackendError: see ``ComponentSuggester``.
    """
    check_suggests(choice.kind)
    planner: ComponentSuggester = backends.open_backend("plan", choice.kind, choice.settings)
    return planner.suggest(source, seed)


def check_suggests(kind: str) -> None:
    """Refuse a planner that does not look at images.

    Raises:
        ConfigError: it does not; says which do.
    """
    if can_suggest(kind):
        return
    able = [each for each in backends.available_kinds("plan") if can_suggest(each)]
    raise ConfigError(
        f"plan.kind '{kind}': this planner does not look at the image, so it can suggest no "
        f"components; choose a profile whose planner does ({', '.join(able)}), for instance "
        "'openai' or 'open-weights', or name the components yourself"
    )


def instructions_text() -> str:
    """What a planner model is told before it sees the image."""
    return fill_prompt("suggest_components", most=str(MOST_COMPONENTS))


def ask_for_components(
    ask: Callable[[Sequence[Turn]], Reply], tries: int, model: str
) -> Suggestions:
    """Ask, check, and ask again with the faults of the answer.

    Args:
        ask: makes one call; given what was said since the first question.
        tries: how often at most.
        model: for messages.

    Returns:
        The suggestions, with the cost of all answers.

    Raises:
        RefusedError: the model declined.
        BackendError: no answer could be used.
        MMPartError: whatever a call raises, with the cost of those before it.
    """
    spent_usd = 0.0
    turns: list[Turn] = []
    faults: list[str] = []
    for _ in range(tries):
        try:
            reply = ask(turns)
        except MMPartError as error:
            error.cost_usd += spent_usd
            raise
        spent_usd += reply.cost_usd
        if reply.refusal:
            raise _declined(reply.refusal, model, spent_usd)
        found, faults = read_suggestions(reply.text, spent_usd)
        if reply.cut_off:
            found, faults = None, [f"It was cut off ({reply.cut_off}): list fewer components."]
        if found is not None:
            return found
        turns = [
            Turn("assistant", reply.text[:_MOST_KEPT_CHARS] or "(nothing)"),
            Turn("user", fill_prompt("suggest_again", faults="\n".join(f"- {f}" for f in faults))),
        ]
    error = BackendError(
        f"suggestions: {tries} answers of {model} could not be used, the last because of: "
        f"{' '.join(faults)} Name the components yourself, use a stronger model (plan.model), or "
        "raise plan.tries"
    )
    error.cost_usd = spent_usd
    raise error


def _declined(words: str, model: str, cost_usd: float) -> RefusedError:
    error = RefusedError(
        f"suggestions: {model} declined ({' '.join(words.split())[:400]}); name the components "
        "yourself, or use another image"
    )
    error.cost_usd = cost_usd
    return error
