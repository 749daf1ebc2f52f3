"""Batches against the strict server: sent once, awaited again after a stop, at half the price."""

from concurrent.futures import CancelledError
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from known_scene import OF_EDIT_USD, OF_PLAN_USD, KnownScene
from PIL import Image
from strict_batches import BatchServer
from strict_openai import (
    dropped,
    images,
    model_not_found,
    moderation_blocked,
    rate_limited,
    response,
    server_error,
)

from mmpart_core.batch_rounds import ObjectWork, prefetch_answers
from mmpart_core.config import PipelineConfig, validate_config
from mmpart_core.direct_runner import direct_runner
from mmpart_core.errors import (
    AwaitedAnswerError,
    BackendError,
    ConfigError,
    RefusedError,
    TransientBackendError,
)
from mmpart_core.hosted.answer_book import (
    AnswerBook,
    answering,
)
from mmpart_core.hosted.spending import spending
from mmpart_core.intake.truth import request_from_scene
from mmpart_core.pipeline import make_plan
from mmpart_core.records import TRUTH_VIEW
from mmpart_core.storage.fsspec_store import FsspecStore
from tests.flows.conftest import OBJECTS, write_glb
from tests.mmpart_core.hosted.batch_questions import (
    HALF_USD,
    VARIABLE,
    ask,
    awaited,
    client,
    desk,
    waiting_book,
)


def test_answers_come_in_one_batch_and_take_the_place_of_calls(
    server: BatchServer, store: FsspecStore
) -> None:
    told: list[str] = []
    counter, made = desk(store, told=told), client(server)
    requests = awaited(waiting_book(counter), made, "one", "two", "three")
    assert [each.most_usd for each in requests] == [0.01] * 3
    answers = counter.prefetch(requests)
    assert len(answers) == 3
    (lines,) = server.sent()
    assert [line["body"]["input"] for line in lines] == ["one", "two", "three"]
    assert "3 requests sent" in told[0]
    assert "completed, 3 of 3 requests answered" in told[1]
    server.answer("/responses", lambda request: response("a single call"))
    with answering(AnswerBook(counter.find, awaits=False)), spending() as account:
        assert [ask(made, each) for each in ("one", "two", "three")] == [
            "to one", "to two", "to three",
        ]  # fmt: skip
        assert account.cost_usd == pytest.approx(3 * HALF_USD)
        assert account.usage[0].calls == 3
        assert ask(made, "four") == "a single call"
        assert account.cost_usd == pytest.approx(5 * HALF_USD)
    assert counter.prefetch(requests) == answers
    assert len(server.batches) == 1


def test_a_stopped_run_waits_for_the_same_batch(server: BatchServer, store: FsspecStore) -> None:
    made = client(server)
    server.looks = 10
    first = desk(store, longest_s=0.0)
    with pytest.raises(TransientBackendError, match="run the same command again"):
        first.prefetch(awaited(waiting_book(first), made, "one", "two"))
    assert len(server.batches) == 1
    # Another process, which asks for one thing more: the others are not sent again.
    second = desk(store)
    answers = second.prefetch(awaited(waiting_book(second), made, "one", "two", "more"))
    assert len(answers) == 3
    assert [len(lines) for lines in server.sent()] == [2, 1]


def test_another_piece_of_work_and_a_second_question_have_answers_of_their_own(
    server: BatchServer, store: FsspecStore
) -> None:
    made, counter = client(server), desk(store)
    counter.prefetch(awaited(waiting_book(counter), made, "one"))
    book = waiting_book(counter)
    with answering(book):
        assert ask(made, "one") == "to one"
        with pytest.raises(AwaitedAnswerError):
            ask(made, "one", key="plan-2")
        with pytest.raises(AwaitedAnswerError):
            ask(made, "one", times=2)
    assert len(book.awaited) == 2


