"""Each preset on cases worked out by hand, or by the published way of computing them."""

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from evaluation.functional import sample_surface
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import PRESETS
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry import transforms
from mmpart_core.geometry.surface import TriangleMesh

Parts = dict[str, TriangleMesh]
MakeBox = Callable[..., TriangleMesh]


def _score(preset: str, truth: Parts, made: Parts, **changes: object) -> dict[str, ScoreRow]:
    protocol = PRESETS[preset].model_copy(update=changes)
    rows = score_object(GroundTruthObject("o", truth), Prediction("o", made), [protocol])
    # a group of one part bears its name; parts come first
    return {row.name: row for row in reversed(rows)}


def _shift(x: float, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    return transforms.scale_then_translate(1.0, np.array([x, y, z]))


def _joined(parts: Parts) -> trimesh.Trimesh:
    return trimesh.util.concatenate(
        [trimesh.Trimesh(m.vertices, m.faces, process=False) for m in parts.values()]
    )


def test_partcrafter_whole_object_as_its_script_computes_it(chair: Parts) -> None:
    made = {name: mesh.transformed(_shift(0.1, 0.0, 0.2)) for name, mesh in chair.items()}
    made["back"] = made["back"].transformed(_shift(0.0, 0.0, 0.5))
    clouds = []
    for parts in (made, chair):
        mesh = _joined(parts)
        low, high = mesh.bounds
        vertices = (mesh.vertices - (low + high) / 2) * (2.0 / (high - low).max())
        clouds.append(sample_surface(vertices, mesh.faces, 10_000, 0)[0])
    d1, d2 = cKDTree(clouds[1]).query(clouds[0])[0], cKDTree(clouds[0]).query(clouds[1])[0]
    precision, recall = (d1 < 0.1).mean(), (d2 < 0.1).mean()
    values = _score("partcrafter", chair, made)["o"].values
    assert values["chamfer"] == pytest.approx(d1.mean() + d2.mean(), abs=1e-9)
    assert values["f_0.1"] == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-9)


def test_partcrafter_contact_numbers_through_its_protocol(box: MakeBox) -> None:
    cases = {
        0.0154: {"a": box((-1, -1, -1), (0, 1, 1)), "b": box((0, -1, -1), (1, 1, 1))},
        0.3333: {"a": box((-1, -1, -0.02), (1, 1, 0.0)), "b": box((-1, -1, 0.0), (1, 1, 0.02))},
    }
    for expected, parts in cases.items():
        values = _score("partcrafter", parts, parts, whole_points=500)["o"].values
        assert values["mutual_iou"] == pytest.approx(expected, abs=5e-4)
    # a plate of 0.02 on a box of 0.5: centred as the protocol does, it covers one layer of cells
    parts = {"a": box((-1, -1, -0.26), (1, 1, 0.24)), "b": box((-1, -1, 0.24), (1, 1, 0.26))}
    values = _score("partcrafter", parts, parts, whole_points=500)["o"].values
    assert values["mutual_iou"] == pytest.approx(0.056, abs=5e-3)


def test_holopart_takes_manhattan_distance_and_voxels_of_points(chair: Parts) -> None:
    made = {name: mesh.transformed(_shift(0.2, 0.1)) for name, mesh in chair.items()}
    row = _score("holopart", chair, made, points=3000)["seat"]
    center, scale = np.array([4.0, 4.0, 4.0]), 2.0 / 8.0
    points, true = (
        (sample_surface(parts["seat"].vertices, parts["seat"].faces, 3000, 0)[0] - center) * scale
        for parts in (made, chair)
    )
    table = [np.abs(p - true).sum(1).min() for p in points]
    back = [np.abs(p - points).sum(1).min() for p in true]
    assert row.values["chamfer"] == pytest.approx(np.mean(table) + np.mean(back), abs=1e-9)
    cells = [set(map(tuple, np.rint(cloud * 32).astype(int).tolist())) for cloud in (points, true)]
    both, either = len(cells[0] & cells[1]), len(cells[0] | cells[1])
    assert row.values["volume_iou"] == pytest.approx(both / either)
    assert row.values["voxel_f"] == pytest.approx(2 * both / (len(cells[0]) + len(cells[1])))


