"""docs/evaluation.md says what the code does."""

import doctest
import re
from pathlib import Path
from typing import get_args

import pytest

from evaluation.loaders import LAYOUTS
from evaluation.manual import TABLES, main, with_tables
from evaluation.metric_catalogue import families_taken
from evaluation.metric_facts import metric_facts
from evaluation.objects import GroundTruthObject, Prediction, PredictionFrame
from evaluation.protocol import MMPART, PRESETS
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.geometry.surface import TriangleMesh

ROOT = Path(__file__).resolve().parents[2]
MANUAL = (ROOT / "docs" / "evaluation.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", MANUAL, re.DOTALL)


def _section(title: str) -> str:
    return MANUAL.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def _first_column(section: str) -> set[str]:
    return {name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
            for name in re.findall(r"`([^`]+)`", row)}  # fmt: skip


def test_the_tables_are_those_of_the_code() -> None:
    assert with_tables(MANUAL) == MANUAL, "run: make docs"


def test_tables_are_written_where_they_stand_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evaluation.md"
    old = re.sub(r"\| `(midi|chamfer)` .*\n", "| old |\n", MANUAL)
    assert old.count("| old |") == 2
    path.write_text(old)
    assert main([str(path)]) == 0
    assert path.read_text() == MANUAL
    path.write_text(MANUAL.replace("<!-- end metrics -->", ""))
    assert main([str(path)]) == 2
    assert "table 'metrics': expected" in capsys.readouterr().err
    assert main([str(tmp_path / "none.md")]) == 2
    assert set(TABLES) == {"presets", "metrics"}


def test_what_is_taken_before_and_after_alignment_is_told() -> None:
    section = " ".join(_section("Protocols").split())
    after = families_taken("after").capitalize()
    assert f"{after} are taken after the alignment; {families_taken('before')} before" in section


def test_every_metric_that_a_row_has_is_in_the_table(chair: dict[str, TriangleMesh]) -> None:
    told = _first_column(_section("Metrics"))
    truth, made = GroundTruthObject("c", chair), Prediction("c", chair, cost={"seconds": 1.0})
    small = [each.model_copy(update={"points": 300, "whole_points": 300})
             for each in PRESETS.values()]  # fmt: skip
    taken: set[str] = set()
    for row in score_object(truth, made, small):
        taken |= {*row.values, *row.unscored}
    plain = {re.sub(r"^f_[\d.]+$", "f_<tau>", name.removeprefix("shape_")) for name in taken}
    assert plain <= told
    assert len(plain) > 25
    for name in told:
        example = name.replace("<tau>", "0.1").replace("<stage>", "mesh")
        assert metric_facts(example, MMPART).words


def test_layouts_frames_and_columns_are_all_told() -> None:
    assert _first_column(_section("Data sets")) >= set(LAYOUTS)
    assert _first_column(_section("What `--predictions` reads")) >= set(get_args(PredictionFrame))
    columns = set(ScoreRow.model_fields) - {"values"} | {"protocol_json"}
    assert _first_column(_section("rows.parquet")) == columns


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_examples_run_as_shown(number: int) -> None:
    test = doctest.DocTestParser().get_doctest(BLOCKS[number], {}, f"example {number}", None, 0)
    assert len(test.examples) > 5
    told: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert told == []


def test_there_are_three_examples_and_the_readme_leads_here() -> None:
    assert len(BLOCKS) == 3
    assert "(docs/evaluation.md)" in (ROOT / "README.md").read_text()
