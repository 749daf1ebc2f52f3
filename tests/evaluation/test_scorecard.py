"""Whole objects under protocols: laws, levels, hand-computed cases."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from evaluation.metric_facts import metric_facts
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART, PRESETS, Protocol, describe_protocol
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh

Parts = dict[str, TriangleMesh]
MakeBox = Callable[..., TriangleMesh]
SMALL = {
    name: preset.model_copy(update={"points": 2000, "whole_points": 3000})
    for name, preset in PRESETS.items()
}
BETTER = {"higher": 1.0, "lower": -1.0}


def _rows(
    truth: Parts, made: Parts | None, protocol: Protocol, **facts: object
) -> dict[tuple[str, str], ScoreRow]:
    prediction = None if made is None else Prediction("chair", made, **facts)
    rows = score_object(GroundTruthObject("chair", truth), prediction, [protocol])
    return {(row.level, row.name): row for row in rows}


def _moved(parts: Parts, matrix: np.ndarray) -> Parts:
    return {name: mesh.transformed(matrix) for name, mesh in parts.items()}


@pytest.mark.parametrize("name", list(PRESETS))
def test_identical_objects_are_perfect_under_every_preset(name: str, chair: Parts) -> None:
    rows = _rows(chair, dict(reversed(chair.items())), SMALL[name])
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
    made = {key: mesh.transformed(_scaled(1.1)) for key, mesh in chair.items()}
    before = _rows(chair, made, SMALL[name])
    # a quarter turn keeps boxes boxes; a shift by whole voxels keeps them in their cells
    motion = transforms.rotation_z(90.0).round(12)
    motion[:3, 3] = [3.0, -2.0, 1.0]
    after = _rows(_moved(chair, motion), _moved(made, motion), SMALL[name])
    for key, row in before.items():
        for metric, value in row.values.items():
            loose = 0.03 if "iou" in metric or metric == "voxel_f" else 1e-6
            assert after[key].values[metric] == pytest.approx(value, abs=loose, rel=1e-6), metric


def _scaled(factor: float) -> np.ndarray:
    return transforms.scale_then_translate(factor, np.zeros(3))


def test_order_of_parts_does_not_matter(chair: Parts) -> None:
    made = _moved(chair, transforms.scale_then_translate(1.02, np.full(3, 0.05)))
    one = _rows(chair, made, SMALL["mmpart"])
    other = _rows(chair, dict(reversed(made.items())), SMALL["mmpart"])
    assert {key: row.values for key, row in one.items()} == {
        key: row.values for key, row in other.items()
    }


def test_a_larger_error_never_scores_better(chair: Parts) -> None:
    previous: dict[tuple[str, str], ScoreRow] | None = None
    center = np.array([4.0, 4.0, 4.0])
    for growth in (1.0, 1.02, 1.1, 1.4, 3.0, 50.0):
        made = _moved(chair, transforms.scale_then_translate(growth, center - growth * center))
        rows = _rows(chair, made, SMALL["mmpart"].model_copy(update={"matching": "name"}))
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
    row = _rows(chair, {**chair, "seat": moved}, SMALL["mmpart"])[("part", "seat")]
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
    row = _rows(chair, doubled, SMALL["mmpart"])[("part", "seat")]
    extent = np.linalg.norm([4.0, 4.0, 0.5])
    assert row.values["scale_error_pct"] == pytest.approx(
        100 * extent / np.linalg.norm([4.0, 4.0, 8.0])
    )


def test_a_turned_part_has_a_rotation_error(chair: Parts) -> None:
    back = chair["back"]
    center = (back.vertices.max(0) + back.vertices.min(0)) / 2
    turn = transforms.scale_then_translate(1.0, center) @ transforms.rotation_z(20.0)
    turned = back.transformed(turn @ transforms.scale_then_translate(1.0, -center))
    row = _rows(chair, {**chair, "back": turned}, SMALL["mmpart"])[("part", "back")]
    assert row.values["rotation_error_deg"] == pytest.approx(20.0, abs=0.5)
    assert row.values["centroid_error_pct"] == pytest.approx(0.0, abs=1e-6)


def test_groups_are_unions_of_one_label(chair: Parts) -> None:
    # the legs are swapped: each is wrong, together they are right
    swapped = {**chair, "leg_1": chair["leg_2"], "leg_2": chair["leg_1"]}
    rows = _rows(chair, swapped, SMALL["mmpart"])
    assert rows[("part", "leg_1")].values["f_0.1"] == 0.0
    assert rows[("group", "leg")].values["chamfer"] < 0.05
    assert rows[("group", "leg")].values["f_0.1"] == 1.0
    assert rows[("object", "chair")].values["f_0.1"] == 1.0


def test_parts_without_names_are_paired_by_shape(chair: Parts) -> None:
    nameless = {f"part_{i}": mesh for i, mesh in enumerate(reversed(chair.values()))}
    rows = _rows(chair, nameless, SMALL["mmpart"])
    assert rows[("part", "seat")].matched == "part_3"
    assert rows[("part", "seat")].matched_by == "shape"
    assert rows[("part", "seat")].values["f_0.02"] == 1.0
    whole = rows[("object", "chair")]
    assert whole.values["name_accuracy"] == 0.0
    assert whole.values["success_rate"] == 1.0
    by_box = _rows(chair, nameless, SMALL["sam3dpart"])
    assert by_box[("part", "back")].matched_by == "box"
    assert by_box[("part", "back")].values["bbox_iou"] == pytest.approx(1.0)


def test_open_truth_is_compared_as_shells_and_says_so(chair: Parts) -> None:
    seat = chair["seat"]
    top = seat.vertices[seat.faces][:, :, 2].min(axis=1) > 3.4
    opened = {**chair, "seat": TriangleMesh(seat.vertices, seat.faces[~top])}
    row = _rows(opened, opened, SMALL["mmpart"])[("part", "seat")]
    assert "open true surface: occupancy compares shells" in row.flags
    assert row.values["volume_iou"] == 1.0
    assert row.values["watertight"] == 0.0
    closed = _rows(chair, chair, SMALL["mmpart"])[("part", "seat")]
    assert closed.flags == ()
    # rows of failures count among shells and solids too, and presets without filled cells do not
    assert (row.values["open_truth"], closed.values["open_truth"]) == (1.0, 0.0)
    lost = _rows(opened, None, SMALL["mmpart"])
    told = {key: each.values["open_truth"] for key, each in lost.items() if key[0] == "part"}
    assert told == {("part", name): float(name == "seat") for name in chair}
    assert lost[("object", "chair")].values["open_truth"] == 1.0
    for preset in ("holopart", "midi"):
        assert "open_truth" not in _rows(opened, opened, SMALL[preset])[("part", "seat")].values


def test_a_planar_part_keeps_its_box_through_rounding_and_loses_it_with_a_shift(
    chair: Parts,
) -> None:
    corners = np.array([[2.0, 2.0, 3.5], [6.0, 2.0, 3.5], [6.0, 6.0, 3.5], [2.0, 6.0, 3.5]])
    sheet = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]]))
    truth = {**chair, "seat": sheet}
    diagonal = float(np.linalg.norm([4.0, 4.0, 8.0]))

    def overlap(offset: np.ndarray) -> float:
        made = {**truth, "seat": TriangleMesh(corners + offset, sheet.faces)}
        return _rows(truth, made, SMALL["sam3dpart"])[("part", "seat")].values["bbox_iou"]

    rounding = np.random.default_rng(0).uniform(-1e-8, 1e-8, (4, 3))
    assert overlap(rounding) == pytest.approx(1.0, abs=1e-4)
    sideways = overlap(np.array([0.05 * diagonal, 0.0, 0.0]))
    assert sideways == pytest.approx((4.0 - 0.05 * diagonal) / (4.0 + 0.05 * diagonal), abs=1e-3)
    rising = [overlap(np.array([0.0, 0.0, share * diagonal])) for share in (0.0, 2e-4, 5e-4, 2e-3)]
    assert rising == pytest.approx([1.0, 0.8 / 1.2, 0.5 / 1.5, 0.0], abs=1e-6)


@pytest.mark.parametrize("frame", ["unit_sphere", "unit_box", "half_box", "own"])
def test_predictions_in_their_own_frame_are_brought_to_the_truth(frame: str, chair: Parts) -> None:
    used = np.concatenate([mesh.vertices for mesh in chair.values()])
    low, high = used.min(0), used.max(0)
    center = (low + high) / 2
    size = {
        "unit_sphere": np.linalg.norm(used - center, axis=1).max(),
        "unit_box": (high - low).max() / 2,
        "half_box": (high - low).max(),
        "own": 0.123,
    }[frame]
    to_frame = transforms.scale_then_translate(1 / size, -center / size)
    azimuth = 90.0 if frame != "own" else 0.0
    made = _moved(chair, transforms.rotation_z(-azimuth) @ to_frame)
    rows = _rows(chair, made, SMALL["mmpart"], frame=frame, azimuth_deg=azimuth)
    for row in rows.values():
        if "f_0.02" in row.values:
            assert row.values["f_0.02"] == 1.0
            assert row.values["chamfer"] == pytest.approx(0.0, abs=1e-9)
    assert rows[("object", "chair")].issues == ()


def test_wrong_axes_and_scale_are_suspected_and_change_no_score(as_surface) -> None:
    horse = {
        "body": as_surface(trimesh.creation.box((3.0, 1.0, 0.8))),
        "neck": as_surface(
            trimesh.creation.box((0.4, 0.4, 2.0)).apply_translation([1.3, 0.0, 1.2])
        ),
    }
    tipped = _moved(horse, transforms.GLTF_FROM_WORLD)
    rows = _rows(horse, tipped, SMALL["mmpart"])
    whole = rows[("object", "chair")]
    assert len(whole.hints) == 1
    # the world's +Z up written as if it were glTF's: the file must be turned by -90 about X
    assert "wrong axes suspected: fits better turned by" in whole.hints[0]
    assert whole.values["f_0.1"] < 0.7
    large = _rows(horse, _moved(horse, _scaled(100.0)), SMALL["mmpart"])[("object", "chair")]
    assert large.hints == (
        "chair: scale suspected: the prediction's box is 100 times the truth's; see --frame",
    )
    assert large.values["f_0.1"] < 0.05
    assert large.values["volume_iou"] == 0.0


def test_rows_carry_their_protocol_and_become_tables(chair: Parts) -> None:
    row = _rows(chair, chair, SMALL["sculpt"])[("object", "chair")]
    flat = row.flat()
    assert Protocol.model_validate_json(flat["protocol_json"]) == SMALL["sculpt"]
    assert flat["chamfer"] == row.values["chamfer"]
    assert ScoreRow.model_validate_json(row.model_dump_json()) == row
    assert "squared" in describe_protocol(SMALL["sculpt"])


def test_seeds_give_equal_rows_and_protocols_share_their_work(chair: Parts) -> None:
    made = _moved(chair, transforms.scale_then_translate(1.01, np.full(3, 0.02)))
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


def test_a_glb_written_z_up_is_told_by_angle_axis_and_what_to_do(chair) -> None:
    # a file's (x, y, z) with z up, read as glTF: what is up for it lies along glTF's +Z
    swap = np.eye(4)
    swap[:3, :3] = transforms.WORLD_FROM_GLTF[:3, :3]
    made = _moved(chair, swap)
    for source, advice in (
        ("chair.glb", "glTF is +Y up, whatever --up says: write it so"),
        ("chair.ply", "see --up"),
        ("chair", "see --up, for formats other than glTF"),
    ):
        (hint,) = _rows(chair, made, SMALL["mmpart"], source=source)[("object", "chair")].hints
        assert "turned by " in hint
        assert hint.startswith(f"{source}: wrong axes suspected")
        assert hint.endswith(f"written Z up? {advice}"), hint


def test_a_prediction_far_away_is_told(chair) -> None:
    away = np.eye(4)
    away[:3, 3] = [60.0, 0.0, 0.0]
    (hint,) = _rows(chair, _moved(chair, away), SMALL["mmpart"])[("object", "chair")].hints
    assert "does not touch the truth's and lies 7.5 times its longest side away" in hint


def test_names_are_judged_by_shape_where_parts_are_paired_by_name(chair) -> None:
    exchanged = {**chair, "leg_1": chair["leg_2"], "leg_2": chair["leg_1"]}
    rows = _rows(chair, exchanged, SMALL["mmpart"])
    assert rows[("part", "leg_1")].matched == "leg_1"
    whole = rows[("object", "chair")]
    assert whole.values["name_accuracy"] == 0.5
    assert whole.hints == (
        "chair: names of 'leg_1' and 'leg_2' look exchanged: each fits the other's truth better",
    )
    turned = dict(zip(chair, [*list(chair.values())[1:], chair["seat"]], strict=True))
    whole = _rows(chair, turned, SMALL["mmpart"])[("object", "chair")]
    assert whole.values["name_accuracy"] == 0.0
    assert len(whole.hints) == 4
    assert (
        "chair: name of 'seat' looks wrong: 'leg_2' fits the truth of 'seat' better"
        in (whole.hints[0])
    )


def test_names_are_believed_where_shapes_do_not_contradict(chair, as_surface) -> None:
    # coarse work: each part is a ball about its own box
    balls = {
        name: as_surface(
            trimesh.creation.icosphere(radius=0.3).apply_translation(
                (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2.0
            )
        )
        for name, mesh in chair.items()
    }
    whole = _rows(chair, balls, SMALL["mmpart"])[("object", "chair")]
    assert (whole.values["name_accuracy"], whole.hints) == (1.0, ())
    # parts that coincide fit each other alike
    twins = {"left": chair["seat"], "right": chair["seat"], "back": chair["back"]}
    whole = _rows(twins, twins, SMALL["mmpart"])[("object", "chair")]
    assert (whole.values["name_accuracy"], whole.hints) == (1.0, ())
