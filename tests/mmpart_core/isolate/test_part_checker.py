"""The second look by a vision model, against the strict server: what is asked, what a no does."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from strict_openai import (
    ModelServer,
    Request,
    chat,
    incomplete,
    model_not_found,
    quota_exhausted,
    rate_limited,
    refusal,
    response,
)

from mmpart_core.errors import (
    BackendError,
    BudgetError,
    ConfigError,
    QuotaExhaustedError,
    RefusedError,
    TransientBackendError,
)
from mmpart_core.hosted.answer_book import piece_of_work
from mmpart_core.hosted.spending import spending
from mmpart_core.isolate.backends import diffusers
from mmpart_core.isolate.check_settings import CheckSettings
from mmpart_core.isolate.edit_pipelines import PIPELINES
from mmpart_core.isolate.part_checker import HostedChecker, PartChecker, open_checker
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.storage.memory_store import MemoryStore
from tests.mmpart_core.isolate.hosted_hat import (
    CALL_USD,
    MODEL,
    VARIABLE,
    draws,
    hat_mask,
    hat_on,
    isolated,
    task_of,
)

YES = {"only_this_part": True, "same_pose": True, "complete": True, "reason": ""}
NO = {**YES, "only_this_part": False, "reason": "An ear of the head is still there."}
LOOK_USD = (1000 * 1.0 + 500 * 5.0) / 1e6  # the server's usage at the table's price
pytestmark = pytest.mark.usefixtures("quick_registration", "provided_key")


@pytest.fixture
def task(source: np.ndarray) -> IsolationTask:
    made = task_of(source)
    return replace(made, prompt=made.prompt.model_copy(update={"hidden": "grey hair below it"}))


@pytest.fixture
def part(source: np.ndarray) -> np.ndarray:
    """The hat alone, in the source's frame."""
    return np.dstack([source[..., :3], np.where(hat_mask(), 255, 0).astype(np.uint8)])


def checker_of(server: ModelServer, **changes: Any) -> HostedChecker:
    given = {"check_base_url": server.base_url, "check_api_key_variable": VARIABLE}
    made = open_checker(CheckSettings(check=True, **(given | changes)))
    assert isinstance(made, PartChecker)
    return made


def says(*verdicts: dict[str, Any] | str) -> Callable[[Request], dict[str, Any]]:
    """Answers in turn, the last one for ever, in the interface that is asked."""
    left = [each if isinstance(each, str) else json.dumps(each) for each in verdicts]

    def answer(request: Request) -> dict[str, Any]:
        text = left.pop(0) if len(left) > 1 else left[0]
        return chat(text) if "messages" in request.body else response(text)

    return answer


def shown(request: Request) -> list[np.ndarray]:
    content = request.body["input"][0]["content"]
    urls = [each["image_url"] for each in content if each["type"] == "input_image"]
    return [np.asarray(Image.open(BytesIO(base64.b64decode(u.split(",")[1])))) for u in urls]


def test_the_model_is_shown_source_and_part_and_told_the_users_words(
    model_server: ModelServer, task: IsolationTask, part: np.ndarray
) -> None:
    model_server.answer("/responses", says(YES))
    answer = checker_of(model_server).check_part(task, part)
    assert answer.fault is None
    assert answer.cost_usd == pytest.approx(LOOK_USD)
    (request,) = model_server.requests
    assert request.body["model"] == "gpt-6.1-terra"
    assert request.body["store"] is False
    whole, alone = shown(request)
    assert np.array_equal(whole, task.source[..., :3])
    assert np.array_equal(alone[hat_mask()], part[hat_mask()][:, :3])
    assert (alone[~hat_mask()] == 127).all()
    words = request.body["input"][0]["content"][0]["text"]
    told = json.loads(words[words.index("{") :])
    assert told == {
        "part": "hat", "pieces": 1, "other_parts": ["head"],
        "user_words_on_hidden_area": "grey hair below it",
    }  # fmt: skip
    assert set(request.body["text"]["format"]["schema"]["required"]) == set(YES)


