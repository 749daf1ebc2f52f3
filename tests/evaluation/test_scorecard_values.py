"""Values of whole objects under protocols: laws, levels, hand-computed cases."""

import numpy as np
import pytest

from evaluation.metric_facts import metric_facts
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART, PRESETS, Protocol, describe_protocol
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh
from tests.evaluation.conftest import SMALL, Parts, moved, rows_of, scaled

BETTER = {"higher": 1.0, "lower": -1.0}


@pytest.mark.parametrize("name", list(PRESETS))
def test_identical_objects_are_perfect_under_every_preset(name: str, chair: Parts) -> None:
    rows = rows_of(chair, dict(reversed(chair.items())), SMALL[name])
    for row in rows.values():
        assert row.state == "scored"
        for metric, value in row.values.items():
            facts = metric_facts(metric, row.protocol)
            if metric.startswith(("mutual", "components")) or facts.better == "neither":
                continue
            best = 0.0 if facts.better == "lower" else 1.0
            assert value == pytest.approx(best, abs=1e-6), (row.level, row.name, metric)
        assert row.issues == row.missing == row.surplus == ()


@pytest.mark.parametrize("name", list(PRESETS))
def test_moving_both_together_changes_nothing(name: str, chair: Parts) -> None:
    made = {key: mesh.transformed(scaled(1.1)) for key, mesh in chair.items()}
    before = rows_of(chair, made, SMALL[name])
    # a quarter turn keeps boxes boxes; a shift by whole voxels keeps them in their cells
    motion = transforms.rotation_z(90.0).round(12)
    motion[:3, 3] = [3.0, -2.0, 1.0]
    after = rows_of(moved(chair, motion), moved(made, motion), SMALL[name])
    for key, row in before.items():
        for metric, value in row.values.items():
            loose = 0.03 if "iou" in metric or metric == "voxel_f" else 1e-6
            assert after[key].values[metric] == pytest.approx(value, abs=loose, rel=1e-6), metric


def test_order_of_parts_does_not_matter(chair: Parts) -> None:
    made = moved(chair, transforms.scale_then_translate(1.02, np.full(3, 0.05)))
    one = rows_of(chair, made, SMALL["mmpart"])
    other = rows_of(chair, dict(reversed(made.items())), SMALL["mmpart"])
    assert {key: row.values for key, row in one.items()} == {
        key: row.values for key, row in other.items()
    }


def test_a_larger_error_never_scores_better(chair: Parts) -> None:
    previous: dict[tuple[str, str], ScoreRow] | None = None
    center = np.array([4.0, 4.0, 4.0])
    for growth in (1.0, 1.02, 1.1, 1.4, 3.0, 50.0):
        made = moved(chair, transforms.scale_then_translate(growth, center - growth * center))
        rows = rows_of(chair, made, SMALL["mmpart"].model_copy(update={"matching": "name"}))
        for key, row in rows.items():
            for metric, value in row.values.items():
                facts = metric_facts(metric, row.protocol)
                if previous is None or facts.better == "neither" or metric.startswith("shape_"):
                    continue
                # growth turns nothing and parts drift apart from each other; which normals are
                # near is chance once a part is far off
                if metric.startswith(("rotation", "mutual", "normal")):
                    continue
                gain = BETTER[facts.better] * (value - previous[key].values[metric])
                assert gain <= 1e-9, (key, metric, growth)
        previous = rows


def test_placement_and_shape_are_told_apart(chair: Parts) -> None:
    moved = chair["seat"].transformed(
        transforms.scale_then_translate(1.0, np.array([0.0, 0.0, 1.6]))
    )
    row = rows_of(chair, {**chair, "seat": moved}, SMALL["mmpart"])[("part", "seat")]
    diagonal = np.linalg.norm([4.0, 4.0, 8.0])
    assert row.values["centroid_error_pct"] == pytest.approx(100 * 1.6 / diagonal)
    assert row.values["scale_error_pct"] == pytest.approx(0.0)
    assert row.values["rotation_error_deg"] == pytest.approx(0.0, abs=1e-6)
    assert row.values["bbox_iou"] == 0.0
    # 1.6 units are 0.4 of the frame, where 8 units span 2: the large faces are that far apart
    assert row.values["f_0.1"] < 0.2
    assert row.values["shape_f_0.02"] == 1.0
    assert row.values["shape_chamfer"] == pytest.approx(0.0, abs=1e-9)
    assert row.values["shape_volume_iou"] == 1.0


def test_parts_are_not_normalised_on_their_own(chair: Parts) -> None:
    doubled = {
        name: mesh.transformed(
            transforms.scale_then_translate(2.0, -(mesh.vertices.max(0) + mesh.vertices.min(0)) / 2)
        )
        for name, mesh in chair.items()
    }
    row = rows_of(chair, doubled, SMALL["mmpart"])[("part", "seat")]
    extent = np.linalg.norm([4.0, 4.0, 0.5])
    assert row.values["scale_error_pct"] == pytest.approx(
        100 * extent / np.linalg.norm([4.0, 4.0, 8.0])
    )


