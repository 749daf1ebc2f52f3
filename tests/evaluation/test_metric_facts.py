"""Facts about columns: costs keep their units, unknown ones are refused."""

import pytest

from evaluation.metric_facts import COST_METRICS, metric_facts
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART, SAM3DPART
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
