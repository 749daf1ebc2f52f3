"""What others fell into, and bad data: reported, never fatal, never better."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluation.metric_facts import metric_facts
from evaluation.objects import DataIssue, GroundTruthObject, Prediction
from evaluation.protocol import PRESETS, Protocol
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry.surface import TriangleMesh

Parts = dict[str, TriangleMesh]
MMPART = PRESETS["mmpart"].model_copy(update={"points": 1000, "whole_points": 1500})
PARTCRAFTER = PRESETS["partcrafter"].model_copy(update={"whole_points": 1500})

DUMMY = TriangleMesh(np.zeros((1, 3)), np.zeros((1, 3), dtype=np.int64))
SLIVER = TriangleMesh(np.eye(3) * 1e-3, np.array([[0, 1, 2]]))
EMPTY = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64))
OUT_OF_RANGE = TriangleMesh(np.eye(3), np.array([[0, 1, 7], [0, 1, 2]]))


def _not_a_number(mesh: TriangleMesh) -> TriangleMesh:
    vertices = mesh.vertices.copy()
    vertices[0] = np.nan
    return TriangleMesh(vertices, mesh.faces)


def _score(
    truth: Parts, made: Parts | None, protocol: Protocol = MMPART, **facts: object
) -> dict[tuple[str, str], ScoreRow]:
    prediction = None if made is None else Prediction("o", made, source="o.glb", **facts)
    rows = score_object(GroundTruthObject("o", truth, source="truth.glb"), prediction, [protocol])
    return {(row.level, row.name): row for row in rows}


def _worse_or_equal(metric: str, value: float, than: float) -> bool:
    better = metric_facts(metric, MMPART).better
    return value <= than + 1e-9 if better == "higher" else value >= than - 1e-9


@pytest.mark.parametrize("protocol", [MMPART, PARTCRAFTER], ids=["mmpart", "partcrafter"])
def test_a_dummy_triangle_does_not_improve_mutual_iou(
    protocol: Protocol, box: Callable[..., TriangleMesh]
) -> None:
    # two parts that share half their volume
    made = {"a": box((0, 0, 0), (2, 1, 1)), "b": box((1, 0, 0), (3, 1, 1))}
    honest = _score(made, made, protocol)[("object", "o")].values["mutual_iou"]
    for stand_in in (DUMMY, SLIVER, EMPTY):
        row = _score(made, {**made, "b": stand_in}, protocol)[("object", "o")]
        assert row.values["mutual_iou"] == 1.0 > honest
        assert row.values["success_rate"] == 0.5


def test_one_part_has_no_mutual_iou_instead_of_a_perfect_one(
    box: Callable[..., TriangleMesh],
) -> None:
    single = {"a": box((0, 0, 0), (1, 1, 1))}
    for protocol in (MMPART, PARTCRAFTER):
        row = _score(single, single, protocol)[("object", "o")]
        assert "mutual_iou" not in row.values
        assert "no pair" in row.unscored["mutual_iou"]
    assert "penetration_pct" not in _score(single, single)[("object", "o")].values


def test_contact_is_no_penetration(box: Callable[..., TriangleMesh]) -> None:
    plates = {"a": box((-1, -1, -0.02), (1, 1, 0)), "b": box((-1, -1, 0), (1, 1, 0.02))}
    values = _score(plates, plates)[("object", "o")].values
    assert values["mutual_iou"] > 0.3
    assert values["penetration_pct"] == 0.0
    crossing = {"a": box((-1, -1, 0), (1, 1, 1)), "b": box((-1, -1, 0.5), (1, 1, 1.5))}
    values = _score(crossing, crossing)[("object", "o")].values
    assert values["penetration_pct"] == pytest.approx(50.0)


@pytest.mark.parametrize("bad", [DUMMY, SLIVER, EMPTY, OUT_OF_RANGE, "nan", "missing"], ids=repr)
def test_a_bad_part_is_a_failure_at_the_worst_value_with_its_file(
    bad: TriangleMesh | str, chair: Parts
) -> None:
    made = dict(chair)
    if isinstance(bad, TriangleMesh):
        made["back"] = bad
    elif bad == "nan":
        made["back"] = _not_a_number(chair["back"])
    else:
        del made["back"]
    rows = _score(chair, made)
    good = _score(chair, chair)
    failed = rows[("part", "back")]
    assert failed.state == "failed"
    assert failed.reason
    assert failed.values["open_truth"] == 0.0
    for metric, value in failed.values.items():
        assert value == metric_facts(metric, MMPART).worst or metric == "open_truth", metric
    assert set(failed.values) == set(good[("part", "back")].values) - {"components"}
    for name in ("seat", "leg_1", "leg_2"):
        assert rows[("part", name)].values == good[("part", name)].values
    whole = rows[("object", "o")]
    assert whole.values["success_rate"] == 0.75
    assert whole.missing == ("back",)
    for metric, value in whole.values.items():
        assert _worse_or_equal(metric, value, good[("object", "o")].values[metric]), metric
    if bad != "missing":
        assert any("o.glb" in issue and "back" in issue for issue in whole.issues)


def test_no_prediction_is_a_failed_object_at_the_worst(chair: Parts) -> None:
    for preset in PRESETS.values():
        rows = _score(chair, None, preset)
        assert {row.state for row in rows.values()} == {"failed"}
        whole = rows[("object", "o")]
        assert whole.values["success_rate"] == 0.0
        assert "no prediction" in whole.reason
        if preset.failure_policy == "worst":
            for row in rows.values():
                for metric, value in row.values.items():
                    if metric == "open_truth":
                        continue
                    facts = metric_facts(metric, preset, 8.0 if preset.name == "midi" else (
                        1.0 if preset.name == "sam3dpart" else 2.0))  # fmt: skip
                    assert value == pytest.approx(facts.worst), metric


def test_a_failure_is_never_better_than_any_result(chair: Parts) -> None:
    far = {name: TriangleMesh(mesh.vertices + 1000.0, mesh.faces) for name, mesh in chair.items()}
    by_name = MMPART.model_copy(update={"matching": "name"})
    placed, failed = _score(chair, far, by_name), _score(chair, None, by_name)
    for key, row in failed.items():
        for metric, worst in row.values.items():
            if metric in placed[key].values:
                assert _worse_or_equal(metric, worst, placed[key].values[metric]), metric
    assert any("was cut" in flag for flag in placed[("part", "seat")].flags)


def test_unscored_is_neither_0_nor_nan(chair: Parts) -> None:
    broken = {**chair, "back": _not_a_number(chair["back"])}
    rows = _score(broken, chair)
    row = rows[("part", "back")]
    assert row.state == "unscored"
    assert row.values == {}
    whole = rows[("object", "o")]
    assert any("truth.glb" in issue and "back" in issue for issue in whole.issues)
    assert whole.values["success_rate"] == 1.0
    nothing = _score({"a": EMPTY}, chair)
    assert nothing[("object", "o")].state == "unscored"
    assert nothing[("object", "o")].values == {}


def test_declared_failures_keep_their_reason(chair: Parts) -> None:
    made = {name: mesh for name, mesh in chair.items() if name != "seat"}
    rows = _score(chair, made, failures={"seat": "reconstruct: the views disagree"})
    assert rows[("part", "seat")].reason == "reconstruct: the views disagree"
    assert rows[("part", "seat")].state == "failed"


def test_surplus_parts_are_reported_and_cost_precision(chair: Parts) -> None:
    extra = TriangleMesh(chair["seat"].vertices + np.array([0.0, 0.0, 3.0]), chair["seat"].faces)
    rows = _score(chair, {**chair, "roof": extra})
    whole, good = rows[("object", "o")], _score(chair, chair)[("object", "o")]
    assert whole.surplus == ("roof",)
    assert whole.values["part_count_error"] == 1.0
    assert whole.values["f_0.05"] < good.values["f_0.05"]
    assert whole.values["name_accuracy"] == 1.0


def test_all_parts_on_one_heap_do_not_look_good(chair: Parts) -> None:
    # each part normalised on its own would not notice
    heap = {
        name: TriangleMesh(
            mesh.vertices - (mesh.vertices.max(0) + mesh.vertices.min(0)) / 2 + 4.0, mesh.faces
        )
        for name, mesh in chair.items()
    }
    rows = _score(chair, heap)
    assert np.mean([rows[("part", name)].values["f_0.02"] for name in chair]) < 0.3
    assert rows[("object", "o")].values["mutual_iou"] > 0.03


def test_issues_of_the_loaders_reach_the_object_row(chair: Parts) -> None:
    truth = GroundTruthObject("o", chair, issues=(DataIssue("a.obj", "cannot be read", "arm"),))
    rows = score_object(truth, Prediction("o", chair), [MMPART])
    assert rows[-1].issues == ("a.obj, part 'arm': cannot be read",)
