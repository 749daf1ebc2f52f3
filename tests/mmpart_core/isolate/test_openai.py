"""The hosted isolator against the strict server: tries, sizes, costs."""

import pickle
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from strict_openai import (
    ModelServer,
    Request,
    images,
    moderation_blocked,
)

from mmpart_core.direct_runner import failure_of
from mmpart_core.errors import (
    BackendError,
    RefusedError,
)
from mmpart_core.hosted.spending import spending
from mmpart_core.images.foreground import foreground_mask
from mmpart_core.isolate.backends import openai as isolator
from mmpart_core.records import PartFailure, Region
from mmpart_core.storage import codecs
from mmpart_core.storage.memory_store import MemoryStore
from tests.mmpart_core.isolate.hosted_hat import (
    CALL_USD,
    GREY,
    HAT,
    HEIGHT,
    PROMPT,
    WIDTH,
    assert_in_place,
    draws,
    hat_on,
    iou,
    isolated,
    moved_hat,
    opened,
    picture_of,
    png,
    request_for,
    task_of,
)

pytestmark = pytest.mark.usefixtures("quick_registration", "provided_key")


def test_a_moved_and_shrunk_answer_comes_back_into_its_place(
    model_server: ModelServer, source: np.ndarray
) -> None:
    model_server.answer("/images/edits", draws(moved_hat))
    isolation = opened(model_server).isolate(task_of(source), 3)
    assert_in_place(isolation, source)
    assert isolation.placement is not None
    assert isolation.placement.zoom == pytest.approx(0.9, abs=0.025)
    assert 0.05 < isolation.placement.shift < 0.1
    assert isolation.placement.confidence > 0.8
    assert isolation.cost_usd == pytest.approx(CALL_USD)
    assert [each.taken for each in isolation.tries] == [True]
    (request,) = model_server.requests
    assert request.body["prompt"] == PROMPT


def test_current_models_get_a_size_of_the_sources_shape_and_no_parameter_they_lack(
    model_server: ModelServer, source: np.ndarray
) -> None:
    model = isolator.Settings().model
    request = request_for(model_server, task_of(source), model=model, canvas_px=700_000)
    assert request.body["model"] == "gpt-image-2.6-sunburst"
    assert request.body["background"] == "opaque"
    assert "input_fidelity" not in request.body
    width, height = map(int, request.body["size"].split("x"))
    assert picture_of(request).shape[:2] == (height, width)
    assert width / height == pytest.approx(WIDTH / HEIGHT, rel=0.03)


def test_reasons_of_a_rejection_reach_the_next_prompt_and_all_is_kept(
    model_server: ModelServer, source: np.ndarray
) -> None:
    store = MemoryStore()
    model_server.answer(
        "/images/edits", draws(lambda canvas: canvas, lambda canvas: hat_on(canvas))
    )
    part = isolated(model_server, source, store)
    first, second = model_server.requests
    assert first.body["prompt"] == PROMPT
    assert second.body["prompt"].startswith(PROMPT)
    assert "remove everything else completely" in second.body["prompt"]
    assert [(each.accepted, each.taken) for each in part.tries] == [(False, False), (True, True)]
    assert "nothing was removed" in " ".join(part.tries[0].faults)
    assert part.tries[1].added in second.body["prompt"]
    assert part.tries[0].score < part.tries[1].score
    assert codecs.get_image(store, part.tries[0].answer).shape == picture_of(first).shape
    assert part.cost_usd == pytest.approx(2 * CALL_USD)
    assert sum(each.cost_usd for each in part.tries) == pytest.approx(part.cost_usd)
    assert any("drawn 2 times" in text for text in part.warnings)
    assert part.placement is not None