def test_a_turned_part_has_a_rotation_error(chair: Parts) -> None:
    back = chair["back"]
    center = (back.vertices.max(0) + back.vertices.min(0)) / 2
    turn = transforms.scale_then_translate(1.0, center) @ transforms.rotation_z(20.0)
    turned = back.transformed(turn @ transforms.scale_then_translate(1.0, -center))
    row = rows_of(chair, {**chair, "back": turned}, SMALL["mmpart"])[("part", "back")]
    assert row.values["rotation_error_deg"] == pytest.approx(20.0, abs=0.5)
    assert row.values["centroid_error_pct"] == pytest.approx(0.0, abs=1e-6)


def test_groups_are_unions_of_one_label(chair: Parts) -> None:
    # the legs are swapped: each is wrong, together they are right
    swapped = {**chair, "leg_1": chair["leg_2"], "leg_2": chair["leg_1"]}
    rows = rows_of(chair, swapped, SMALL["mmpart"])
    assert rows[("part", "leg_1")].values["f_0.1"] == 0.0
    assert rows[("group", "leg")].values["chamfer"] < 0.05
    assert rows[("group", "leg")].values["f_0.1"] == 1.0
    assert rows[("object", "chair")].values["f_0.1"] == 1.0


def test_open_truth_is_compared_as_shells_and_says_so(chair: Parts) -> None:
    seat = chair["seat"]
    top = seat.vertices[seat.faces][:, :, 2].min(axis=1) > 3.4
    opened = {**chair, "seat": TriangleMesh(seat.vertices, seat.faces[~top])}
    row = rows_of(opened, opened, SMALL["mmpart"])[("part", "seat")]
    assert "open true surface: occupancy compares shells" in row.flags
    assert row.values["volume_iou"] == 1.0
    assert row.values["watertight"] == 0.0
    closed = rows_of(chair, chair, SMALL["mmpart"])[("part", "seat")]
    assert closed.flags == ()
    # rows of failures count among shells and solids too, and presets without filled cells do not
    assert (row.values["open_truth"], closed.values["open_truth"]) == (1.0, 0.0)
    lost = rows_of(opened, None, SMALL["mmpart"])
    told = {key: each.values["open_truth"] for key, each in lost.items() if key[0] == "part"}
    assert told == {("part", name): float(name == "seat") for name in chair}
    assert lost[("object", "chair")].values["open_truth"] == 1.0
    for preset in ("holopart", "midi"):
        assert "open_truth" not in rows_of(opened, opened, SMALL[preset])[("part", "seat")].values


def test_a_planar_part_keeps_its_box_through_rounding_and_loses_it_with_a_shift(
    chair: Parts,
) -> None:
    corners = np.array([[2.0, 2.0, 3.5], [6.0, 2.0, 3.5], [6.0, 6.0, 3.5], [2.0, 6.0, 3.5]])
    sheet = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]))
    truth = {**chair, "seat": sheet}
    diagonal = float(np.linalg.norm([4.0, 4.0, 8.0]))

    def overlap(offset: np.ndarray) -> float:
        made = {**truth, "seat": TriangleMesh(corners + offset, sheet.faces)}
        return rows_of(truth, made, SMALL["sam3dpart"])[("part", "seat")].values["bbox_iou"]

    rounding = np.random.default_rng(0).uniform(-1e-8, 1e-8, (4, 3))
    assert overlap(rounding) == pytest.approx(1.0, abs=1e-4)
    sideways = overlap(np.array([0.05 * diagonal, 0.0, 0.0]))
    assert sideways == pytest.approx((4.0 - 0.05 * diagonal) / (4.0 + 0.05 * diagonal), abs=1e-3)
    rising = [overlap(np.array([0.0, 0.0, share * diagonal])) for share in (0.0, 2e-4, 5e-4, 2e-3)]
    assert rising == pytest.approx([1.0, 0.8 / 1.2, 0.5 / 1.5, 0.0], abs=1e-6)


def test_rows_carry_their_protocol_and_become_tables(chair: Parts) -> None:
    row = rows_of(chair, chair, SMALL["sculpt"])[("object", "chair")]
    flat = row.flat()
    assert Protocol.model_validate_json(flat["protocol_json"]) == SMALL["sculpt"]
    assert flat["chamfer"] == row.values["chamfer"]
    assert ScoreRow.model_validate_json(row.model_dump_json()) == row
    assert "squared" in describe_protocol(SMALL["sculpt"])


def test_seeds_give_equal_rows_and_protocols_share_their_work(chair: Parts) -> None:
    made = moved(chair, transforms.scale_then_translate(1.01, np.full(3, 0.02)))
    truth, prediction = GroundTruthObject("c", chair), Prediction("c", made)
    together = score_object(truth, prediction, list(SMALL.values()))
    alone = [row for p in SMALL.values() for row in score_object(truth, prediction, [p])]
    assert together == alone
    other_seed = SMALL["mmpart"].model_copy(update={"seed": 1})
    again = score_object(truth, prediction, [other_seed])
    assert again[0].values["chamfer"] != alone[0].values["chamfer"]


def test_default_protocol_is_the_one_written_down() -> None:
    assert (MMPART.points, MMPART.whole_points) == (10_000, 50_000)
    assert MMPART.taus == (0.1, 0.05, 0.02)
    assert (MMPART.frame, MMPART.alignment, MMPART.voxels) == ("truth_box", "none", 64)
    assert (MMPART.squared, MMPART.reduction, MMPART.norm) == (False, "sum", "l2")
    assert set(PRESETS) == {
        "mmpart", "partcrafter", "holopart", "xpart", "midi", "sculpt", "sam3dpart",
    }  # fmt: skip
