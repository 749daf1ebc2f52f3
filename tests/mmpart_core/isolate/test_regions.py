"""The regions isolator finds what is seen of each part, from every kind of hint."""

import numpy as np
import pytest

from mmpart_core.errors import BackendError
from mmpart_core.images.colour import lab_from_rgb
from mmpart_core.isolate import labelling
from mmpart_core.isolate.backends.regions import RegionIsolator, Settings
from mmpart_core.isolate.hints import point_prior, point_seeds
from mmpart_core.isolate.superpixels import build_superpixels
from mmpart_core.records import Region
from tests.mmpart_core.isolate.conftest import (
    COLOURS,
    FOREGROUND,
    HAT,
    HAT_CORNERS,
    HEAD,
    HINTS,
    SIDE,
    box,
    disc,
    head_and_hat,
    iou,
    isolate,
    painted,
    points,
    rectangle,
    task,
)


@pytest.mark.parametrize("hints", HINTS.values(), ids=HINTS)
def test_visible_pixels_are_found_from_every_kind_of_hint(hints: tuple[Region | None, ...]) -> None:
    scene = head_and_hat()
    hat = isolate(task(scene, ["hat", "head"], hints, 0))
    head = isolate(task(scene, ["hat", "head"], hints, 1))
    assert iou(hat.visible, HAT) > 0.95
    assert iou(head.visible, HEAD & ~HAT) > 0.95
    assert not (hat.visible & head.visible).any()


def test_mask_is_taken_as_it_is() -> None:
    mask_ref = FOREGROUND.model_copy(update={"sha256": "1" * 64})
    regions = (Region(kind="mask", mask=mask_ref), None)
    odd = HAT & ~disc(75, 60, 12)  # not along any edge of the image
    isolation = isolate(task(head_and_hat(), ["hat", "head"], regions, 0, masks={0: odd}))
    assert iou(isolation.visible, odd) > 0.97


def test_pieces_of_one_component() -> None:
    wheels = disc(190, 70, 22) | disc(190, 170, 22)
    scene = painted((rectangle(90, 190, 30, 210), COLOURS["body"]), (wheels, COLOURS["hat"]))
    for hint in (points((190, 70), (190, 170)), None):
        job = task(scene, ["body", "wheels"], (None, hint), 1, counts=(1, 2))
        assert iou(isolate(job).visible, wheels) > 0.9


def test_guessed_regions_go_from_top_to_bottom_in_list_order_and_say_so() -> None:
    bands = [rectangle(30 + 60 * n, 90 + 60 * n, 60, 180) for n in range(3)]
    scene = painted(*zip(bands, COLOURS.values(), strict=True))
    for index, name in enumerate(["lid", "middle", "foot"]):
        isolation = isolate(task(scene, ["lid", "middle", "foot"], [None] * 3, index))
        assert iou(isolation.visible, bands[index]) > 0.95
        assert len(isolation.warnings) == 1
        assert f"part '{name}'" in isolation.warnings[0]
        assert f"'region: {{box: [left, top, right, bottom]}}' to '{name}'" in isolation.warnings[0]


def test_smaller_box_wins_inside_a_larger_one() -> None:
    button = disc(130, 120, 14)
    scene = painted((HEAD, COLOURS["head"]), (button, COLOURS["body"]))
    hints = (box(65, 195, 55, 185), box(114, 146, 104, 136))
    assert iou(isolate(task(scene, ["face", "nose"], hints, 1)).visible, button) > 0.9


def test_points_within_an_outline_win_their_own_area() -> None:
    bulb = disc(130, 120, 20)
    scene = painted((HEAD, COLOURS["head"]), (bulb, COLOURS["body"]))
    corners = tuple(
        ((120 + 60 * np.cos(a)) / SIDE, (130 + 60 * np.sin(a)) / SIDE)
        for a in np.linspace(0, 2 * np.pi, 16, endpoint=False)
    )
    hints = (Region(kind="polygon", polygon=corners), points((130, 120)))
    assert iou(isolate(task(scene, ["shade", "bulb"], hints, 1)).visible, bulb) > 0.9
    assert iou(isolate(task(scene, ["shade", "bulb"], hints, 0)).visible, HEAD & ~bulb) > 0.95


def test_islands_within_a_part_belong_to_it() -> None:
    eyes = disc(140, 100, 7) | disc(140, 140, 7)
    scene = painted((HEAD, COLOURS["head"]), (eyes, (20, 20, 20)), (HAT, COLOURS["hat"]))
    hints = (Region(kind="polygon", polygon=HAT_CORNERS), points((165, 120)))
    head = isolate(task(scene, ["hat", "head"], hints, 1))
    assert head.visible[eyes].all()


