"""What a planner model is asked for: a plan that fits the request."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mmpart_core.hosted.asking import Wanted, ask_until_usable
from mmpart_core.hosted.exchange import Reply, Turn
from mmpart_core.plan.answer import read_answer
from mmpart_core.plan.compose import draft_of
from mmpart_core.plan.prompt_text import fill_prompt
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ObjectRequest


def ask_for_plan(
    ask: Callable[[Sequence[Turn]], Reply], request: ObjectRequest, tries: int, model: str
) -> PlanDraft:
    """Ask a model for a plan, and again with the faults of its answer.

    Args:
        ask: makes one call; given what was said since the first question.
        request: what is planned.
        tries: how often at most.
        model: for messages.

    Returns:
        The draft, with the cost of all answers.

    Raises:
        RefusedError, BackendError, MMPartError: see ``hosted.asking``.
    """
    wanted = Wanted(
        what=f"plan of '{request.name}'",
        model=model,
        read=lambda text: read_answer(text, request),
        sent_back=lambda faults: sent_back("plan_again", faults),
        shorter="say it in fewer words",
        when_declined="reword the components or their hidden areas, use another image, or set "
        "plan.kind=template",
        when_unusable="Use a stronger model (plan.model), raise plan.tries or "
        "plan.max_output_tokens, or set plan.kind=template",
    )
    answer, spent_usd = ask_until_usable(ask, wanted, tries)
    return replace(draft_of(answer, request), cost_usd=spent_usd)


def sent_back(name: str, faults: Sequence[str]) -> str:
    """What a planner model is told of the faults of its answer.

    Args:
        name: of the prompt text.
        faults: a line each.
    """
    return fill_prompt(name, faults="\n".join(f"- {fault}" for fault in faults))
