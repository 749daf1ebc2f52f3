"""Summaries against hand-computed tables, and laws."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.protocol import Protocol
from evaluation.reporting.bootstrap import BootstrapOptions, mean_intervals
from evaluation.reporting.summary import FAILURE_RATE, LevelSummary, summarize
from evaluation.reporting.summary_files import summary_markdown, write_summary
from evaluation.rows import ScoreRow

FEW = BootstrapOptions(resamples=200)
PROTOCOL = Protocol(name="small", taus=(0.1,), metrics=("chamfer", "f_score"))


def _all(rows: list[ScoreRow], level: str = "part") -> LevelSummary:
    found = summarize(rows, options=FEW)
    return next(each for each in found if each.level == level and each.category is None)


def test_counts_rates_and_means(small_rows: list[ScoreRow]) -> None:
    summary = _all(small_rows)
    assert (summary.rows, summary.objects) == (6, 3)
    assert (summary.scored, summary.failed, summary.unscored) == (4, 1, 1)
    assert summary.failure_rate == pytest.approx(1 / 5)
    score = summary.metric("f_0.1")
    assert score is not None
    # failures at their worst: (1 + .5 + .8 + 0 + .4) / 5; successes only: 2.7 / 4
    assert score.count == 5
    assert score.mean == pytest.approx(0.54)
    assert score.median == pytest.approx(0.5)
    assert score.successes == 4
    assert score.success_mean == pytest.approx(0.675)
    rate = summary.metric(FAILURE_RATE)
    assert rate is not None
    assert rate.mean == pytest.approx(0.2)


def test_categories(small_rows: list[ScoreRow]) -> None:
    found = {each.category: each for each in summarize(small_rows, options=FEW)}
    assert set(found) == {None, "chair", "lamp"}
    assert found["chair"].failure_rate == 0.0
    assert found["lamp"].failure_rate == 0.5
    lamp = found["lamp"].metric("f_0.1")
    assert lamp is not None
    assert lamp.mean == pytest.approx(0.2)
    assert lamp.interval is None  # one object says nothing about others


def test_a_failed_row_without_a_value_counts_at_the_worst(row: Callable[..., ScoreRow]) -> None:
    protocol = Protocol(name="p", metrics=("appearance",))
    rows = [
        row("a", "a", 0.0, level="object", values={"lpips": 0.2}, protocol=protocol),
        row("b", "b", None, level="object", protocol=protocol).model_copy(update={"values": {}}),
    ]
    lpips = _all(rows, "object").metric("lpips")
    assert lpips is not None
    assert lpips.mean == pytest.approx(0.6)  # (0.2 + 1.0) / 2
    assert lpips.success_mean == pytest.approx(0.2)


def test_a_protocol_of_successes_only_averages_over_successes(
    row: Callable[..., ScoreRow],
) -> None:
    protocol = Protocol(name="p", failure_policy="successes_only")
    failed = row("b", "x", None, protocol=protocol).model_copy(update={"values": {}})
    summary = _all([row("a", "x", 0.8, protocol=protocol), failed])
    score = summary.metric("f_0.1")
    assert score is not None
    assert (score.count, score.mean) == (1, pytest.approx(0.8))
    assert summary.failure_rate == 0.5


def test_shells_are_told_by_the_open_truth_of_a_row_not_by_its_flags(
    row: Callable[..., ScoreRow],
) -> None:
    rows = [
        row("a", "x", 0.0, values={"volume_iou": 0.2, "open_truth": 1.0}),
        row("a", "y", 0.0, values={"volume_iou": 0.8, "open_truth": 0.0}, flags=("open true",)),
        row("b", "x", 0.0, values={"volume_iou": 0.6}),  # from points: nothing is filled
        row("b", "y", None, values={"volume_iou": 0.0, "open_truth": 1.0}),
    ]
    split = _all(rows).split("volume_iou")
    assert split is not None
    assert (split.shells, split.shell_mean) == (1, 0.2)
    assert (split.solids, split.solid_mean) == (2, pytest.approx(0.7))


def test_protocols_and_data_sets_are_kept_apart(row: Callable[..., ScoreRow]) -> None:
    other = PROTOCOL.model_copy(update={"seed": 1})
    rows = [row("a", "x", 1.0), row("a", "x", 0.0, protocol=other)]
    assert [_.metric("f_0.1").mean for _ in summarize(rows)] == [1.0, 0.0]  # type: ignore[union-attr]
    same_id = [row("a", "x", 1.0, dataset="one"), row("a", "x", 0.0, dataset="two")]
    assert _all(same_id).objects == 2


values = st.lists(
    st.tuples(st.sampled_from("abcd"), st.one_of(st.none(), st.floats(0.0, 1.0))),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(items=values, order=st.randoms())
def test_order_of_rows_changes_nothing(row, items, order) -> None:
    rows = [row(name, str(i), value, category=name) for i, (name, value) in enumerate(items)]
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert summarize(rows, options=FEW) == summarize(shuffled, options=FEW)


@settings(max_examples=25, deadline=None)
@given(items=values, which=st.integers(0, 11))
def test_failing_can_only_worsen(row, items, which) -> None:
    rows = [row(name, str(i), value) for i, (name, value) in enumerate(items)]
    worse = list(rows)
    index = which % len(rows)
    worse[index] = row(rows[index].object_id, rows[index].name, None)
    before, after = _all(rows), _all(worse)
    assert after.metric("f_0.1").mean <= before.metric("f_0.1").mean + 1e-12
    assert after.failure_rate >= before.failure_rate
    added = _all([*rows, row("e", "x", None)])
    assert added.metric("f_0.1").mean <= before.metric("f_0.1").mean + 1e-12


def test_interval_of_independent_objects_is_that_of_the_theory() -> None:
    rng = np.random.default_rng(3)
    drawn = rng.normal(0.5, 0.1, 400)
    by_object = {f"{i:03d}": [float(value)] for i, value in enumerate(drawn)}
    interval = mean_intervals({"m": by_object})["m"]
    assert interval is not None
    half = 1.96 * drawn.std() / np.sqrt(400)
    assert interval.low == pytest.approx(drawn.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(drawn.mean() + half, abs=0.1 * half)


def test_objects_are_drawn_not_parts() -> None:
    # ten parts that always agree within their object carry no more than one
    one = {str(i): [float(i % 2)] for i in range(20)}
    ten = {name: values * 10 for name, values in one.items()}
    assert mean_intervals({"m": ten}) == mean_intervals({"m": one})


def test_interval_is_seeded_and_steady_where_all_agree() -> None:
    given_values = {"m": {"a": [0.1], "b": [0.4], "c": [0.9]}, "k": {"a": [0.5], "b": [0.5, 0.5]}}
    first = mean_intervals(given_values, BootstrapOptions(seed=1))
    assert first == mean_intervals(given_values, BootstrapOptions(seed=1))
    assert first["k"] is not None
    assert (first["k"].low, first["k"].high) == (0.5, 0.5)


def test_summary_files(tmp_path: Path, small_rows: list[ScoreRow]) -> None:
    summaries = summarize(small_rows, options=FEW)
    write_summary(tmp_path, summaries)
    frame = pd.read_csv(tmp_path / "summary.csv", keep_default_na=False)
    line = frame[(frame["category"] == "") & (frame["metric"] == "f_0.1")].iloc[0]
    assert float(line["mean"]) == pytest.approx(0.54)
    assert float(line["success_mean"]) == pytest.approx(0.675)
    stored = json.loads((tmp_path / "summary.json").read_text())
    assert stored[0]["metrics"]["f_0.1"]["mean"] == pytest.approx(0.54)
    assert Protocol.model_validate(stored[0]["protocol"]) == PROTOCOL
    text = (tmp_path / "summary.md").read_text()
    assert text == summary_markdown(summaries)
    assert "| F@0.1 ↑ | 0.540 |" in text
    assert "6 rows of 3 objects: 4 scored, 1 failed (20.0 %), 1 unscored." in text
    assert "mean over successes only" in text
    assert "Protocol small:" in text