def test_holopart_averages_over_successes_with_the_rate_beside(chair: Parts) -> None:
    made = {name: mesh for name, mesh in chair.items() if name != "back"}
    rows = _score("holopart", chair, made, points=1000)
    assert rows["back"].state == "failed"
    assert rows["back"].values == {}
    assert set(rows["back"].unscored) == {"chamfer", "volume_iou", "voxel_f"}
    assert rows["o"].values["success_rate"] == 0.75
    assert rows["o"].missing == ("back",)


@pytest.mark.parametrize("angle", [90.0, 180.0, 270.0])
def test_xpart_takes_the_best_quarter_turn(angle: float, chair: Parts) -> None:
    turned = {n: m.transformed(transforms.rotation_z(angle)) for n, m in chair.items()}
    values = _score("xpart", chair, turned, whole_points=3000)["o"].values
    assert values["chamfer"] == pytest.approx(0.0, abs=1e-6)
    assert values["f_0.05"] == 1.0
    tilted = {n: m.transformed(transforms.rotation_z(45.0)) for n, m in chair.items()}
    assert _score("xpart", chair, tilted, whole_points=3000)["o"].values["chamfer"] > 0.05


def test_midi_squares_after_icp_and_takes_boxes_before_it(chair: Parts) -> None:
    made = {name: mesh.transformed(_shift(0.3)) for name, mesh in chair.items()}
    rows = _score("midi", chair, made, whole_points=4000, points=1000)
    seat = rows["seat"].values
    assert seat["bbox_iou"] == pytest.approx(3.7 / 4.3)
    assert rows["o"].values["chamfer"] < 0.3**2
    unaligned = _score("midi", chair, made, whole_points=4000, points=1000, alignment="none")
    assert rows["o"].values["chamfer"] < unaligned["o"].values["chamfer"]
    assert rows["o"].values["f_0.1"] > unaligned["o"].values["f_0.1"]


def test_midi_chamfer_is_a_sum_of_mean_squares(box: MakeBox) -> None:
    truth = {"a": box((0, 0, 0), (1, 1, 1))}
    made = {"a": box((0, 0, 0), (1, 1, 1.5))}
    found = _score("midi", truth, made, whole_points=1500, alignment="none")["o"].values
    clouds = [
        sample_surface(parts["a"].vertices, parts["a"].faces, 1500, 0)[0] for parts in (made, truth)
    ]
    d1, d2 = cKDTree(clouds[1]).query(clouds[0])[0], cKDTree(clouds[0]).query(clouds[1])[0]
    assert found["chamfer"] == pytest.approx((d1**2).mean() + (d2**2).mean(), abs=1e-12)


def test_sculpt_pairs_by_shape_whatever_names_say(chair: Parts) -> None:
    names = list(chair)
    renamed = dict(zip(names[1:] + names[:1], chair.values(), strict=True))
    rows = _score("sculpt", chair, renamed, points=1500, whole_points=1500)
    assert rows["seat"].matched == names[1]
    assert rows["seat"].values["f_0.05"] == 1.0
    assert rows["leg"].level == "group"
    assert rows["leg"].values["chamfer"] == pytest.approx(0.0, abs=1e-9)


def test_sam3dpart_scales_the_true_box_to_a_half(box: MakeBox) -> None:
    # 0.6 of 8 units is 0.075 where the longest side spans 1, and 0.15 where it spans 2
    truth = {"plate": box((0, 0, 0), (8, 8, 0.01)), "post": box((3, 3, 0.01), (4, 4, 8))}
    made = {**truth, "plate": truth["plate"].transformed(_shift(0.0, 0.0, 0.6))}
    values = _score("sam3dpart", truth, made, points=3000)["plate"].values
    assert (values["f_0.1"], values["f_0.05"]) == (1.0, 0.0)
    assert values["chamfer"] == pytest.approx(2 * 0.6 / 8, rel=0.01)
    spans_two = _score("sculpt", truth, made, points=3000, matching="name")["plate"]
    assert spans_two.values["f_0.1"] == 0.0
    assert spans_two.values["chamfer"] == pytest.approx(2 * (2 * 0.6 / 8) ** 2, rel=0.02)
    assert values["bbox_iou"] == 0.0