def test_when_no_picture_is_accepted_the_failure_says_why_keeps_them_and_what_they_cost(
    model_server: ModelServer, source: np.ndarray
) -> None:
    store = MemoryStore()
    model_server.answer("/images/edits", draws(lambda _: GREY, lambda _: GREY[::2]))
    with spending() as account, pytest.raises(BackendError, match="none of 2 pictures") as raised:
        isolated(model_server, source, store, tries=2)
    error = pickle.loads(pickle.dumps(raised.value))
    assert error.cost_usd == pytest.approx(2 * CALL_USD) == pytest.approx(account.cost_usd)
    assert "try 1: no part stands out" in str(error)
    failure = failure_of("hat", "isolate", error)
    assert [codecs.get_image(store, each.answer).shape for each in failure.tries] == [
        (64, 64, 4), (32, 64, 4),
    ]  # fmt: skip
    assert "no part stands out" in failure.tries[0].faults[0]
    assert failure.tries[1].added
    assert not any(each.accepted or each.taken for each in failure.tries)
    assert PartFailure.model_validate_json(failure.model_dump_json()) == failure


def test_pictures_before_a_refusal_are_kept_too(
    model_server: ModelServer, source: np.ndarray
) -> None:
    store = MemoryStore()

    def refuses_next(request: Request) -> dict[str, Any]:
        model_server.fail("/images/edits", moderation_blocked())
        return images(png(GREY))

    model_server.answer("/images/edits", refuses_next)
    with pytest.raises(RefusedError) as raised:
        isolated(model_server, source, store)
    assert [store.has(each.answer) for each in raised.value.tries] == [True]
    assert raised.value.drawn == ()
    assert raised.value.cost_usd == pytest.approx(CALL_USD)


def test_older_models_get_their_own_size_fidelity_and_a_clear_ground(
    model_server: ModelServer, source: np.ndarray
) -> None:
    """An answer of half the size, and opaque where a transparent one was asked for, is used."""

    def smaller(canvas: np.ndarray) -> np.ndarray:
        drawn = Image.fromarray(moved_hat(canvas))
        return np.asarray(drawn.resize((drawn.width // 2, drawn.height // 2)))

    model_server.answer("/images/edits", draws(smaller))
    unpriced = {"input_usd": None, "image_input_usd": None, "output_usd": None}
    editor = opened(model_server, model="gpt-image-1.5", **unpriced)
    isolation = editor.isolate(task_of(source), 0)
    assert_in_place(isolation, source)
    body = model_server.requests[0].body
    assert body["size"] in {"1024x1024", "1536x1024"}
    assert body["background"] == "transparent"
    assert body["input_fidelity"] == "high"
    assert "fully transparent" in body["prompt"]
    assert "grey" not in body["prompt"]
    assert isolation.cost_usd == 0.0  # its price is not known any more


def test_a_mask_keeps_what_the_region_holds(model_server: ModelServer, source: np.ndarray) -> None:
    task = task_of(source, Region(kind="polygon", polygon=HAT))
    request = request_for(model_server, task, mask="region")
    mask = np.asarray(Image.open(BytesIO(request.files["mask"][0].data)))[..., 3] >= 128
    assert iou(mask, hat_on(picture_of(request))[..., 3] >= 128) > 0.98


def test_a_transparent_source_is_sent_with_its_alpha(
    model_server: ModelServer, source: np.ndarray
) -> None:
    clear = source.copy()
    clear[..., 3] = np.where(foreground_mask(source), 255, 0)
    sent = picture_of(request_for(model_server, task_of(clear)))
    assert sent[0, 0, 3] == 0
    assert 0.2 < (sent[..., 3] == 255).mean() < 0.6


def test_several_pictures_are_asked_for_in_one_call(
    model_server: ModelServer, source: np.ndarray
) -> None:
    model_server.answer("/images/edits", draws(lambda _: GREY))
    with pytest.raises(BackendError, match="none of 3 pictures") as raised:
        opened(model_server, tries=1, candidates=3).isolate(task_of(source), 0)
    (request,) = model_server.requests
    assert int(request.body["n"]) == 3
    assert raised.value.cost_usd == pytest.approx(CALL_USD)
