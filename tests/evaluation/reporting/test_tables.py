"""Rows survive Parquet; broken tables are refused."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import PRESETS, Protocol
from evaluation.reporting.tables import ROWS_FILE, read_rows, rows_to_frame, write_rows
from evaluation.rows import ScoreRow
from evaluation.scorecard import score_object
from mmpart_core.errors import InputError


def test_rows_of_all_presets_come_back_exactly(tmp_path: Path, chair) -> None:
    protocols = [
        preset.model_copy(update={"points": 200, "whole_points": 200})
        for preset in PRESETS.values()
    ]
    made = {name: mesh for name, mesh in chair.items() if name != "seat"}
    rows = score_object(GroundTruthObject("c", chair), Prediction("c", made), protocols)
    rows += score_object(GroundTruthObject("d", chair, category="x|y"), None, protocols)
    write_rows(tmp_path / ROWS_FILE, rows)
    assert read_rows(tmp_path) == rows
    assert read_rows(tmp_path / ROWS_FILE) == rows


def test_lists_with_separators_survive(tmp_path: Path, row: Callable[..., ScoreRow]) -> None:
    odd = row("a; b", "x\n|", 1.0, flags=("one; two", "three"), unscored={"lpips": "no; weights"})
    write_rows(tmp_path / "t.parquet", [odd, row("b", "x", 0.5)])
    assert read_rows(tmp_path / "t.parquet")[0] == odd


def test_pandas_reads_the_file_with_the_protocol_in_each_row(
    tmp_path: Path, small_rows: list[ScoreRow]
) -> None:
    write_rows(tmp_path / ROWS_FILE, small_rows)
    frame = pd.read_parquet(tmp_path / ROWS_FILE)
    assert frame["f_0.1"].sum() == pytest.approx(2.7)
    assert frame["f_0.1"].isna().tolist() == [False] * 5 + [True]
    for text in frame["protocol_json"]:
        assert Protocol.model_validate_json(text) == small_rows[0].protocol
    pd.testing.assert_frame_equal(frame, rows_to_frame(small_rows))


def test_no_rows_are_a_table_too(tmp_path: Path) -> None:
    write_rows(tmp_path / ROWS_FILE, [])
    assert read_rows(tmp_path) == []


def test_what_is_no_table_of_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no rows\.parquet"):
        read_rows(tmp_path)
    (tmp_path / ROWS_FILE).write_bytes(b"nothing")
    with pytest.raises(InputError, match="evaluate again"):
        read_rows(tmp_path)
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / ROWS_FILE)
    with pytest.raises(InputError, match="evaluate again"):
        read_rows(tmp_path)
