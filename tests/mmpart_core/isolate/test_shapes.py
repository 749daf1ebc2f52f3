"""Occlusion, completion and texture, each on shapes with a known answer."""

import numpy as np
import pytest

from mmpart_core.isolate import completion, occlusion, symmetry, texture
from mmpart_core.isolate.occlusion import named_components, occluders

SIDE = 160


def grid() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return rows, columns


def disc(row: float, column: float, radius: float) -> np.ndarray:
    rows, columns = grid()
    return (rows - row) ** 2 + (columns - column) ** 2 < radius**2


def labelled(*layers: np.ndarray) -> np.ndarray:
    labels = np.zeros((SIDE, SIDE), np.int32)
    for number, mask in enumerate(layers, start=1):
        labels[mask] = number
    return labels


def bar(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    rows, columns = grid()
    return (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)


@pytest.mark.parametrize(
    ("back", "front"),
    [
        (disc(90, 80, 45), bar(30, 70, 20, 140)),
        (bar(70, 90, 10, 150), disc(80, 80, 35)),
        (disc(80, 60, 40), disc(80, 105, 40)),
        (disc(80, 80, 50), disc(85, 75, 15)),
    ],
    ids=["hat on head", "ball before bar", "two coins", "nose in face"],
)
def test_what_is_in_front_is_told_both_ways(back: np.ndarray, front: np.ndarray) -> None:
    labels = labelled(back, front)
    assert np.array_equal(occluders(labels, 1, words=False), labels == 2)
    assert not occluders(labels, 2, words=False).any()


def test_parts_that_only_meet_hide_nothing() -> None:
    labels = labelled(bar(20, 80, 40, 120), bar(80, 140, 40, 120))
    assert not occluders(labels, 1, words=False).any()
    assert not occluders(labels, 2, words=False).any()


def test_in_doubt_only_the_part_that_words_name_is_in_front() -> None:
    labels = labelled(bar(60, 100, 40, 120), bar(100, 140, 40, 120), bar(20, 60, 40, 120))
    assert not occluders(labels, 1, words=False).any()
    assert not occluders(labels, 1, words=True).any()
    assert np.array_equal(occluders(labels, 1, words=True, named=[3]), labels == 3)


def test_words_do_not_turn_clear_shapes_around() -> None:
    labels = labelled(disc(90, 80, 45), bar(30, 70, 20, 140))
    assert not occluders(labels, 2, words=True, named=[1]).any()


def test_rim_under_a_lid_rises_as_high_as_it_is_seen() -> None:
    body, lid = bar(60, 150, 40, 120), bar(20, 60, 30, 130)
    done = completion.complete_shape(body, lid, max_growth=2.0, bold=False, bulge=0.3)
    rows = np.flatnonzero(done.mask.any(axis=1))
    assert 60 - rows[0] == pytest.approx(0.3 * 40, abs=3)
    half_ellipse = np.pi / 2 * 40 * 12
    assert done.mask.sum() == pytest.approx(half_ellipse, rel=0.15)


def test_thin_part_along_its_cover_stays_thin() -> None:
    tube, cover = bar(20, 140, 60, 66), bar(10, 150, 66, 130)
    done = completion.complete_shape(tube, cover, max_growth=9.0, bold=False, bulge=0.6)
    assert not done.mask[:, 72:].any()


def test_colours_come_from_beyond_the_contact_shadow_and_small_features() -> None:
    rgb = np.full((SIDE, SIDE, 3), 180, np.uint8)
    rgb[80:90] = 90  # shadow along the cut
    rgb[disc(105, 60, 5)] = 0  # an eye
    visible, imagined = bar(80, 155, 20, 140), bar(40, 80, 20, 140)
    painted = texture.paint(rgb, visible, imagined, None, rim_px=1)
    assert np.abs(painted[imagined] - 180).max() < 12


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("the head under the HAT is bald", [0]),
        ("what he hates", []),
        ("behind both wheels", [1]),
        ("帽子の下は禿げている", [2]),
    ],
)
def test_components_named_in_words(words: str, found: list[int]) -> None:
    assert named_components(words, ["hat", "wheel", "帽子"]) == found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("the chest behind the beard", [0]),
        ("what the left arm hides", [1]),
        ("under the arms", []),
        ("its hair and what is to the right", [0]),
        ("this and that", []),
    ],
)
def test_a_head_noun_that_only_one_name_has_speaks_of_it(words: str, found: list[int]) -> None:
    assert named_components(words, ["hair and beard", "left arm", "right arm"]) == found


