"""What is told before the means, and in which order pages tell it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART
from evaluation.reporting.compare import compare_rows
from evaluation.reporting.notices import (
    data_issues,
    hints_of,
    lost_in_words,
    lost_parts,
    shell_words,
)
from evaluation.reporting.report import ReportOptions, RunComparison, write_report
from evaluation.reporting.summary import summarize
from evaluation.reporting.summary_files import summary_frame, summary_markdown
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry.surface import TriangleMesh

Row = Callable[..., ScoreRow]


def _lacking(row: Row) -> list[ScoreRow]:
    """Wheels are lost in two of three objects, a roof in the only one that has it."""
    rows: list[ScoreRow] = []
    for name, parts, missing in (
        ("a", ("body", "wheel"), ("wheel",)),
        ("b", ("body", "Wheel", "roof"), ("Wheel", "roof")),
        ("c", ("body", "wheel"), ()),
    ):
        rows += [row(name, part, None if part in missing else 0.9) for part in parts]
        rows.append(row(name, name, 0.9, level="object", missing=missing))
    return rows


def test_lost_parts_are_named_with_the_objects_that_lack_them(row: Row) -> None:
    found = lost_parts(_lacking(row))
    assert [(each.name, each.lost, each.present) for each in found] == [
        ("wheel", 2, 3),
        ("roof", 1, 1),
    ]
    assert lost_in_words(_lacking(row)) == (
        "parts without a usable prediction: 'wheel' in 2 of 3 objects that have it, 'roof' in the "
        "only object that has it"
    )
    many = tuple(f"part {i}" for i in range(9))
    rows = [row("a", "a", 0.9, level="object", missing=many)]
    assert lost_in_words(rows).endswith("and 3 other parts")
    whole = row("a", "a", None, level="object", missing=many)
    assert lost_in_words([whole]) == ""  # it is named as failed


def test_an_issue_that_parts_share_is_told_once(row: Row) -> None:
    parts = [f"p, {i}'s" for i in range(5)]
    issues = (*(f"a.glb, part '{name}': cut short" for name in parts), "a.png: no picture")
    (first, second) = data_issues([row("a", "a", 0.1, level="object", issues=issues)] * 2)
    assert first.text == "a.glb, 5 parts (p, 0's, p, 1's, p, 2's, ...): cut short"
    assert second.text == "a.png: no picture"
    (alone,) = data_issues([row("a", "a", 0.1, level="object", issues=issues[:1])])
    assert alone.text == issues[0]


def test_an_object_is_named_once_in_its_line(row: Row) -> None:
    hints = ("a.glb: scale suspected", "other.glb: scale suspected")
    found = hints_of([row("a", "a", 0.1, level="object", hints=hints)])
    assert [each.line for each in found] == [hints[0], f"a: {hints[1]}"]


def test_a_suspicion_that_protocols_share_is_told_once(row: Row) -> None:
    other = MMPART.model_copy(update={"name": "other"})
    rows = [
        row("b", "b", 0.1, level="object", hints=("b.glb: scale suspected",), protocol=other),
        row("a", "a", 0.1, level="object"),
        row("a", "a", 0.1, level="object", hints=("a: fit 0.31", "a: far"), protocol=MMPART),
        row("a", "a", 0.1, level="object", hints=("a: fit 0.32",), protocol=other),
    ]
    assert [each.text for each in hints_of(rows)] == [
        "a: fit 0.31",
        "a: far",
        "b.glb: scale suspected",
    ]


@pytest.fixture
def half_open(chair: dict[str, TriangleMesh]) -> list[ScoreRow]:
    """A chair whose seat lacks a face, scored against a copy without its back."""
    seat = chair["seat"]
    truth = {**chair, "seat": TriangleMesh(seat.vertices, seat.faces[1:])}
    made = {name: mesh for name, mesh in truth.items() if name != "back"}
    small = MMPART.model_copy(update={"points": 500, "whole_points": 1000})
    return score_object(GroundTruthObject("chair", truth), Prediction("chair", made), [small])


def test_shells_and_solids_have_a_mean_each(half_open: list[ScoreRow], tmp_path: Path) -> None:
    summaries = summarize(half_open)
    parts = next(each for each in summaries if each.level == "part")
    split = parts.split("volume_iou")
    assert split is not None
    values = {each.name: each.values["volume_iou"] for each in half_open if each.level == "part"}
    assert (split.shells, split.solids) == (1, 2)
    assert split.shell_mean == values["seat"]
    assert split.solid_mean == pytest.approx((values["leg_1"] + values["leg_2"]) / 2)
    words = shell_words(parts)[0]
    assert words.startswith("volume IoU: 1 of 3 made have an open true surface")
    assert words in summary_markdown(summaries)
    frame = summary_frame(summaries).set_index(["level", "metric"])
    assert frame.loc[("part", "volume_iou"), "shells"] == 1
    page = write_report(tmp_path, half_open).read_text(encoding="utf-8")
    assert "1 shell " in page
    assert "2 solids" in page


def test_a_page_tells_what_was_made_beside_the_mean_and_what_is_lost(
    half_open: list[ScoreRow], tmp_path: Path
) -> None:
    page = write_report(tmp_path, half_open).read_text(encoding="utf-8")
    assert page.count('of those made <b class="made">') >= 3
    told = page.index("Parts without a usable prediction: &#39;back&#39; in the only object")
    assert told < page.index('class="tiles"')


def test_a_comparison_comes_first_and_every_number_names_its_run(row: Row, tmp_path: Path) -> None:
    first = [row(str(i), "x", 0.5) for i in range(6)]
    second = [row(str(i), "x", 0.7) for i in range(6)]
    options = ReportOptions(
        comparison=RunComparison("old run", "new run", compare_rows(first, second))
    )
    page = write_report(tmp_path, second, options).read_text(encoding="utf-8")
    comparison, alone = page.index('id="comparison"'), page.index("new run alone: protocol small")
    assert comparison < alone
    paired = page[comparison:alone]
    assert "<small>old run 0.500</small><small>new run 0.700</small>" in paired
    assert "<th>old run</th><th>new run</th>" in paired
    assert "<small>6 objects</small>" in paired
    assert '<td class="words ok">better</td>' in paired
    assert page.count("<small>new run: ") >= 3
    assert "Every number in this section is of new run; old run is not in it." in page