WRONG = {
    "only_this_part": ("shows more than the part", "show only the hat"),
    "same_pose": ("its pose is another", "keep the same pose"),
    "complete": ("not complete", "show the hat whole"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_no_says_what_is_wrong_and_what_to_do(
    model_server: ModelServer, task: IsolationTask, part: np.ndarray, what: str
) -> None:
    verdict = {**YES, what: False, "reason": f"Its brim\nends {'early ' * 100}."}
    model_server.answer("/responses", says(verdict))
    fault = checker_of(model_server).check_part(task, part).fault
    assert fault is not None
    told, advice = WRONG[what]
    assert told in fault.told
    assert advice in fault.advice
    assert "Its brim ends early" in fault.told
    assert "Its brim ends early" in fault.advice
    assert len(fault.advice) < 500


@pytest.mark.parametrize("structured", ["schema", "words"])
def test_other_servers_are_asked_in_their_interface(
    model_server: ModelServer, task: IsolationTask, part: np.ndarray, structured: str
) -> None:
    model_server.answer("/chat/completions", says(f"Well: {json.dumps(NO)}"))
    checker = checker_of(
        model_server, check_api="chat", check_model="qwen3-vl-8b", check_structured=structured,
        check_token_limit="max_tokens", check_max_output_tokens=500,
    )  # fmt: skip
    answer = checker.check_part(task, part)
    assert answer.fault is not None
    assert answer.cost_usd == 0.0  # its price is not known
    (request,) = model_server.requests
    assert request.body["max_tokens"] == 500
    system, user = request.body["messages"]
    assert [piece["type"] for piece in user["content"]] == ["text", "image_url", "image_url"]
    assert ("response_format" in request.body) == (structured == "schema")
    assert ('"only_this_part"' in system["content"]) == (structured == "words")


UNUSABLE = {
    "no JSON": "I think it is fine.",
    "no verdict": json.dumps({**YES, "complete": "maybe"}),
    "a no without a reason": json.dumps({**NO, "reason": " "}),
    "more than was asked": json.dumps({**YES, "score": 3}),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_an_unusable_answer_is_sent_back_once_and_both_are_paid(
    model_server: ModelServer, task: IsolationTask, part: np.ndarray, case: str
) -> None:
    model_server.answer("/responses", says(UNUSABLE[case], YES))
    answer = checker_of(model_server).check_part(task, part)
    assert answer.fault is None
    assert answer.cost_usd == pytest.approx(2 * LOOK_USD)
    before, again = model_server.requests[1].body["input"][1:]
    assert (before["role"], before["content"]) == ("assistant", UNUSABLE[case])
    assert "cannot be used" in again["content"]


def test_without_a_usable_answer_the_part_fails_and_says_what_to_set(
    model_server: ModelServer, task: IsolationTask, part: np.ndarray
) -> None:
    model_server.answer("/responses", lambda _: incomplete())
    with pytest.raises(BackendError, match=r"check of 'hat': 2 answers.*check_model") as raised:
        checker_of(model_server).check_part(task, part)
    assert raised.value.cost_usd == pytest.approx(2 * LOOK_USD)


def test_a_refusal_is_told_and_paid(
    model_server: ModelServer, task: IsolationTask, part: np.ndarray
) -> None:
    model_server.answer("/responses", lambda _: refusal())
    with pytest.raises(RefusedError, match=r"declined .*isolate.check=false") as raised:
        checker_of(model_server).check_part(task, part)
    assert raised.value.cost_usd == pytest.approx(LOOK_USD)


def test_failures_name_the_checkers_own_settings(
    model_server: ModelServer, task: IsolationTask, part: np.ndarray
) -> None:
    model_server.answer("/responses", says(YES))
    checker = checker_of(model_server, check_attempts=1)
    model_server.fail("/responses", model_not_found(), quota_exhausted(), rate_limited(0.01))
    with pytest.raises(ConfigError, match=r"isolate\.check_model 'gpt-6\.1-terra'"):
        checker.check_part(task, part)
    with pytest.raises(QuotaExhaustedError):
        checker.check_part(task, part)
    with pytest.raises(BackendError, match=r"raise isolate\.check_attempts"):
        checker.check_part(task, part)
    with spending(0.001), pytest.raises(BudgetError, match="check of 'hat'"):
        checker.check_part(task, part)
    assert len(model_server.requests) == 3


def test_a_rejection_is_drawn_again_with_its_reason_and_all_is_counted(
    model_server: ModelServer, source: np.ndarray
) -> None:
    store = MemoryStore()
    model_server.answer("/images/edits", draws(hat_on))
    model_server.answer("/responses", says(NO, YES))
    with spending() as account:
        part = isolated(model_server, source, store, check=True)
    first, second = model_server.calls("/images/edits")
    assert "An ear of the head is still there" not in first.body["prompt"]
    assert "An ear of the head is still there" in second.body["prompt"]
    assert "show only the hat" in second.body["prompt"]
    assert [(each.checked, each.accepted, each.taken) for each in part.tries] == [
        (True, False, False), (True, True, True),
    ]  # fmt: skip
    assert part.tries[0].score < part.tries[1].score
    assert "An ear" in part.tries[0].faults[0]
    assert part.cost_usd == pytest.approx(2 * (CALL_USD + LOOK_USD))
    assert sum(each.cost_usd for each in part.tries) == pytest.approx(part.cost_usd)
    assert account.cost_usd == pytest.approx(part.cost_usd)
    assert {each.model: each.calls for each in account.usage} == {
        MODEL: 2, "gpt-6.1-terra": 2,
    }  # fmt: skip


def test_a_picture_is_not_paid_again_because_nobody_could_look_at_it(
    model_server: ModelServer, source: np.ndarray
) -> None:
    store = MemoryStore()
    model_server.answer("/images/edits", draws(hat_on))
    model_server.answer("/responses", says(YES))
    model_server.fail("/responses", rate_limited(0.01))
    with spending() as account:
        with pytest.raises(TransientBackendError), piece_of_work("isolate-hat"):
            isolated(model_server, source, store, check=True, check_attempts=1)
        with piece_of_work("isolate-hat"):
            part = isolated(model_server, source, store, check=True, check_attempts=1)
    assert len(model_server.calls("/images/edits")) == 1
    assert part.cost_usd == pytest.approx(CALL_USD + LOOK_USD)
    assert account.cost_usd == pytest.approx(part.cost_usd)


class DrawsTheHat:
    """Stands for a loaded pipeline: no model of random weights passes the gate."""

    kind = PIPELINES["Flux2KleinPipeline"]

    def draw(self, canvas: np.ndarray, *_: object) -> np.ndarray:
        return hat_on(canvas)


def test_pictures_of_open_weights_are_looked_at_too(
    model_server: ModelServer, source: np.ndarray
) -> None:
    settings = diffusers.Settings(
        check=True, check_base_url=model_server.base_url, check_api_key_variable=VARIABLE,
        canvas_px=288 * 256,
    )  # fmt: skip
    editor = diffusers.DiffusersEditor(settings)
    editor._model, editor._checker = DrawsTheHat(), open_checker(settings)
    model_server.answer("/responses", says(YES))
    isolation = editor.isolate(task_of(source), 0)
    assert [(each.checked, each.taken) for each in isolation.tries] == [(True, True)]
    assert isolation.cost_usd == pytest.approx(LOOK_USD)
    assert [request.path for request in model_server.requests] == ["/responses"]
