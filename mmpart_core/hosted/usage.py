"""Reads what an answer used, whatever interface it came through."""

from typing import Any

from mmpart_core.hosted.model_facts import TokenPrices
from mmpart_core.records import ModelUsage


def read_usage(answer: Any, model: str, prices: TokenPrices | None) -> ModelUsage:
    """What one answer used and cost.

    Args:
        answer: an SDK object with ``usage``, of the Responses, Chat Completions or Images
            interface; compatible servers leave ``usage`` or parts of it out.
        model: the model's name.
        prices: what its tokens cost; None when unknown.
    """
    usage = getattr(answer, "usage", None)
    if usage is None:
        return ModelUsage(model=model, calls=1, uncounted_calls=1)
    given = _count(usage, "input_tokens", "prompt_tokens")
    made = _count(usage, "output_tokens", "completion_tokens")
    told = _either(usage, "input_tokens_details", "prompt_tokens_details")
    thought = _either(usage, "output_tokens_details", "completion_tokens_details")
    cached = min(_count(told, "cached_tokens"), given)
    image = min(_count(told, "image_tokens"), given - cached)
    cost = None
    if prices is not None:
        cost = prices.cost_usd(given - cached - image, made, cached=cached, image=image)
    return ModelUsage(
        model=model,
        calls=1,
        input_tokens=given,
        cached_tokens=cached,
        image_tokens=image,
        output_tokens=made,
        reasoning_tokens=min(_count(thought, "reasoning_tokens"), made),
        cost_usd=cost,
    )


def _either(value: Any, *names: str) -> Any:
    found = (getattr(value, name, None) for name in names)
    return next((each for each in found if each is not None), None)


def _count(value: Any, *names: str) -> int:
    number = _either(value, *names)
    return max(number, 0) if isinstance(number, int) else 0
