"""A run as it goes, what stops it, and how its end is told."""

import threading
from concurrent.futures import CancelledError

import pytest

from mmpart_core.errors import InputError
from mmpart_core.records import StageRun
from mmpart_core.storage.fsspec_store import FsspecStore
from studio import showing
from studio.library import ObjectLibrary
from studio.live import LiveRun
from studio.objects import ComponentRow, Draft, KeptObject
from studio.workshop import STOPPED, Workshop, run_page
from tests.studio.conftest import failed_part


def stage_run(stage: str, component: str | None, cached: bool = False) -> StageRun:
    return StageRun.model_validate(
        {"component": component, "stage": stage, "key": "k", "cached": cached, "seconds": 2.0,
         "backend": "x/1", "seed": 0}
    )  # fmt: skip


def new_object(library: ObjectLibrary) -> KeptObject:
    kept = library.create(Draft(name="lamp", rows=(ComponentRow(name="hat"),)), b"", (1, 1))
    changed = library.change(kept.id, lambda now: now.model_copy(update={"state": "planning"}))
    assert changed is not None
    return changed


def wait_for_end(shop: Workshop, object_id: str) -> None:
    done = threading.Event()
    for _ in range(2000):
        if shop.live(object_id) is None:
            return
        done.wait(0.01)
    pytest.fail("the work did not end")


def test_pieces_wait_run_and_end_with_pictures():
    live = LiveRun("making", ["hat"], ("assemble",), lambda run: (run.stage,), clock=lambda: 5.0)
    assert [piece.state for piece in live.pieces()] == ["waiting"] * 5
    seen = live.version
    live.started("isolate", "hat")
    assert live.version > seen
    live.finished(stage_run("isolate", "hat", cached=True))
    live.started("multiview", "hat")
    live.failed(failed_part("hat").model_copy(update={"stage": "multiview"}))
    whole, hat = showing.live_rows(live)
    assert (whole.label, hat.label) == ("Whole object", "hat")
    assert [piece.state for piece in hat.pieces] == ["cached", "failed", "waiting", "waiting"]
    assert hat.pictures == ["isolate"]
    assert "describe it closer" in hat.trouble


def test_what_is_stopped_begins_nothing_more():
    live = LiveRun("making", ["hat"], ())
    live.started("isolate", "hat")
    live.stop()
    live.finished(stage_run("isolate", "hat"))
    with pytest.raises(CancelledError):
        live.started("multiview", "hat")


def test_work_waits_its_turn_and_one_object_has_one_at_a_time(store: FsspecStore):
    library = ObjectLibrary(store)
    first, second = new_object(library), new_object(library)
    shop = Workshop(library)
    go, order = threading.Event(), []

    def slow(_live: LiveRun) -> None:
        go.wait(20)
        order.append("first")

    waiting = LiveRun("second", (), ())
    assert shop.start(first.id, LiveRun("first", (), ()), slow)
    assert shop.start(second.id, waiting, lambda _live: order.append("second"))
    assert not shop.start(first.id, LiveRun("again", (), ()), slow)
    assert waiting.began is None
    go.set()
    wait_for_end(shop, second.id)
    assert order == ["first", "second"]
    shop.close()


def test_an_error_is_told_at_the_object(store: FsspecStore):
    library = ObjectLibrary(store)
    kept = new_object(library)
    shop = Workshop(library)

    def refuse(_live: LiveRun) -> None:
        raise InputError("image: nothing in it; give another")

    shop.start(kept.id, LiveRun("planning", (), ()), refuse)
    wait_for_end(shop, kept.id)
    after = library.load(kept.id)
    assert after is not None
    assert (after.trouble, after.state) == ("image: nothing in it; give another", "draft")
    shop.close()


def test_a_fault_of_the_program_ends_only_its_own_work(store: FsspecStore):
    library = ObjectLibrary(store)
    kept = new_object(library)
    shop = Workshop(library)

    def break_off(_live: LiveRun) -> None:
        raise ZeroDivisionError("by zero")

    shop.start(kept.id, LiveRun("planning", (), ()), break_off)
    wait_for_end(shop, kept.id)
    after = library.load(kept.id)
    assert after is not None
    assert "unexpected ZeroDivisionError: by zero" in after.trouble
    shop.start(kept.id, LiveRun("planning", (), ()), lambda _live: None)
    wait_for_end(shop, kept.id)
    again = library.load(kept.id)
    assert again is not None
    assert again.trouble == ""
    shop.close()


def test_closing_stops_what_runs_and_what_waits(store: FsspecStore):
    library = ObjectLibrary(store)
    running, queued = new_object(library), new_object(library)
    shop = Workshop(library)
    began = threading.Event()

    def until_stopped(live: LiveRun) -> None:
        began.set()
        while not live.stopping:
            threading.Event().wait(0.01)
        live.started("isolate", "hat")

    shop.start(running.id, LiveRun("making", ["hat"], ()), until_stopped)
    shop.start(queued.id, LiveRun("making", ["hat"], ()), until_stopped)
    assert began.wait(20)
    shop.close()
    for each in (running, queued):
        after = library.load(each.id)
        assert after is not None
        assert after.trouble == STOPPED


def test_there_is_no_link_without_a_server():
    assert run_page("") == ""
