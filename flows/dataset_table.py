"""The table of outcomes in a data set's output: added to safely, read as one.

A finished object is one small file of JSON lines, ``state/outcomes/<run>-<order>.jsonl``, written
whole or not at all. A run rolls many of them into one Parquet file of the same name, so that there
are never many; when it ends, all become ``outcomes.parquet``. Rows are never changed: of an
object's rows those of the latest run and order count, and it does no harm to read them twice.
"""

import io
import threading
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from flows.dataset_outcomes import OutcomeRow
from mmpart_core.errors import StorageError
from mmpart_core.storage.store_files import StoreFiles

TABLE_FILE = "outcomes.parquet"
OUTCOMES_FOLDER = "state/outcomes"
# Objects whose small files are rolled into one; also how many rows without work of their own
# (invalid ones) are written at a time.
ROLLED_OBJECTS = 500
BUFFERED_ROWS = 200
_READ_ROWS = 2000
_ARROW_TYPES = {str: "string", int: "int64", float: "float64", bool: "bool"}


class OutcomeWriter:
    """Adds rows to the table; may be used from many threads.

    Args:
        place: the data set's output.
        run: number of this run.
    """

    def __init__(self, place: StoreFiles, run: int) -> None:
        self._place = place
        self._run = run
        self._order = 0
        self._lock = threading.Lock()
        self._buffer: list[OutcomeRow] = []
        self._written: list[str] = []
        self._unrolled: list[OutcomeRow] = []

    def add(self, rows: Sequence[OutcomeRow], *, at_once: bool = True) -> None:
        """Add one object's rows, the object first.

        Args:
            rows: of one object.
            at_once: on disk when this returns; otherwise with many others.

        Raises:
            StorageError: the output cannot be written.
        """
        with self._lock:
            self._order += 1
            given = {"run": self._run, "order": self._order}
            self._buffer += [row.model_copy(update=given) for row in rows]
            if at_once or len(self._buffer) >= BUFFERED_ROWS:
                self._flush()

    def close(self) -> None:
        """Write what is held back.

        Raises:
            StorageError: the output cannot be written.
        """
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if not self._buffer:
            return
        path = f"{OUTCOMES_FOLDER}/{self._run:05d}-{self._order:08d}.jsonl"
        lines = "".join(f"{row.model_dump_json()}\n" for row in self._buffer)
        self._place.write_file(path, lines.encode())
        self._written.append(path)
        self._unrolled += self._buffer
        self._buffer = []
        if len(self._written) >= ROLLED_OBJECTS:
            self._roll()

    def _roll(self) -> None:
        path = self._written[-1].replace(".jsonl", ".parquet")
        self._place.write_file(path, _parquet_bytes(as_table(self._unrolled)))
        for written in self._written:
            self._place.delete_file(written)
        self._written, self._unrolled = [], []


def load_outcomes(place: StoreFiles) -> Any:
    """The latest rows of all objects, in the order of the manifest, each object before its parts.

    Args:
        place: the data set's output.

    Returns:
        A ``pyarrow.Table`` with the columns of ``OutcomeRow``.

    Raises:
        StorageError: the output cannot be read, or a file of it is damaged.
    """
    return _read(place, _segments(place))


def compact(place: StoreFiles) -> Any:
    """Make one file of all that was added; only while nobody else writes.

    Returns:
        As ``load_outcomes``.

    Raises:
        StorageError: the output cannot be read or written.
    """
    segments = _segments(place)
    table = _read(place, segments)
    if segments:
        place.write_file(TABLE_FILE, _parquet_bytes(table))
        for path in segments:
            place.delete_file(path)
    return table


def _read(place: StoreFiles, segments: Sequence[str]) -> Any:
    import pyarrow

    tables: list[Any] = []
    rows: list[OutcomeRow] = []
    for path in (TABLE_FILE, *segments):
        content = place.read_file(path)
        if content is None:  # there is none yet; or its run has rolled it up meanwhile
            continue
        if path.endswith(".parquet"):
            tables.append(_from_parquet(content, path))
        else:
            rows += _from_lines(content, path)
        if len(rows) >= _READ_ROWS:
            tables.append(as_table(rows))
            rows = []
    return _latest(pyarrow.concat_tables([*tables, as_table(rows)]))


def _latest(table: Any) -> Any:
    """Of each object the rows of its latest run and order, each once."""
    names = ["object", "component", "run", "order", "number"]
    frame = table.select(names).to_pandas()
    stamp = frame["run"] * 10**9 + frame["order"]
    newest = stamp.groupby(frame["object"]).transform("max")
    kept = frame[(stamp == newest) & ~frame.duplicated(["object", "component", "run", "order"])]
    in_order = kept.sort_values("number", kind="stable")
    return table.take(in_order.index.to_numpy())


def _segments(place: StoreFiles) -> list[str]:
    names = (file.path for file in place.files_in(OUTCOMES_FOLDER))
    return sorted(
        path
        for path in names
        if path.endswith((".jsonl", ".parquet")) and not path.rpartition("/")[2].startswith(".")
    )


def as_table(rows: Iterable[OutcomeRow]) -> Any:
    """Rows as a ``pyarrow.Table``."""
    import pyarrow

    return pyarrow.Table.from_pylist([row.model_dump() for row in rows], schema=_schema())


def _schema() -> Any:
    import pyarrow

    names = OutcomeRow.model_fields
    return pyarrow.schema([(name, pyarrow.type_for_alias(_arrow_type(name))) for name in names])


def _arrow_type(name: str) -> str:
    annotation: Any = OutcomeRow.model_fields[name].annotation
    kinds = [kind for kind in (annotation, *get_args(annotation)) if kind in _ARROW_TYPES]
    return _ARROW_TYPES[kinds[0]] if kinds else "string"


def _parquet_bytes(table: Any) -> bytes:
    import pyarrow.parquet as parquet

    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def _from_parquet(content: bytes, path: str) -> Any:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path) from error
    if table.schema.remove_metadata() != _schema():
        raise _damaged(path)
    return table


def _from_lines(content: bytes, path: str) -> list[OutcomeRow]:
    try:
        return [OutcomeRow.model_validate_json(line) for line in content.splitlines()]
    except ValidationError as error:
        raise _damaged(path) from error


def _damaged(path: str) -> StorageError:
    return StorageError(
        f"outcomes '{path}': damaged, or written by another version; remove that file and run the "
        "batch again: what was made is found in the store"
    )
