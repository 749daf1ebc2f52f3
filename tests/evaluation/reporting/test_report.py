"""The page: what it holds, what it escapes, what it leaves out, and that it loads nothing."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import MMPART, SAM3DPART, Protocol
from evaluation.reporting import charts
from evaluation.reporting.attribution import AttributionRun, attribute_losses
from evaluation.reporting.compare import compare_rows
from evaluation.reporting.published import published_beside
from evaluation.reporting.report import ReportOptions, RunComparison, write_report
from evaluation.reporting.summary import summarize
from evaluation.reporting.tables import read_rows
from evaluation.reporting.worst import worst_cases
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.errors import InputError

Row = Callable[..., ScoreRow]
EVIL = 'a<script>alert("1")</script>&$x$'
VOID = {"meta", "img", "br", "link", "input"}


class _Page(HTMLParser):
    """Tags that are open, and all addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def _checked(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert "script" not in page.tags
    assert all(a.startswith(("#", "data:image/webp;base64,")) for a in page.addresses)
    assert "@import" not in text
    assert "url(http" not in text
    return page


@pytest.fixture(scope="module")
def scored(chair) -> tuple[GroundTruthObject, Prediction, list[ScoreRow]]:
    protocols = [
        each.model_copy(update={"points": 200, "whole_points": 300}) for each in (MMPART, SAM3DPART)
    ]
    named = {EVIL if name == "seat" else name: mesh for name, mesh in chair.items()}
    truth = GroundTruthObject(EVIL, named, category=EVIL)
    made = {f"made {i}": mesh for i, mesh in enumerate(named.values()) if i}
    prediction = Prediction(
        EVIL, made, failures={"x": EVIL}, source=EVIL, cost={"seconds": 3.0, "mesh_s": 1.0}
    )
    rows = score_object(truth, prediction, protocols, dataset=EVIL)
    rows += score_object(
        GroundTruthObject("gone", chair, category="chair"), None, protocols, dataset=EVIL
    )
    return truth, prediction, rows


def test_page_is_whole_escaped_and_loads_nothing(tmp_path: Path, scored) -> None:
    truth, prediction, rows = scored

    def load(dataset: str, object_id: str) -> tuple[GroundTruthObject, Prediction | None]:
        assert dataset == EVIL
        if object_id == "gone":
            raise InputError("gone.glb: cannot be read <here>")
        return truth, prediction

    mine = [row for row in rows if row.protocol.name == "mmpart"]
    better = [row.model_copy(update={"state": "scored"}) for row in mine]
    options = ReportOptions(
        title=EVIL,
        command="mmpart evaluate <data>",
        load_pair=load,
        attributions=attribute_losses(
            [AttributionRun(frozenset(), mine), AttributionRun(frozenset({"isolate"}), better)]
        ),
        comparison=RunComparison(EVIL, "two", compare_rows(mine, better)),
    )
    path = write_report(tmp_path / "r", rows, options)
    text = path.read_text(encoding="utf-8")
    page = _checked(text)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    pictures = [a for a in page.addresses if a.startswith("data:")]
    assert len(pictures) == 8
    assert len(set(pictures)) == 8
    assert "gone.glb: cannot be read &lt;here&gt;" in text
    for id_ in ("attribution", "comparison", "issues", "protocol-1", "protocol-2"):
        assert (f'id="{id_}"' in text) == (f"#{id_}" in page.addresses)
    assert "Cost and time per object" in text
    assert text.count("Cost and time per object") == 1
    assert read_rows(tmp_path / "r") == rows
    names = {each.name for each in path.parent.iterdir()}
    assert names == {
        "index.html", "rows.parquet", "summary.csv", "summary.json", "summary.md",
        "attribution-mmpart-part.csv", "attribution-mmpart-part.md", "comparison.csv",
        "comparison.md",
    }  # fmt: skip


def test_numbers_of_the_page_are_those_of_the_table(
    tmp_path: Path, small_rows: list[ScoreRow]
) -> None:
    text = write_report(tmp_path, small_rows).read_text(encoding="utf-8")
    _checked(text)
    assert "<b>0.540</b>" in text
    assert "made 0.675" in text
    assert "20.0 %" in text
    assert "no pictures: the objects were not at hand" in text
    assert "Protocol small: the true object" in text
    assert "Beside published numbers" not in text
    assert "Which stage loses" not in text


def test_same_rows_give_the_same_page(tmp_path: Path, small_rows: list[ScoreRow]) -> None:
    first = write_report(tmp_path / "1", small_rows).read_bytes()
    assert write_report(tmp_path / "2", small_rows).read_bytes() == first


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no score rows"):
        write_report(tmp_path, [])


def test_published_numbers_stand_only_beside_the_same_protocol_and_data(
    tmp_path: Path, row: Row
) -> None:
    def rows(dataset: str, protocol: Protocol) -> list[ScoreRow]:
        values = {"chamfer": 0.1, "f_0.05": 0.5, "f_0.1": 0.6, "bbox_iou": 0.4}
        return [
            row(o, "x", 0.0, values=values, dataset=dataset, protocol=protocol) for o in ("a", "b")
        ]

    same = rows("PartObjaverse-Tiny", SAM3DPART)
    assert published_beside(same)[0].method == "SAM3D-Part"
    text = write_report(tmp_path / "same", same).read_text(encoding="utf-8")
    assert "SAM 3D Objects on part masks" in text
    other_seed = SAM3DPART.model_copy(update={"seed": 1})
    for other in (rows("mine", SAM3DPART), rows("PartObjaverse-Tiny", other_seed)):
        assert published_beside(other) == []
        text = write_report(tmp_path / "other", other).read_text(encoding="utf-8")
        assert "SAM 3D Objects" not in text


def test_worst_cases_come_first_and_failures_count(row: Row) -> None:
    rows = [row("a", "x", 0.5), row("b", "x", 0.9), row("b", "y", None), row("c", "x", 0.7)]
    found = worst_cases(rows, "part", "f_0.1", 2)
    assert [(case.object_id, case.score) for case in found] == [("b", 0.45), ("a", 0.5)]
    distances = [row(o, "x", 0.0, values={"chamfer": v}) for o, v in (("a", 0.1), ("b", 0.9))]
    assert worst_cases(distances, "part", "chamfer", 1)[0].object_id == "b"


@pytest.mark.filterwarnings("error")
def test_charts_are_well_formed_themed_and_of_any_script(small_rows: list[ScoreRow]) -> None:
    summary = next(each for each in summarize(small_rows) if each.category is None)
    names = {EVIL: summary.metrics[1], "椅子": summary.metrics[1]}
    drawn = [
        charts.interval_chart(names, EVIL),
        charts.histogram([0.5], 3, EVIL, (0.0, 0.0)),
        charts.histogram([], 3, "none", (0.0, 1.0)),
        charts.bars({EVIL: 0.0}, "zero", "s"),
    ]
    for svg in drawn:
        ET.fromstring(svg)
        assert "var(--ink)" in svg
        assert not re.search(r"#0[0-9]0[0-9]0[0-9]\b", svg)
    assert "椅子" in drawn[0]
    shown = [ET.fromstring(svg).itertext() for svg in drawn]
    assert f"{EVIL} (5)" in list(shown[0])  # as text, not as a formula
    assert "3 failed" in drawn[1]


def test_waterfall_names_stages_and_steps(row: Row) -> None:
    runs = [
        AttributionRun(frozenset(replaced), [row("a", "x", v), row("b", "x", v)])
        for replaced, v in (((), 0.2), (("isolate",), 0.7), (("isolate", "mesh"), 0.6))
    ]
    svg = charts.waterfall(
        attribute_losses(runs)[0].of_metric("f_0.1"), "F@0.1", higher_is_better=True
    )
    ET.fromstring(svg)
    for text in ("all ours", "isolate", "mesh", "+0.500", "-0.100", "higher is better"):
        assert text in svg


def test_costs_are_shown_with_units_and_unknown_ones_are_left_out(tmp_path: Path, row: Row) -> None:
    values = {"f_0.1": 0.5, "seconds": 30.0, "mesh_s": 4.0, "mesh_gpu_s": 2.5, "tokens": 812.0}
    rows = [row(name, name, 0.0, level="object", values=values) for name in ("a", "b")]
    rows.append(row("c", "c", 0.0, level="object", values={"f_0.1": 0.4}))
    path = write_report(tmp_path, rows, ReportOptions(notes=("Regions <given>.",)))
    text = path.read_text(encoding="utf-8")
    _checked(text)
    assert text.count("Regions &lt;given&gt;.") == 1
    lines = re.findall(r"<tr><th>([^<]*)</th><td[^>]*>([^<]*)<.*?>(\d+)</td></tr>", text)
    found = {title: (value.strip(), int(count)) for title, value, count in lines}
    assert found["time"] == ("30.0 s", 2)
    assert found["tokens"] == ("812.0 tokens", 2)
    assert found["GPU time, mesh"] == ("2.500 s", 2)
    assert not {"GPU time", "money", "peak memory", "peak GPU memory"} & set(found)
    assert "what is not listed is unknown, not 0" in text


def test_numbers_have_their_units_and_one_is_singular(tmp_path: Path, row: Row) -> None:
    values = {"f_0.1": 0.5, "centroid_error_pct": 2.0, "rotation_error_deg": 30.0}
    runs = [
        AttributionRun(frozenset(replaced), [row("a", "x", 0.0, values={**values, "f_0.1": f})])
        for replaced, f in (((), 0.2), (("isolate",), 0.7))
    ]
    options = ReportOptions(attributions=attribute_losses(runs))
    text = write_report(tmp_path, runs[0].rows, options).read_text(encoding="utf-8")
    _checked(text)
    assert "<th>centroid error&nbsp;↓ <small>% of diagonal</small></th>" in text
    assert "<th>rotation error&nbsp;↓ <small>degrees</small></th>" in text
    assert "<p>1 part that all 2 runs have" in text
    assert "loses most: 0.500.</p>" in text


def test_a_case_without_a_prediction_shows_the_truth_in_one_row(tmp_path: Path, scored) -> None:
    truth, _, rows = scored
    lost = [r.model_copy(update={"dataset": "", "object_id": "x"}) for r in rows]
    options = ReportOptions(load_pair=lambda _dataset, _object: (truth, None))
    text = write_report(tmp_path, lost, options).read_text(encoding="utf-8")
    page = _checked(text)
    assert 'class="views alone"' in text
    assert "Nothing usable was made." in text
    assert len([a for a in page.addresses if a.startswith("data:")]) == 4
