"""Paired differences against hand-computed tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.protocol import Protocol
from evaluation.reporting.compare import MetricDifference, compare_reports, compare_rows
from evaluation.reporting.compare_text import comparison_frame, comparison_markdown
from evaluation.reporting.tables import ROWS_FILE, write_rows
from evaluation.rows import ScoreRow
from mmpart_core.errors import InputError

Row = Callable[..., ScoreRow]


def _f(first: list[ScoreRow], second: list[ScoreRow]) -> MetricDifference:
    (level,) = compare_rows(first, second)
    return next(each for each in level.metrics if each.metric == "f_0.1")


def test_differences_are_paired_and_failures_count(row: Row) -> None:
    first = [row("a", "x", 0.5), row("a", "y", 0.5), row("b", "x", 0.6), row("c", "x", 0.9)]
    second = [row("b", "x", None), row("a", "y", 0.9), row("a", "x", 0.7), row("d", "x", 1.0)]
    (level,) = compare_rows(first, second)
    assert (level.pairs, level.only_first, level.only_second) == (3, 1, 1)
    rate, score = level.metrics
    # (+0.2 +0.4 -0.6) / 3 = 0
    assert score.difference == pytest.approx(0.0)
    assert score.first_mean == pytest.approx(1.6 / 3)
    assert score.verdict == "no clear difference"
    assert rate.metric == "failure_rate"
    assert rate.difference == pytest.approx(1 / 3)


def test_a_steady_gain_is_clear_although_objects_differ_widely(row: Row) -> None:
    first = [row(str(i), "x", i / 20) for i in range(12)]
    second = [row(str(i), "x", i / 20 + 0.01 + 0.001 * (i % 3)) for i in range(12)]
    found = _f(first, second)
    assert found.verdict == "better"
    assert found.interval is not None
    assert 0.01 <= found.interval.low <= found.difference <= found.interval.high <= 0.012
    back = _f(second, first)
    assert back.verdict == "worse"
    assert back.difference == pytest.approx(-found.difference)


def test_lower_is_better_where_it_is(row: Row) -> None:
    first = [row(str(i), "x", 0.0, values={"chamfer": 0.5}) for i in range(3)]
    second = [row(str(i), "x", 0.0, values={"chamfer": 0.2}) for i in range(3)]
    (level,) = compare_rows(first, second)
    assert {each.metric: each.verdict for each in level.metrics}["chamfer"] == "better"


def test_a_run_is_no_different_from_itself_in_any_order(small_rows: list[ScoreRow]) -> None:
    for each in compare_rows(small_rows, small_rows[::-1])[0].metrics:
        assert each.difference == 0.0
        assert each.verdict == "no clear difference"
        assert each.interval is not None
        assert (each.interval.low, each.interval.high) == (0.0, 0.0)


def test_values_on_one_side_only_are_counted(row: Row) -> None:
    first = [row("a", "x", 0.5), row("b", "x", 0.5, values={})]
    found = _f(first, [row("a", "x", 0.6), row("b", "x", 0.7)])
    assert (found.pairs, found.lost) == (1, 1)
    assert found.verdict == "too few objects"


def test_different_protocols_are_refused(row: Row) -> None:
    seeded = Protocol(name="small", taus=(0.1,), metrics=("chamfer", "f_score"), seed=7)
    with pytest.raises(InputError, match=r"differ in small\.seed \(0 and 7\)"):
        compare_rows([row("a", "x", 1.0)], [row("a", "x", 1.0, protocol=seeded)])
    with pytest.raises(InputError, match="first run is scored by small, the second by other"):
        compare_rows([row("a", "x", 1.0)], [row("a", "x", 1.0, protocol=Protocol(name="other"))])
    with pytest.raises(InputError, match="no rows"):
        compare_rows([row("a", "x", 1.0)], [])


def test_nothing_in_common_and_doubled_items_are_refused(row: Row) -> None:
    with pytest.raises(InputError, match="no object in common"):
        compare_rows([row("a", "x", 1.0)], [row("b", "x", 1.0)])
    with pytest.raises(InputError, match="two rows"):
        compare_rows([row("a", "x", 1.0)] * 2, [row("a", "x", 1.0)])


def test_reports_on_disk(tmp_path: Path, small_rows: list[ScoreRow], row: Row) -> None:
    better = [
        row(each.object_id, each.name, 1.0) if each.state == "failed" else each
        for each in small_rows
    ]
    for name, rows in (("one", small_rows), ("two", better)):
        write_rows(tmp_path / name / ROWS_FILE, rows)
    found = compare_reports(tmp_path / "one", tmp_path / "two")
    frame = comparison_frame(found).set_index("metric")
    assert frame.loc["f_0.1", "difference"] == pytest.approx(0.2)
    assert frame.loc["failure_rate", "difference"] == pytest.approx(-0.2)
    text = comparison_markdown(found, "one", "two")
    assert "5 paired; 0 only in one, 0 only in two" in text
    assert "| F@0.1 ↑ | 0.540 | 0.740 | +0.200 |" in text
