"""The hosted isolator against the strict server: what goes wrong, and what is refused."""

import importlib.util
from typing import Any

import numpy as np
import pytest
from strict_openai import (
    ModelServer,
    model_not_found,
    moderation_blocked,
    quota_exhausted,
    rate_limited,
    server_error,
    slow,
)

from mmpart_core.errors import (
    BudgetError,
    ConfigError,
    MissingDependencyError,
    QuotaExhaustedError,
    RefusedError,
    TransientBackendError,
)
from mmpart_core.hosted.spending import spending
from mmpart_core.isolate.backends import openai as isolator
from tests.mmpart_core.isolate.hosted_hat import (
    draws,
    hat_on,
    opened,
    request_for,
    task_of,
)

pytestmark = pytest.mark.usefixtures("quick_registration", "provided_key")


FAILURES = {
    "moderation": ((moderation_blocked(),), RefusedError, "reword"),
    "quota": ((quota_exhausted(),), QuotaExhaustedError, "no money left"),
    "gone model": ((model_not_found(),), ConfigError, "shut down"),
    "throttled for ever": ((rate_limited(0.01),) * 2, TransientBackendError, "throttled"),
    "late": ((slow(2.0),) * 2, TransientBackendError, "within"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_failures_have_their_class(
    model_server: ModelServer, source: np.ndarray, case: str
) -> None:
    replies, error, words = FAILURES[case]
    model_server.answer("/images/edits", draws(hat_on))
    model_server.fail("/images/edits", *replies)
    editor = opened(model_server, attempts=2, timeout_s=0.5 if case == "late" else 30.0)
    with pytest.raises(error, match=words):
        editor.isolate(task_of(source), 0)
    assert len(model_server.requests) == len(replies)


def test_what_passes_is_tried_again(model_server: ModelServer, source: np.ndarray) -> None:
    model_server.fail("/images/edits", rate_limited(0.01), server_error())
    request_for(model_server, task_of(source))
    assert len(model_server.requests) == 3


def test_a_budget_stops_before_the_call(model_server: ModelServer, source: np.ndarray) -> None:
    with spending(0.01), pytest.raises(BudgetError):
        opened(model_server).isolate(task_of(source), 0)
    assert model_server.requests == []


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"model": "gpt-image-2", "quality": "max"}, ConfigError, "low, medium, high"),
        ({"model": "gpt-image-2", "input_fidelity": "high"}, ConfigError, "no such parameter"),
        ({"removal": "model"}, ConfigError, "matting_model must name"),
        ({"matting_model": "u2net_custom"}, ConfigError, "matting_path"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_paid(
    model_server: ModelServer, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        opened(model_server, **changes)


def test_a_missing_matting_package_is_named(model_server: ModelServer) -> None:
    if importlib.util.find_spec("rembg") is not None:
        pytest.skip("rembg is installed")
    with pytest.raises(MissingDependencyError, match=r"mmpart\[matting\]"):
        opened(model_server, matting_model="isnet-general-use")


def test_expected_cost_is_known_for_known_prices_only() -> None:
    known = isolator.expected_cost_usd(isolator.Settings())
    assert known is not None
    assert 0.02 < known < 0.5
    assert isolator.expected_cost_usd(isolator.Settings(model="another")) is None
