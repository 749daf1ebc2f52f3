"""Asks a planner model until its answer can be used, a bounded number of times."""

from collections.abc import Callable, Sequence

from mmpart_core.errors import BackendError, MMPartError, RefusedError
from mmpart_core.hosted.exchange import Reply, Turn
from mmpart_core.plan.answer import read_answer
from mmpart_core.plan.compose import draft_of
from mmpart_core.plan.prompt_text import fill_prompt
from mmpart_core.plan.protocol import PlanDraft
from mmpart_core.records import ObjectRequest

_MOST_KEPT_CHARS = 20000


def ask_until_usable(
    ask: Callable[[Sequence[Turn]], Reply], request: ObjectRequest, tries: int, model: str
) -> PlanDraft:
    """Ask, check, and ask again with the faults of the answer.

    Args:
        ask: makes one call; given what was said since the first question.
        request: what is planned.
        tries: how often at most.
        model: for messages.

    Returns:
        The draft, with the cost of all answers.

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
            raise _with_cost(_refusal(reply.refusal, request, model), spent_usd)
        answer, faults = read_answer(reply.text, request)
        if reply.cut_off:
            answer, faults = None, [f"It was cut off ({reply.cut_off}): say it in fewer words."]
        if answer is not None:
            draft = draft_of(answer, request)
            return PlanDraft(draft.prompts, draft.warnings, spent_usd, draft.sights)
        turns = [
            Turn("assistant", reply.text[:_MOST_KEPT_CHARS] or "(nothing)"),
            Turn("user", fill_prompt("plan_again", faults="\n".join(f"- {f}" for f in faults))),
        ]
    raise _with_cost(
        BackendError(
            f"plan of '{request.name}': {tries} answers of {model} could not be used, the last "
            f"because of: {' '.join(faults)} Use a stronger model (plan.model), raise plan.tries "
            "or plan.max_output_tokens, or set plan.kind=template"
        ),
        spent_usd,
    )


def _refusal(words: str, request: ObjectRequest, model: str) -> RefusedError:
    return RefusedError(
        f"plan of '{request.name}': {model} declined ({' '.join(words.split())[:400]}); reword the "
        "components or their hidden areas, use another image, or set plan.kind=template"
    )


def _with_cost(error: MMPartError, cost_usd: float) -> MMPartError:
    error.cost_usd += cost_usd
    return error