@pytest.mark.parametrize(
    ("words", "names", "found"),
    [
        ("the left side of the chest is bare", ["left arm", "chest"], [1]),
        ("the back is smooth", ["back wheel", "body"], []),
        ("a floor with a rug, the same below", ["table with legs", "floor"], [1]),
        ("the legs that the cloth hides", ["table with legs", "cloth"], [1]),
        ("what the table hides", ["table with legs", "floor"], [0]),
        ("the part behind the panel", ["upper parts", "door panels", "glass panel"], []),
        ("the other side", ["right side", "far side of the roof"], []),
        ("the arm below", ["arms", "left arm"], []),
        ("beneath the saddle and the bags", ["saddle, bridle and bags", "horse"], [0]),
        ("the lid below the knob", ["lid (round)", "knob of the lid"], [1]),
        ("the man's face below the hat", ["straw hat", "man with beard"], [0, 1]),
        ("what the arm of 12 hides", ["arm_2", "body 12"], [0]),
        ("what the lid and the cup hide", ["lid_of_cup", "spoon"], [0]),
        ("behind the cup", ["lid_of_cup", "spoon"], []),
        ("le côté gauche de la poitrine", ["bras gauche", "poitrine"], [1]),
        ("die Brust unter dem Bart", ["Haare und Bart", "linker Arm"], []),
        ("ce que le bras gauche cache", ["bras gauche", "poitrine"], [0]),
        ("左腕の後ろの胸", ["左腕", "右腕", "胸"], [0, 2]),
        ("голова под шляпой", ["шляпа", "голова"], [1]),
    ],
)
def test_words_of_place_and_of_additions_name_nothing(
    words: str, names: list[str], found: list[int]
) -> None:
    assert named_components(words, names) == found


@pytest.mark.parametrize("bold", [True, False])
def test_disc_behind_a_bar_is_closed(bold: bool) -> None:
    whole, cover = disc(80, 80, 50), bar(60, 100, 0, SIDE)
    done = completion.complete_shape(whole & ~cover, cover, max_growth=2.0, bold=bold)
    assert not (done.mask & ~cover).any()
    shape = (whole & ~cover) | done.mask
    assert (shape & whole).sum() / (shape | whole).sum() > 0.96


def test_boldness_carries_the_outline_beyond_the_hull() -> None:
    whole, cover = disc(90, 80, 50), bar(20, 88, 0, SIDE)
    visible = whole & ~cover
    shy, bold = (
        completion.complete_shape(visible, cover, max_growth=2.0, bold=b).mask
        for b in (False, True)
    )
    hidden = whole & cover
    assert (bold & hidden).sum() > 0.6 * hidden.sum()
    assert (shy & hidden).sum() < (bold & hidden).sum()
    assert (bold & ~whole).sum() < 0.35 * hidden.sum()


def test_nothing_in_front_means_nothing_imagined() -> None:
    done = completion.complete_shape(
        disc(80, 80, 40), np.zeros((SIDE, SIDE), dtype=bool), max_growth=1.0, bold=True
    )
    assert not done.mask.any()


def test_mirror_image_completes_what_smoothness_cannot() -> None:
    ears = disc(40, 45, 22) | disc(40, 115, 22)
    whole = disc(95, 80, 50) | ears
    cover = disc(35, 120, 34)
    mirror = symmetry.find_mirror(whole & ~cover, cover)
    assert mirror is not None
    assert mirror @ [45.0, 40.0, 1.0] == pytest.approx([115.0, 40.0], abs=3.0)
    done = completion.complete_shape(whole & ~cover, cover, max_growth=1.0, bold=False)
    hidden = whole & cover
    assert (done.mask & hidden).sum() > 0.85 * hidden.sum()


def test_lopsided_shape_has_no_mirror() -> None:
    shape = bar(20, 140, 20, 60) | bar(110, 140, 20, 140) | disc(40, 90, 18)
    assert symmetry.find_mirror(shape, np.zeros_like(shape)) is None


def test_smooth_fill_keeps_known_colours_and_their_gradient() -> None:
    rows, columns = grid()
    image = np.stack([rows, columns, np.full_like(rows, 50)], axis=-1).astype(np.float32)
    known = ~disc(80, 80, 20)
    filled = texture.fill_smoothly(image, known)
    assert np.array_equal(filled[known], image[known])
    assert np.abs(filled - image).max() < 16


def test_paint_keeps_texture_behind_the_cover() -> None:
    rng = np.random.default_rng(0)
    grain = rng.integers(90, 170, (SIDE, SIDE, 1)).repeat(3, axis=2).astype(np.uint8)
    visible, imagined = bar(0, 160, 0, 90), bar(0, 160, 90, 130)
    painted = texture.paint(grain, visible, imagined, None, rim_px=1)
    inside = bar(5, 155, 95, 125)
    assert abs(painted[inside].mean() - 130) < 6
    assert painted[inside].std() > 0.5 * grain[visible].std()


def test_paint_copies_the_mirror_image() -> None:
    rows, columns = grid()
    symmetric = np.stack([abs(columns - 79.5), rows, rows], axis=-1).astype(np.uint8)
    mirror = np.array([[-1.0, 0.0, 159.0], [0.0, 1.0, 0.0]])
    visible, imagined = bar(0, 160, 0, 100), bar(0, 160, 100, 160)
    painted = texture.paint(symmetric, visible, imagined, mirror, rim_px=1)
    assert np.abs(painted - symmetric)[imagined].max() < 1.5


def test_hull_of_nothing_is_nothing() -> None:
    assert not occlusion.hull(np.zeros((5, 5), dtype=bool)).any()
