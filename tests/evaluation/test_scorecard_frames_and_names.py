"""Frames and names of predictions: what is brought to the truth, paired, suspected and told."""

from collections.abc import Sequence

import numpy as np
import pytest
import trimesh

from evaluation.matching import NameCheck, PairScore, check_names
from mmpart_core.geometry import transforms
from tests.evaluation.conftest import SMALL, Parts, moved, rows_of, scaled


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
    rows = rows_of(chair, moved(chair, to_frame), SMALL["mmpart"], frame=frame)
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
    tipped = moved(horse, transforms.GLTF_FROM_WORLD)
    rows = rows_of(horse, tipped, SMALL["mmpart"])
    whole = rows[("object", "chair")]
    assert len(whole.hints) == 1
    # the world's +Z up written as if it were glTF's: the file must be turned by -90 about X
    assert "wrong axes suspected: fits better turned by" in whole.hints[0]
    assert whole.values["f_0.1"] < 0.7
    large = rows_of(horse, moved(horse, scaled(100.0)), SMALL["mmpart"])[("object", "chair")]
    assert large.hints == (
        "chair: scale suspected: the prediction's box is 100 times the truth's; see --frame",
    )
    assert large.values["f_0.1"] < 0.05
    assert large.values["volume_iou"] == 0.0


def test_a_glb_written_z_up_is_told_by_angle_axis_and_what_to_do(chair) -> None:
    # a file's (x, y, z) with z up, read as glTF: what is up for it lies along glTF's +Z
    swap = np.eye(4)
    swap[:3, :3] = transforms.WORLD_FROM_GLTF[:3, :3]
    made = moved(chair, swap)
    for source, advice in (
        ("chair.glb", "glTF is +Y up, whatever --up says: write it so"),
        ("chair.ply", "see --up"),
        ("chair", "see --up, for formats other than glTF"),
    ):
        (hint,) = rows_of(chair, made, SMALL["mmpart"], source=source)[("object", "chair")].hints
        assert "turned by " in hint
        assert hint.startswith(f"{source}: wrong axes suspected")
        assert hint.endswith(f"written Z up? {advice}"), hint


def test_a_prediction_far_away_is_told(chair) -> None:
    away = np.eye(4)
    away[:3, 3] = [60.0, 0.0, 0.0]
    (hint,) = rows_of(chair, moved(chair, away), SMALL["mmpart"])[("object", "chair")].hints
    assert "does not touch the truth's and lies 7.5 times its longest side away" in hint


def test_parts_without_names_are_paired_by_shape(chair: Parts) -> None:
    nameless = {f"part_{i}": mesh for i, mesh in enumerate(reversed(chair.values()))}
    rows = rows_of(chair, nameless, SMALL["mmpart"])
    assert rows[("part", "seat")].matched == "part_3"
    assert rows[("part", "seat")].matched_by == "shape"
    assert rows[("part", "seat")].values["f_0.02"] == 1.0
    whole = rows[("object", "chair")]
    assert whole.values["name_accuracy"] == 0.0
    assert whole.values["success_rate"] == 1.0
    by_box = rows_of(chair, nameless, SMALL["sam3dpart"])
    assert by_box[("part", "back")].matched_by == "box"
    assert by_box[("part", "back")].values["bbox_iou"] == pytest.approx(1.0)


def test_names_are_judged_by_shape_where_parts_are_paired_by_name(chair) -> None:
    exchanged = {**chair, "leg_1": chair["leg_2"], "leg_2": chair["leg_1"]}
    rows = rows_of(chair, exchanged, SMALL["mmpart"])
    assert rows[("part", "leg_1")].matched == "leg_1"
    whole = rows[("object", "chair")]
    assert whole.values["name_accuracy"] == 0.5
    assert whole.hints == (
        "chair: names of 'leg_1' and 'leg_2' look exchanged: each fits the other's truth better",
    )
    turned = dict(zip(chair, [*list(chair.values())[1:], chair["seat"]], strict=True))
    whole = rows_of(chair, turned, SMALL["mmpart"])[("object", "chair")]
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
    whole = rows_of(chair, balls, SMALL["mmpart"])[("object", "chair")]
    assert (whole.values["name_accuracy"], whole.hints) == (1.0, ())
    # parts that coincide fit each other alike
    twins = {"left": chair["seat"], "right": chair["seat"], "back": chair["back"]}
    whole = rows_of(twins, twins, SMALL["mmpart"])[("object", "chair")]
    assert (whole.values["name_accuracy"], whole.hints) == (1.0, ())


def test_names_are_judged_only_where_a_protocol_takes_them(
    chair: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[int] = []

    def counted(truth: Sequence[str], prediction: Sequence[str], fit: PairScore) -> NameCheck:
        judged.append(len(truth))
        return check_names(truth, prediction, fit)

    monkeypatch.setattr("evaluation.scorecard.check_names", counted)
    whole = rows_of(chair, chair, SMALL["sam3dpart"])[("object", "chair")]
    assert "name_accuracy" not in whole.values
    assert judged == []
    assert rows_of(chair, chair, SMALL["mmpart"])[("object", "chair")].values["name_accuracy"] == 1
    assert judged == [len(chair)]
