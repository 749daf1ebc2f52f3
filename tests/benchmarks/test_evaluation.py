"""The evaluator gives the values of a plain loop over published formulas, object by object."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from evaluation.protocol import MMPART
from evaluation.scorecard import score_object

PROTOCOL = MMPART.model_copy(
    update={
        "points": 300,
        "whole_points": 600,
        "voxels": 16,
        "metrics": tuple(metric for metric in MMPART.metrics if metric != "appearance"),
    }
)


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))  # it is run from there
        yield importlib.import_module("benchmarks.evaluation")


def test_the_loop_and_the_evaluator_agree_on_every_value(benchmark: ModuleType) -> None:
    truth, prediction = benchmark.synthetic(3, detail=1)
    watch = benchmark.Stopwatch()
    loop = benchmark.loop_scores(truth, prediction, PROTOCOL, watch)
    rows = score_object(truth, prediction, (PROTOCOL,))
    assert {(row.level, row.name) for row in rows} == set(loop)
    assert benchmark.largest_difference(rows, loop)[0] <= benchmark.TOLERANCE
    assert {"chamfer", "volume_iou", "mutual_iou", "penetration"} <= set(watch.seconds)
    wrong = {**loop, ("part", "head"): {"chamfer": 0.5}}
    assert benchmark.largest_difference(rows, wrong)[1] == "part head chamfer"


def test_figures_come_at_ten_intervals_and_the_sample_is_spread(benchmark: ModuleType) -> None:
    few = PROTOCOL.model_copy(update={"metrics": ("bbox_iou",)})
    found = list(benchmark.scored_in_turn(range(20), 1, few))
    assert [each.objects for each in found] == list(range(2, 21, 2))
    per_object = found[0].rows / 2
    assert [each.rows for each in found] == [each.objects * per_object for each in found]
    assert [each.objects for each in benchmark.scored_in_turn(range(3), 1, few)] == [1, 2, 3]
    assert benchmark.spread(1000, 4) == [0, 333, 666, 999]
    assert benchmark.spread(2, 8) == [0, 1]
