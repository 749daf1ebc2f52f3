"""Components that a planner model sees in an image, for a user who has not named any yet.

A suggestion is no stage: nothing is made of it before the user has taken it into the list.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from mmpart_core import backends
from mmpart_core.config import BackendChoice
from mmpart_core.errors import ConfigError
from mmpart_core.hosted.asking import Wanted, ask_until_usable
from mmpart_core.hosted.exchange import Reply, Turn
from mmpart_core.plan.asking import sent_back
from mmpart_core.plan.prompt_text import fill_prompt
from mmpart_core.plan.suggestion_answer import MOST_COMPONENTS, Suggestions, read_suggestions

QUESTION = "The image is attached."


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
    """Ask a model for the components of an image, and again with the faults of its answer.

    Args:
        ask: makes one call; given what was said since the first question.
        tries: how often at most.
        model: for messages.

    Returns:
        The suggestions, with the cost of all answers.

    Raises:
        RefusedError, BackendError, MMPartError: see ``hosted.asking``.
    """
    wanted = Wanted(
        what="suggestions",
        model=model,
        read=read_suggestions,
        sent_back=lambda faults: sent_back("suggest_again", faults),
        shorter="list fewer components",
        when_declined="name the components yourself, or use another image",
        when_unusable="Name the components yourself, use a stronger model (plan.model), or raise "
        "plan.tries",
    )
    found, spent_usd = ask_until_usable(ask, wanted, tries)
    return replace(found, cost_usd=spent_usd)
