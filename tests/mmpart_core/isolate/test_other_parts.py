"""A part is told from the others by their boxes, as a planner gives them."""

import numpy as np
import pytest

from mmpart_core.isolate.editor_settings import EditorSettings
from mmpart_core.isolate.other_parts import alone_faults, stray_faults
from mmpart_core.isolate.protocol import IsolationTask
from mmpart_core.isolate.quality_gate import judge_answer
from mmpart_core.isolate.visible_pixels import Comparison, compare_with_source
from mmpart_core.records import Region
from tests.mmpart_core.isolate.conftest import (
    COLOURS,
    HAT,
    HEAD,
    box,
    disc,
    head_and_hat,
    painted,
    points,
    rectangle,
    task,
)
from tests.mmpart_core.isolate.drawn_parts import cut

NAMES = ("hat", "head")
BOXES: tuple[Region | None, ...] = (box(48, 102, 38, 202), box(72, 192, 58, 182))
BALD, _ = painted((HEAD, COLOURS["head"]))


def job(index: int, regions: tuple[Region | None, ...] = BOXES) -> IsolationTask:
    return task(head_and_hat(), NAMES, regions, index)


def seen(job: IsolationTask, answer: np.ndarray, own: np.ndarray) -> Comparison:
    """An answer that stayed in its place, compared where the part may be seen."""
    source = job.source[..., :3]
    return compare_with_source(answer, source, own & job.foreground, job.foreground, np.eye(3))


def told(job: IsolationTask, answer: np.ndarray, own: np.ndarray) -> list[str]:
    found = seen(job, answer, own)
    return [fault.told for fault in (*stray_faults(found, job), *alone_faults(found, job))]


HEAD_BOX, HAT_BOX = rectangle(68, 196, 54, 186), rectangle(44, 106, 34, 206)


def test_a_whole_part_passes_though_it_reaches_under_another() -> None:
    assert told(job(1), cut(BALD[..., :3], HEAD), HEAD_BOX) == []
    assert told(job(0), cut(job(0).source[..., :3], HAT), HAT_BOX) == []


@pytest.mark.parametrize(("index", "own"), [(0, HAT_BOX), (1, HEAD_BOX)])
def test_an_object_of_which_nothing_was_removed_fails(index: int, own: np.ndarray) -> None:
    """Where boxes are known, too: what is shown outside the part's own counts."""
    whole = cut(job(index).source[..., :3], job(index).foreground)
    assert told(job(index), whole, own) == ["the whole object is shown, nothing was removed"]


def test_a_part_that_was_left_on_fails() -> None:
    """Half of the hat is gone, so it is not the whole; the rest of it is what its box tells."""
    left = HEAD | (HAT & (np.arange(240)[None, :] < 165))
    assert "'hat' is still shown" in told(job(1), cut(job(1).source[..., :3], left), HEAD_BOX)


def test_another_part_in_its_place_fails() -> None:
    only_hat = cut(job(1).source[..., :3], HAT)
    found = told(job(1), only_hat, HEAD_BOX)
    assert "'hat' is still shown" in found
    assert "where only the head is seen in the source almost nothing is drawn" in found


def test_points_of_other_parts_count_outside_the_own_box() -> None:
    regions = (points((55, 45), (55, 190)), BOXES[1])
    almost = HEAD | (HAT & (np.arange(240)[:, None] < 85))
    drawn = cut(job(1).source[..., :3], almost)
    assert "'hat' is still shown" in told(job(1, regions), drawn, HEAD_BOX)


def test_a_box_that_holds_the_object_says_nothing() -> None:
    """Of a shell around hidden things the whole object is what is to be drawn."""
    around = (box(40, 200, 30, 210), box(90, 110, 100, 140))
    whole = cut(job(0).source[..., :3], job(0).foreground)
    assert told(job(0, around), whole, rectangle(36, 204, 26, 214)) == []


def test_what_nobody_named_may_fill_most_of_a_part_s_box() -> None:
    """As the body does between two arms; only of the hat somebody said where it is."""
    sides = HEAD & (np.abs(np.arange(240)[None, :] - 120) > 42)
    alone = HEAD_BOX & job(1).foreground & ~HAT_BOX
    assert 0.15 < (sides & alone).sum() / alone.sum() < 0.3
    assert told(job(1), cut(BALD[..., :3], sides), HEAD_BOX) == []


@pytest.mark.parametrize(("place", "strays"), [((20, 220), True), ((150, 120), False)])
def test_a_small_thing_beside_the_object_fails(place: tuple[int, int], strays: bool) -> None:
    """Smaller than what counts as a piece; on the object it is detail."""
    thing = disc(*place, 9.0)
    drawn = cut(np.where(thing[..., None], 90, BALD[..., :3]).astype(np.uint8), HEAD | thing)
    found = stray_faults(seen(job(1), drawn, HEAD_BOX), job(1))
    assert bool(found) is strays


@pytest.mark.usefixtures("quick_registration")
def test_the_gate_rejects_the_whole_object_for_a_part_with_a_box() -> None:
    """By the gate whole, which looks for the part in its own box alone."""

    def checks(answer: np.ndarray) -> set[str]:
        judged = judge_answer(answer, np.eye(3), job(1), EditorSettings())
        return {fault.check for fault in judged.faults}

    assert "alone" in checks(cut(job(1).source[..., :3], job(1).foreground))
    assert checks(cut(BALD[..., :3], HEAD)).isdisjoint({"alone", "pieces"})
