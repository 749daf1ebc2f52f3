"""Losses of stages against a ladder of known runs."""

from collections.abc import Callable

import pytest

from evaluation.reporting.attribution import AttributionRun, attribute_losses
from evaluation.reporting.attribution_text import attribution_frame, attribution_markdown
from evaluation.rows import ScoreRow
from mmpart_core.errors import InputError

Row = Callable[..., ScoreRow]


@pytest.fixture
def ladder(row: Row) -> list[AttributionRun]:
    """Means 0.3, 0.4, 0.8, 0.75 over two objects that all runs have."""

    def run(replaced: set, one: float, other: float, *more: ScoreRow) -> AttributionRun:
        rows = [row("a", "x", one), row("b", "x", other), *more]
        return AttributionRun(frozenset(replaced), rows)

    return [
        run({"plan", "isolate", "multiview"}, 0.7, 0.9),
        run(set(), 0.2, 0.4, row("c", "x", 1.0)),
        run({"plan", "isolate", "multiview", "assemble"}, 0.7, 0.8),
        run({"plan", "isolate"}, 0.3, 0.5),
    ]


def test_losses_are_the_steps_of_the_ladder(ladder: list[AttributionRun]) -> None:
    (found,) = attribute_losses(ladder)
    assert found.labels == ("all stages ours", "plan + isolate", "multiview", "assemble")
    assert found.means["f_0.1"] == pytest.approx((0.3, 0.4, 0.8, 0.75))
    losses = {loss.stage: loss.loss for loss in found.of_metric("f_0.1")}
    assert losses == pytest.approx({"plan + isolate": 0.1, "multiview": 0.4, "assemble": -0.05})
    assert sum(losses.values()) == pytest.approx(0.75 - 0.3)
    largest = found.largest("f_0.1")
    assert largest is not None
    assert largest.stage == "multiview"
    assert (found.items, found.left_out) == (2, 1)
    assert found.largest("failure_rate") is None


def test_loss_is_positive_where_lower_is_better(row: Row) -> None:
    runs = [
        AttributionRun(frozenset(replaced), [row(o, "x", 0.0, values={"chamfer": v}) for o in "ab"])
        for replaced, v in (((), 0.5), (("isolate",), 0.2))
    ]
    (found,) = attribute_losses(runs)
    (loss,) = found.of_metric("chamfer")
    assert loss.loss == pytest.approx(0.3)
    assert loss.interval is not None
    assert loss.interval.low == pytest.approx(0.3)


def test_means_are_over_the_same_items_in_all_runs(row: Row) -> None:
    # 'b' has no value in the second run: it is in no run's mean
    runs = [
        AttributionRun(frozenset(), [row("a", "x", 0.2), row("b", "x", 1.0)]),
        AttributionRun(frozenset({"isolate"}), [row("a", "x", 0.5), row("b", "x", 0.0, values={})]),
    ]
    (found,) = attribute_losses(runs)
    assert found.means["f_0.1"] == pytest.approx((0.2, 0.5))
    assert found.of_metric("f_0.1")[0].pairs == 1


def test_runs_that_are_no_ladder_are_refused(ladder: list[AttributionRun], row: Row) -> None:
    with pytest.raises(InputError, match="at least two runs"):
        attribute_losses(ladder[:1])
    odd = AttributionRun(frozenset({"mesh"}), [row("a", "x", 1.0)])
    with pytest.raises(InputError, match="does not extend"):
        attribute_losses([*ladder, odd])
    other = AttributionRun(frozenset({"isolate"}), [row("z", "x", 1.0)])
    with pytest.raises(InputError, match="in all 2 runs"):
        attribute_losses([ladder[1], other])


def test_tables(ladder: list[AttributionRun]) -> None:
    (found,) = attribute_losses(ladder)
    frame = attribution_frame(found)
    chosen = frame[(frame["stage"] == "multiview") & (frame["metric"] == "f_0.1")].iloc[0]
    assert chosen["loss"] == pytest.approx(0.4)
    text = attribution_markdown(found, ["f_0.1"])
    assert "| all stages ours | 0.300 |" in text
    assert "| assemble | -0.050 [" in text
