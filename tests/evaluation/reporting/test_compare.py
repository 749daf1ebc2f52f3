"""Paired differences against hand-computed tables."""

from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.stats import binomtest

from evaluation.protocol import Protocol
from evaluation.reporting.compare import (
    MIN_OBJECTS,
    MetricDifference,
    compare_reports,
    compare_rows,
)
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
    assert (score.objects, score.verdict) == (2, "too few objects")
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
    first = [row(str(i), "x", 0.0, values={"chamfer": 0.5}) for i in range(6)]
    second = [row(str(i), "x", 0.0, values={"chamfer": 0.2}) for i in range(6)]
    (level,) = compare_rows(first, second)
    assert {each.metric: each.verdict for each in level.metrics}["chamfer"] == "better"


def test_there_is_no_verdict_below_the_least_count_of_objects(row: Row) -> None:
    def runs(objects: int) -> tuple[list[ScoreRow], list[ScoreRow]]:
        # many parts make no more objects
        names = [(str(i), str(part)) for i in range(objects) for part in range(4)]
        return [row(*name, 0.5) for name in names], [row(*name, 0.9) for name in names]

    few, enough = _f(*runs(MIN_OBJECTS - 1)), _f(*runs(MIN_OBJECTS))
    assert (few.pairs, few.objects, few.verdict) == (20, 5, "too few objects")
    assert few.interval is not None
    assert (enough.objects, enough.verdict) == (6, "better")
    # the constant's reason: the least count at which equal signs are rarer than 1 in 20 by chance
    assert binomtest(MIN_OBJECTS, MIN_OBJECTS).pvalue < 0.05
    assert binomtest(MIN_OBJECTS - 1, MIN_OBJECTS - 1).pvalue > 0.05
    said = comparison_markdown(compare_rows(*runs(5)))
    assert "No verdict: at least 6 objects in both runs are needed, there are 5;" in said
    assert "No verdict" not in comparison_markdown(compare_rows(*runs(6)))


def test_rounding_is_no_difference(row: Row) -> None:
    values = {"scale_error_pct": 3.0, "f_0.1": 0.5, "chamfer": 0.1, "psnr_db": 20.0}
    steps = {"scale_error_pct": 2e-7, "f_0.1": -5.4e-15, "chamfer": 1e-9, "psnr_db": 1e-6}
    first = [row(str(i), "x", 0.0, values=values) for i in range(8)]

    def second(times: float) -> list[ScoreRow]:
        moved = {name: value + times * steps[name] for name, value in values.items()}
        return [row(str(i), "x", 0.0, values=moved) for i in range(8)]

    (level,) = compare_rows(first, second(1.0))
    found = {each.metric: each for each in level.metrics}
    assert {each.verdict for each in found.values()} == {"equal"}
    assert {each.difference for each in found.values()} == {0.0}
    (level,) = compare_rows(first, second(1e4))
    verdicts = {each.metric: each.verdict for each in level.metrics}
    assert verdicts["scale_error_pct"] == "worse"
    assert verdicts["psnr_db"] == "better"
    assert verdicts["f_0.1"] == "equal"


def test_a_run_equals_itself_in_any_order(small_rows: list[ScoreRow]) -> None:
    doubled = [
        each.model_copy(update={"object_id": f"{each.object_id}{copy}"})
        for each in small_rows
        for copy in range(2)
    ]
    for each in compare_rows(doubled, doubled[::-1])[0].metrics:
        assert each.difference == 0.0
        assert (each.objects, each.verdict) == (6, "equal")
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
