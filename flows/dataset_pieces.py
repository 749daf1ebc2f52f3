"""The files of a table of outcomes, JSON lines and Parquet, read a piece at a time."""

import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, get_args

from pydantic import ValidationError

from flows.dataset_outcomes import OutcomeRow
from mmpart_core.errors import StorageError

LINES, PARQUET = ".jsonl", ".parquet"
_LINES_READ = 2000
_LATER_COLUMNS = frozenset(("id",))  # that tables of earlier versions do not have
_ARROW_TYPES = {str: "string", int: "int64", float: "float64", bool: "bool"}

# Some rows of a file, in their order: a ``pyarrow.Table`` of the columns that are named, or all.
Piece = Callable[[Sequence[str] | None], Any]


def parquet_pieces(content: bytes, path: str) -> list[Piece]:
    """A Parquet file's row groups; each is read when it is asked for.

    Args:
        content: of the file.
        path: of the file, for messages.

    Raises:
        StorageError: it is damaged, or of another version; so do the pieces, when they are read.
    """
    file = _opened(content, path)
    there = file.schema_arrow.remove_metadata()
    expected = [
        name for name in outcome_schema().names if name in there.names or name not in _LATER_COLUMNS
    ]
    if there != outcome_schema(expected):
        raise _damaged(path)
    return [partial(_row_group, content, path, group) for group in range(file.num_row_groups)]


def _opened(content: bytes, path: str) -> Any:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        return parquet.ParquetFile(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path) from error


def _row_group(content: bytes, path: str, group: int, columns: Sequence[str] | None) -> Any:
    import pyarrow

    file = _opened(content, path)
    wanted = outcome_schema(columns)
    there = [name for name in wanted.names if name in file.schema_arrow.names]
    try:
        table = file.read_row_group(group, columns=there, use_threads=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path) from error
    for name in set(wanted.names).difference(there):
        nothing = pyarrow.nulls(table.num_rows, wanted.field(name).type)
        table = table.append_column(wanted.field(name), nothing)
    return table.select(wanted.names)


def lines_pieces(contents: Iterable[tuple[str, bytes]]) -> list[Piece]:
    """Files of JSON lines as pieces of some thousand rows.

    Args:
        contents: path and content of each file.

    Raises:
        StorageError: one is damaged, or of another version.
    """
    pieces: list[Piece] = []
    rows: list[OutcomeRow] = []
    for path, content in contents:
        rows += _from_lines(content, path)
        if len(rows) >= _LINES_READ:
            pieces.append(partial(_columns_of, as_table(rows)))
            rows = []
    return [*pieces, partial(_columns_of, as_table(rows))] if rows else pieces


def _from_lines(content: bytes, path: str) -> list[OutcomeRow]:
    try:
        return [OutcomeRow.model_validate_json(line) for line in content.splitlines()]
    except ValidationError as error:
        raise _damaged(path) from error


def _columns_of(table: Any, columns: Sequence[str] | None) -> Any:
    return table if columns is None else table.select(list(columns))


def as_table(rows: Iterable[OutcomeRow]) -> Any:
    """Rows as a ``pyarrow.Table``."""
    import pyarrow

    return pyarrow.Table.from_pylist([row.model_dump() for row in rows], schema=outcome_schema())


def outcome_schema(columns: Sequence[str] | None = None) -> Any:
    """Names and types of an outcome's columns, or of some of them."""
    import pyarrow

    names = OutcomeRow.model_fields if columns is None else columns
    return pyarrow.schema([(name, pyarrow.type_for_alias(_arrow_type(name))) for name in names])


def _arrow_type(name: str) -> str:
    annotation: Any = OutcomeRow.model_fields[name].annotation
    kinds = [kind for kind in (annotation, *get_args(annotation)) if kind in _ARROW_TYPES]
    return _ARROW_TYPES[kinds[0]] if kinds else "string"


def parquet_bytes(tables: Iterable[Any]) -> bytes:
    """Tables of outcomes as one Parquet file, a row group each."""
    import pyarrow
    import pyarrow.parquet as parquet

    sink = pyarrow.BufferOutputStream()
    # Half of the bytes are digests in hexadecimal, which the default does not make smaller.
    with parquet.ParquetWriter(sink, outcome_schema(), compression="zstd") as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(table.num_rows, 1))
    return sink.getvalue().to_pybytes()


def _damaged(path: str) -> StorageError:
    return StorageError(
        f"outcomes '{path}': damaged, or written by another version; remove that file and run the "
        "batch again: what was made is found in the store"
    )
