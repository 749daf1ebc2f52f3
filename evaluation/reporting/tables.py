"""Score rows <-> Parquet: a column per metric, the whole protocol in each row."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from evaluation.rows import ScoreRow
from mmpart_core.errors import InputError

ROWS_FILE = "rows.parquet"
_TEXTS = (
    "dataset", "object_id", "category", "level", "name", "matched", "matched_by", "state", "reason",
)  # fmt: skip
_LISTS = ("flags", "missing", "surplus", "issues", "hints")
_CLOSING = ("unscored", "protocol", "protocol_json")


def rows_to_frame(rows: Sequence[ScoreRow]) -> pd.DataFrame:
    """Rows as a table: texts, a float column per metric, lists, protocol name and JSON.

    A metric that a row has no value for is missing (NaN) there; why, says ``unscored`` (JSON).
    """
    return _table(rows).to_pandas()


def write_rows(path: Path, rows: Sequence[ScoreRow]) -> None:
    """Write rows to a Parquet file; the file is complete or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    pq.write_table(_table(rows), unfinished)  # pyright: ignore[reportUnknownMemberType]
    unfinished.replace(path)


def read_rows(path: Path) -> list[ScoreRow]:
    """The rows that ``write_rows`` wrote, exactly.

    Args:
        path: the file, or a report's folder.

    Raises:
        InputError: no such file, or not a table of score rows.
    """
    file = path / ROWS_FILE if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"score rows: no {ROWS_FILE} at '{path.name}'; give a report's folder or its Parquet "
            "file"
        )
    try:
        table = pq.read_table(file)  # pyright: ignore[reportUnknownMemberType]
        return [_row(record) for record in table.to_pylist()]
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError(
            f"{file.name}: expected the Parquet table of a report, it cannot be read as one "
            f"({type(error).__name__}: {error}); evaluate again"
        ) from error


def metric_columns(rows: Sequence[ScoreRow]) -> list[str]:
    """Names of all metrics that some row has a value for, in order of first appearance by level."""
    ranked = sorted(rows, key=lambda row: ("part", "group", "object").index(row.level))
    return list(dict.fromkeys(metric for row in ranked for metric in row.values))


def _table(rows: Sequence[ScoreRow]) -> pa.Table:
    metrics = metric_columns(rows)
    fields = [
        *(pa.field(name, pa.string()) for name in _TEXTS),
        *(pa.field(name, pa.float64()) for name in metrics),
        *(pa.field(name, pa.list_(pa.string())) for name in _LISTS),
        *(pa.field(name, pa.string()) for name in _CLOSING),
    ]
    return pa.Table.from_pylist([_record(row) for row in rows], schema=pa.schema(fields))


def _record(row: ScoreRow) -> dict[str, Any]:
    texts = {name: getattr(row, name) for name in _TEXTS}
    lists = {name: list(getattr(row, name)) for name in _LISTS}
    return {
        **texts,
        **row.values,
        **lists,
        "unscored": json.dumps(row.unscored, ensure_ascii=False),
        "protocol": row.protocol.name,
        "protocol_json": row.protocol.model_dump_json(),
    }


def _row(record: Mapping[str, Any]) -> ScoreRow:
    known = {*_TEXTS, *_LISTS, *_CLOSING}
    values = {key: value for key, value in record.items() if key not in known and value is not None}
    return ScoreRow.model_validate(
        {
            **{name: record[name] for name in (*_TEXTS, *_LISTS)},
            "values": values,
            "unscored": json.loads(record["unscored"]),
            "protocol": json.loads(record["protocol_json"]),
        }
    )
