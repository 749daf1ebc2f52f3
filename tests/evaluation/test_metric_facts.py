"""Facts about columns: costs keep their units, unknown ones are refused."""

import pytest

from evaluation.appearance import INPUT_METRICS, VIEW_METRICS
from evaluation.metric_facts import COST_METRICS, metric_facts
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.photo import PHOTO_METRICS
from evaluation.protocol import MMPART, PRESETS, SAM3DPART, describe_protocol
from evaluation.scorecard import score_object
from mmpart_core.geometry import transforms


@pytest.mark.parametrize(
    ("metric", "unit"),
    [("seconds", "s"), ("gpu_seconds", "s"), ("cost_usd", "USD"), ("tokens", "tokens"),
     ("peak_memory_mib", "MiB"), ("peak_gpu_memory_mib", "MiB"), ("mesh_s", "s"),
     ("mesh_gpu_s", "s"), ("isolate_usd", "USD"), ("plan_tokens", "tokens"),
     ("reconstruct_mib", "MiB")],
)  # fmt: skip
def test_costs_have_units_and_no_worst_value(metric: str, unit: str) -> None:
    facts = metric_facts(metric, MMPART)
    assert (facts.unit, facts.better, facts.worst) == (unit, "neither", None)


def test_facts_say_what_was_taken_before_and_after_an_alignment() -> None:
    midi = PRESETS["midi"]
    assert metric_facts("bbox_iou", midi).words.endswith("boxes, before alignment")
    assert metric_facts("chamfer", midi).words == "Chamfer distance, after alignment"
    assert metric_facts("f_0.1", PRESETS["xpart"]).words.endswith(", after alignment")
    told = describe_protocol(midi)
    assert "rigid icp; distances, normals and occupancy are taken after it, boxes, " in told
    assert "placement, overlaps of parts and renders before it" in told
    for metric in ("bbox_iou", "chamfer", "f_0.1"):
        assert "alignment" not in metric_facts(metric, MMPART).words
    assert "Alignment: none." in describe_protocol(MMPART)
    assert "before it" not in describe_protocol(MMPART)


def test_every_metric_that_depends_on_where_the_prediction_stands_says_where() -> None:
    aligned = MMPART.model_copy(update={"alignment": "rigid_icp"})
    renders = (*VIEW_METRICS, *INPUT_METRICS, *PHOTO_METRICS, "clip_text")
    placed = ("centroid_error_pct", "scale_error_pct", "rotation_error_deg", "bbox_iou",
              "mutual_iou", "mutual_iou_max")  # fmt: skip
    for metric in (*renders, *placed):
        assert metric_facts(metric, aligned).words.endswith(", before alignment"), metric
    for metric in ("chamfer", "f_0.1", "normal_consistency", "volume_iou", "voxel_f"):
        assert metric_facts(metric, aligned).words.endswith(", after alignment"), metric
    # rigid motions of a whole change none of these
    for metric in ("penetration_pct", "watertight", "components", "shape_chamfer", "seconds"):
        assert "alignment" not in metric_facts(metric, aligned).words, metric


def test_a_turned_prediction_is_turned_back_for_what_is_taken_after_alignment(chair) -> None:
    turn = transforms.rotation_z(90.0)
    protocol = PRESETS["xpart"].model_copy(
        update={"points": 2000, "whole_points": 2000,
                "metrics": ("chamfer", "normal_consistency", "volume_iou", "bbox_iou",
                            "placement", "mutual_iou", "penetration")}
    )  # fmt: skip
    made = {name: mesh.transformed(turn) for name, mesh in chair.items()}
    truth = GroundTruthObject("c", chair)
    apart = score_object(truth, Prediction("c", made, frame="own"), [protocol])
    (back,) = (row for row in apart if row.name == "back")
    same = score_object(truth, Prediction("c", chair), [protocol])
    for row, own in zip(apart, same, strict=True):
        for metric, value in own.values.items():
            standing = metric_facts(metric, protocol).standing
            if standing != "before":
                assert row.values[metric] == pytest.approx(value, abs=1e-6), (row.name, metric)
    assert back.values["bbox_iou"] < 0.9


def test_the_formula_of_chamfer_follows_the_protocol() -> None:
    assert metric_facts("chamfer", MMPART).formula == "mean d(p, T) + mean d(t, P)"
    assert metric_facts("chamfer", PRESETS["midi"]).formula == "mean d^2(p, T) + mean d^2(t, P)"
    halved = MMPART.model_copy(update={"reduction": "mean"})
    assert metric_facts("chamfer", halved).formula.startswith("half of mean d(p, T)")
    assert metric_facts("shape_volume_iou", MMPART).words.endswith("each part in its own box")


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(KeyError):
        metric_facts("loveliness", MMPART)


def test_what_is_known_of_the_cost_is_in_the_row_and_the_rest_is_absent(chair) -> None:
    protocol = SAM3DPART.model_copy(update={"points": 200, "whole_points": 200})
    cost = {"seconds": 4.0, "plan_tokens": 812.0, "tokens": 812.0, "gpu_seconds": 0.0}
    rows = score_object(
        GroundTruthObject("c", chair), Prediction("c", chair, cost=cost), [protocol]
    )
    whole = rows[-1].values
    assert {name: whole[name] for name in cost} == cost  # a known 0 stays 0
    absent = {*COST_METRICS} - {*cost}
    assert absent == {"cost_usd", "peak_memory_mib", "peak_gpu_memory_mib"}
    assert not absent & {*whole}
    assert not {*cost} & {*rows[0].values}
