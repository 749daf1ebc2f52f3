"""The regions isolator draws each part whole: hidden areas completed, edges soft, alpha kept."""

import numpy as np

from tests.mmpart_core.isolate.conftest import (
    COLOURS,
    HAT,
    HEAD,
    HINTS,
    disc,
    head_and_hat,
    iou,
    isolate,
    painted,
    points,
    task,
)


def test_hidden_area_is_completed_behind_the_occluder_only() -> None:
    scene = head_and_hat()
    isolation = isolate(
        task(scene, ["hat", "head"], HINTS["boxes"], 1, "the head under the hat is bald")
    )
    assert isolation.imagined.any()
    assert not (isolation.imagined & ~HAT).any()
    assert not (isolation.imagined & isolation.visible).any()
    whole = isolation.visible | isolation.imagined
    assert iou(whole, HEAD) > iou(isolation.visible, HEAD) + 0.1
    assert iou(whole, HEAD) > 0.9


def test_front_part_is_not_completed() -> None:
    scene = head_and_hat()
    isolation = isolate(task(scene, ["hat", "head"], HINTS["boxes"], 0))
    assert isolation.imagined.sum() < 0.02 * HAT.sum()


def test_hole_under_an_enclosed_part_is_closed_with_its_colour() -> None:
    scene = painted((HEAD, COLOURS["head"]), (disc(130, 120, 15), COLOURS["body"]))
    hints = (points((100, 100)), points((130, 120)))
    isolation = isolate(task(scene, ["head", "nose"], hints, 0))
    assert iou(isolation.visible | isolation.imagined, HEAD) > 0.97
    middle = isolation.rgba[128:133, 118:123].astype(float).mean(axis=(0, 1))
    assert np.abs(middle[:3] - COLOURS["head"]).max() < 15
    assert middle[3] == 255


def test_completion_is_bounded_by_the_setting() -> None:
    job = task(head_and_hat(), ["hat", "head"], HINTS["boxes"], 1, "bald under the hat")
    bounded, none = isolate(job, max_growth=0.05), isolate(job, max_growth=0.0)
    assert 0 < bounded.imagined.sum() <= 0.06 * bounded.visible.sum()
    assert not none.imagined.any()


def test_words_that_cannot_be_followed_are_warned_of() -> None:
    job = task(head_and_hat(), ["hat", "head"], HINTS["boxes"], 1, "bald under the hat")
    assert any("cannot read the words" in warning for warning in isolate(job).warnings)
    alone = task(painted((HEAD, COLOURS["head"])), ["head"], [None], 0, "bald")
    (warning,) = [each for each in isolate(alone).warnings if "no other part is in" in each]
    assert "give regions" not in warning
    front = task(head_and_hat(), ["hat", "head"], HINTS["boxes"], 0, "the inside is hollow")
    (warning,) = isolate(front).warnings
    assert warning.startswith("part 'hat': no other part is in front of it, so ")
    assert "does not use the words" in warning
    assert ";" not in warning
    bare = task(painted((HEAD, COLOURS["head"])), ["head", "hat"], [HINTS["boxes"][1], None], 0,
                "bald")  # fmt: skip
    assert any("give regions to both (without: hat)" in each for each in isolate(bare).warnings)


def test_edges_are_soft_and_clean_and_the_outside_is_clear() -> None:
    isolation = isolate(task(head_and_hat(), ["hat", "head"], HINTS["boxes"], 0))
    alpha = isolation.rgba[..., 3]
    assert ((alpha > 20) & (alpha < 235)).any()
    assert not isolation.rgba[alpha == 0].any()
    shown = isolation.rgba[alpha > 100][:, :3].astype(float)
    assert np.abs(shown - COLOURS["hat"]).max() < 40  # no fringe of background or head


def test_alpha_of_the_source_is_kept() -> None:
    rgba, foreground = painted((HEAD, COLOURS["head"]))
    rgba[..., 3] = np.where(foreground, 180, 0)
    isolation = isolate(task((rgba, foreground), ["head"], [None], 0))
    assert isolation.rgba[..., 3].max() == 180