def test_what_expired_or_failed_may_be_sent_again(server: BatchServer, store: FsspecStore) -> None:
    made, counter = client(server), desk(store)
    server.expire(2)
    server.fail("/responses", server_error())
    requests = awaited(waiting_book(counter), made, "one", "two", "three")
    # The first line is a 500 in the file of errors, the third expired.
    assert list(counter.prefetch(requests)) == [requests[1].custom_id]
    assert list(counter.prefetch(requests)) == [each.custom_id for each in requests]
    assert [len(lines) for lines in server.sent()] == [3, 2]


def test_a_refusal_in_a_batch_is_the_same_failure_as_in_a_call(
    server: BatchServer, store: FsspecStore
) -> None:
    made, counter = client(server), desk(store)
    server.fail("/responses", moderation_blocked())
    counter.prefetch(awaited(waiting_book(counter), made, "one"))
    with (
        answering(AnswerBook(counter.find, awaits=False)),
        spending() as account,
        pytest.raises(RefusedError, match="reword"),
    ):
        ask(made, "one")
    assert account.cost_usd == 0.0
    assert len(server.calls("/responses")) == 1


def test_a_batch_that_is_refused_whole_says_why(server: BatchServer, store: FsspecStore) -> None:
    made, counter = client(server), desk(store)
    server.refuse()
    requests = awaited(waiting_book(counter), made, "one")
    with pytest.raises(BackendError, match="line 1: the model may not be used in batches"):
        counter.prefetch(requests)
    assert len(counter.prefetch(requests)) == 1  # it may be sent again


def test_failures_on_the_way_are_survived_or_told(server: BatchServer, store: FsspecStore) -> None:
    made, counter = client(server), desk(store)
    server.fail("/files", rate_limited(0.0), dropped())
    server.fail("/batches", server_error())
    server.fail("GET batches", rate_limited(None), dropped())
    server.fail("GET files", server_error(503))
    assert len(counter.prefetch(awaited(waiting_book(counter), made, "one"))) == 1
    server.fail("/batches", model_not_found())
    with pytest.raises(ConfigError, match="takes no batches"):
        counter.prefetch(awaited(waiting_book(counter), made, "two"))


def test_a_batch_that_is_gone_is_sent_again(server: BatchServer, store: FsspecStore) -> None:
    made, counter = client(server), desk(store)
    requests = awaited(waiting_book(counter), made, "one")
    server.fail("GET batches", model_not_found())
    assert counter.prefetch(requests) == {}
    assert len(counter.prefetch(requests)) == 1


def test_an_edit_is_sent_as_json_with_its_pictures(server: BatchServer, store: FsspecStore) -> None:
    stream = BytesIO()
    Image.new("RGBA", (1024, 1024), (200, 20, 20, 255)).save(stream, "PNG")
    png = stream.getvalue()
    server.answer("/images/edits", lambda request: images(png))
    made, counter = client(server), desk(store)
    form = {
        "model": "gpt-image-2.6-sunburst", "prompt": "only the hat", "n": 1, "size": "1024x1024",
        "image": ("input.png", png, "image/png"), "mask": ("mask.png", png, "image/png"),
    }  # fmt: skip
    book = waiting_book(counter)
    with answering(book), pytest.raises(AwaitedAnswerError):
        made.call(lambda sdk: sdk.images.edit(**form), what="hat", expected_usd=0.1)
    counter.prefetch(list(book.awaited.values()))
    ((line,),) = server.sent()
    assert line["url"] == "/v1/images/edits"
    assert set(line["body"]) == {"model", "prompt", "n", "size", "images", "mask"}
    with answering(book):
        got = made.call(lambda sdk: sdk.images.edit(**form), what="hat", expected_usd=0.1)
    assert got.answer.data[0].b64_json is not None
    assert got.usage.image_tokens == 1000


def hosted(server: BatchServer) -> PipelineConfig:
    """Plan and isolate by the server's models, the rest by what is there."""
    there = {"base_url": server.base_url, "api_key_variable": VARIABLE}
    stages: dict[str, Any] = {
        "plan": {"kind": "openai", "settings": there},
        "isolate": {"kind": "openai", "settings": {**there, "canvas_px": 655_360}},
        "multiview": {"kind": "lift"}, "reconstruct": {"kind": "nerfstudio"},
        "mesh": {"kind": "flexicubes"}, "assemble": {"kind": "layout"},
    }  # fmt: skip
    return validate_config(stages, "test")


