"""What the commands print fits a terminal of 80 columns."""

import io
from itertools import pairwise
from typing import Any

import pytest
from rich.console import Console

from evaluation.protocol import MMPART
from evaluation.reporting.bootstrap import Interval
from evaluation.reporting.summary import LEVELS, LevelSummary, MetricSummary
from flows.cli_evaluate_run import print_summaries
from flows.cli_run import report
from mmpart_core import pipeline
from mmpart_core.config import PipelineConfig
from mmpart_core.storage.opening import open_store

METRICS = ("failure_rate", "chamfer", "f_0.05", "volume_iou", "bbox_iou", "normal_consistency")


def summary(name: str) -> MetricSummary:
    interval = Interval(low=0.012345, high=0.123456)
    return MetricSummary(name, 9, 0.054321, interval, 9, 9, 0.054321, 0.05)


def test_means_and_intervals_of_three_levels_do_not_wrap() -> None:
    metrics = tuple(map(summary, METRICS))
    levels = [LevelSummary(MMPART, level, None, 1200, 300, 1200, 0, 0, metrics) for level in LEVELS]
    out = io.StringIO()
    print_summaries(Console(file=out, width=80), levels)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("normal consistency" in line for line in lines) == 1
    number, interval = next((one, two) for one, two in pairwise(lines) if "F@0.05" in one)
    assert number.count("0.054") == 3
    assert interval.count("[0.012, 0.123]") == 3


def test_a_run_ends_with_the_parts_that_fit_the_image_badly(
    request_of: Any,
    counting_config: PipelineConfig,
    store_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = open_store(store_url)
    made = pipeline.generate_object(request_of(), config=counting_config, store=store, seed=0)
    told = io.StringIO()
    report(made, {"object.glb": "out/object.glb"}, Console(file=told, width=80), False, 1.0)
    assert capsys.readouterr().out.splitlines()[-1] == "out/object.glb"
    last = told.getvalue().splitlines()[-1]
    assert last.startswith("note: 2 parts fit the image badly (silhouette IoU below 0.80): '")
    silent = io.StringIO()
    report(made, {}, Console(file=silent), True, 1.0)
    assert (silent.getvalue(), capsys.readouterr().out) == ("", "")