def test_dark_eyes_that_hang_on_a_dark_hat_belong_to_the_head() -> None:
    eyes = disc(116, 100, 9) | disc(116, 140, 9) | rectangle(98, 110, 98, 102)
    scene = painted((HEAD, COLOURS["head"]), (HAT | eyes, COLOURS["hat"]))
    hints = (box(48, 135, 38, 202), box(98, 192, 58, 182))
    head = isolate(task(scene, ["hat", "head"], hints, 1))
    assert head.visible[eyes & ~HAT].mean() > 0.95
    assert iou(isolate(task(scene, ["hat", "head"], hints, 0)).visible, HAT) > 0.95


def test_points_claim_little_of_like_colour_in_the_box_of_another_part() -> None:
    bottle, stripe = rectangle(40, 200, 60, 130), rectangle(40, 200, 88, 102)
    hose = rectangle(60, 190, 160, 172)
    rgba, foreground = painted((bottle, (170, 30, 30)), (stripe | hose, (20, 20, 22)))
    lab = lab_from_rgb(np.ascontiguousarray(rgba[..., :3]))
    graph = build_superpixels(lab, foreground, 400)
    seeds = point_seeds(graph, points((100, 166)).points)
    everywhere = point_prior(graph, seeds, np.zeros(len(graph.area), dtype=bool))
    boxed = point_prior(graph, seeds, graph.mean(bottle.astype(float)) > 0.5)
    like, own = (graph.mean(mask.astype(float)) > 0.9 for mask in (stripe, hose))
    assert (boxed[like] < 0.5 * everywhere[like]).all()
    assert np.array_equal(boxed[own], everywhere[own])


@pytest.mark.parametrize("board_colour", [(200, 150, 80), (190, 170, 130), (215, 200, 170)])
def test_points_keep_their_shaded_area_in_the_box_of_another_part_but_not_that_part(
    board_colour: tuple[int, int, int],
) -> None:
    board, candle = rectangle(140, 210, 30, 210), rectangle(50, 190, 90, 150)
    rgba, foreground = painted((board, board_colour), (candle, (230, 222, 205)))
    shade = np.linspace(1.0, 0.7, 140)[:, None, None]
    rgba[50:190, 90:150, :3] = np.rint(rgba[50:190, 90:150, :3] * shade)
    hints = (box(138, 212, 28, 212), points((80, 105)))
    names = ["board", "candle"]
    assert iou(isolate(task((rgba, foreground), names, hints, 1)).visible, candle) > 0.8
    seen_board = isolate(task((rgba, foreground), names, hints, 0)).visible
    assert iou(seen_board, board & ~candle) > 0.8


def test_parts_that_nobody_named_belong_to_nobody() -> None:
    hints = (box(48, 102, 38, 202),)
    isolation = isolate(task(head_and_hat(), ["hat"], hints, 0))
    assert iou(isolation.visible, HAT) > 0.95


def test_nothing_left_for_a_part_says_what_to_do() -> None:
    regions = (Region(kind="polygon", polygon=((0, 0), (1, 0), (1, 1), (0, 1))), None)
    with pytest.raises(BackendError, match=r"part 'hat': nothing of the object.*give it a region"):
        isolate(task(head_and_hat(), ["head", "hat"], regions, 1))
    regions = (None, box(0, 20, 0, 20))
    with pytest.raises(BackendError, match="correct its region"):
        isolate(task(head_and_hat(), ["head", "hat"], regions, 1))


def test_same_input_gives_same_output() -> None:
    job = task(head_and_hat(), ["hat", "head"], HINTS["points"], 1, "bald under the hat")
    first, second = isolate(job), isolate(job)
    assert np.array_equal(first.rgba, second.rgba)
    assert np.array_equal(first.imagined, second.imagined)


def test_parts_of_one_image_share_one_division(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    divide = labelling.divide

    def counted(*arguments: object) -> labelling.Division:
        calls.append(1)
        return divide(*arguments)

    monkeypatch.setattr(labelling, "divide", counted)
    isolator = RegionIsolator(Settings())
    scene = head_and_hat()
    for index in (0, 1, 0):
        isolator.isolate(task(scene, ["hat", "head"], HINTS["boxes"], index), seed=index)
    assert len(calls) == 1
    isolator.isolate(task(scene, ["hat", "head"], HINTS["points"], 0), seed=0)
    assert len(calls) == 2