@pytest.fixture
def works(server: BatchServer, store: FsspecStore, tmp_path: Path) -> list[ObjectWork]:
    """Two objects of two parts each, which the server knows."""
    made: list[ObjectWork] = []
    scenes: dict[str, KnownScene] = {}
    for name, parts in OBJECTS.items():
        write_glb(tmp_path / f"{name}.glb", parts)
        glb = (tmp_path / f"{name}.glb").read_bytes()
        scenes |= dict.fromkeys(parts, KnownScene(glb, size_px=128))
        request = request_from_scene(
            glb, name, view=TRUTH_VIEW, store=store, name=name, size_px=128
        )
        made.append(ObjectWork(request, hosted(server)))
    server.answer("/responses", lambda request: _scene_of(request, scenes).plan(request))
    server.answer("/images/edits", lambda request: _scene_of(request, scenes).edit(request))
    return made


def test_plans_and_parts_of_objects_in_batches(
    server: BatchServer, store: FsspecStore, works: list[ObjectWork]
) -> None:
    """Two rounds: one batch for all plans, then one for all pictures; single calls: none."""
    counter = desk(store)
    summary = prefetch_answers(works, store, counter, rounds=2)
    assert [len(lines) for lines in server.sent()] == [2, 4]
    assert (summary.rounds, summary.requests, summary.unanswered, summary.unsent) == (2, 6, 0, 0)
    # The run that follows plans from these answers, at half the price.
    before = len(server.requests)
    with answering(AnswerBook(counter.find, awaits=False)):
        for work in works:
            run = direct_runner(work.config, store, seed=0)
            plan, planned = make_plan(work.request, run)
            assert planned.cost_usd == pytest.approx(0.5 * OF_PLAN_USD)
            assert plan.prompts[0].sight is not None
    assert len(server.requests) == before
    # A finished piece of work asks for nothing, and another seed asks for all again.
    with spending(0.04) as account:
        poor = prefetch_answers(
            [ObjectWork(works[0].request, works[0].config, seed=1)],
            store, counter, rounds=3, account=account,
        )  # fmt: skip
        assert sum(each.usd for each in poor.held.values()) == pytest.approx(0.5 * OF_PLAN_USD)
        assert account.left_usd == pytest.approx(0.04 - 0.5 * OF_PLAN_USD)
    assert (poor.requests, poor.unsent) == (1, 2)
    assert 0.5 * (OF_PLAN_USD + 2 * OF_EDIT_USD) > 0.04


def test_a_budget_for_what_answers_cost_is_enough_though_they_may_cost_more(
    server: BatchServer, store: FsspecStore, works: list[ObjectWork]
) -> None:
    """What may pass the budget waits for the answers before it, which cost less than they may."""
    real = 0.5 * (2 * OF_PLAN_USD + 4 * OF_EDIT_USD)
    with spending(real + 0.02) as account:
        summary = prefetch_answers(works, store, desk(store), account=account)
        assert account.left_usd == pytest.approx(0.02)
    assert (summary.requests, summary.unanswered, summary.unsent) == (6, 0, 0)
    assert sum(each.usd for each in summary.held.values()) == pytest.approx(real)
    assert len(server.sent()) > 2
    assert sum(len(lines) for lines in server.sent()) == 6


def test_a_stopped_prefetch_ends_between_pieces_of_work(
    server: BatchServer, store: FsspecStore, works: list[ObjectWork]
) -> None:
    with pytest.raises(CancelledError):
        prefetch_answers(works, store, desk(store), is_stopped=lambda: bool(server.batches))
    assert [len(lines) for lines in server.sent()] == [2]


def _scene_of(request: Any, scenes: dict[str, KnownScene]) -> KnownScene:
    text = str(request.body.get("prompt") or request.body["input"])
    found = [scene for name, scene in scenes.items()
             if f"only the {name}, alone" in text or f'"{name}"' in text]  # fmt: skip
    return found[0]
