"""Facts about columns: costs keep their units, unknown ones are refused."""

import pytest

from evaluation.metric_facts import COST_METRICS, metric_facts
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART, PRESETS, SAM3DPART, describe_protocol
from evaluation.scorecard import score_object


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
    assert "boxes, placement and renders before it" in describe_protocol(midi)
    for metric in ("bbox_iou", "chamfer", "f_0.1"):
        assert "alignment" not in metric_facts(metric, MMPART).words
    assert "before it" not in describe_protocol(MMPART)


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
