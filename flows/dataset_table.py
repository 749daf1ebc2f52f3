"""The table of outcomes in a data set's output: added to safely, read as one.

A finished object is one small file of JSON lines, ``state/outcomes/<run>-<order>.jsonl``, written
whole or not at all. A run rolls many of them into one Parquet file of the same name, so that there
are never many; when it ends, all become ``outcomes.parquet``. Rows are never changed: of an
object's rows those of the latest run and order count, and it does no harm to read them twice.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from flows.dataset_latest import LatestRows
from flows.dataset_outcomes import OutcomeRow
from flows.dataset_pieces import (
    LINES,
    PARQUET,
    Piece,
    as_table,
    lines_pieces,
    outcome_schema,
    parquet_bytes,
    parquet_pieces,
)
from mmpart_core.storage.store_files import StoreFiles

TABLE_FILE = "outcomes.parquet"
OUTCOMES_FOLDER = "state/outcomes"
# Small files that are rolled into one, or rows in them, which a run holds until then; and how many
# rows without work of their own (invalid ones) are written at a time.
ROLLED_FILES, ROLLED_ROWS = 500, 10_000
BUFFERED_ROWS = 200


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
        path = f"{OUTCOMES_FOLDER}/{self._run:05d}-{self._order:08d}{LINES}"
        lines = "".join(f"{row.model_dump_json()}\n" for row in self._buffer)
        self._place.write_file(path, lines.encode())
        self._written.append(path)
        self._unrolled += self._buffer
        self._buffer = []
        if len(self._written) >= ROLLED_FILES or len(self._unrolled) >= ROLLED_ROWS:
            self._roll()

    def _roll(self) -> None:
        path = self._written[-1].replace(LINES, PARQUET)
        self._place.write_file(path, parquet_bytes([as_table(self._unrolled)]))
        for written in self._written:
            self._place.delete_file(written)
        self._written, self._unrolled = [], []


def load_outcomes(place: StoreFiles, columns: Sequence[str] | None = None) -> Any:
    """The latest rows of all objects, in the order of the manifest, each object before its parts.

    Args:
        place: the data set's output.
        columns: which; None for all.

    Returns:
        A ``pyarrow.Table`` with columns of ``OutcomeRow``.

    Raises:
        StorageError: the output cannot be read, or a file of it is damaged.
    """
    import pyarrow

    nothing = outcome_schema(columns).empty_table()
    return pyarrow.concat_tables([nothing, *outcome_tables(place, columns)])


def outcome_tables(place: StoreFiles, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """As ``load_outcomes``, some thousand objects at a time.

    Raises:
        StorageError: as there.
    """
    return _latest(place, _segments(place)).tables(columns)


def compact(place: StoreFiles) -> None:
    """Make one file of all that was added; only while nobody else writes.

    Raises:
        StorageError: the output cannot be read or written.
    """
    segments = _segments(place)
    if not segments:
        return
    place.write_file(TABLE_FILE, parquet_bytes(_latest(place, segments).tables()))
    for path in segments:
        place.delete_file(path)


def _latest(place: StoreFiles, segments: Sequence[str]) -> LatestRows:
    files: list[list[Piece]] = []
    lines: list[tuple[str, bytes]] = []
    for path in (TABLE_FILE, *segments):
        content = place.read_file(path)
        if content is None:  # there is none yet; or its run has rolled it up meanwhile
            continue
        if path.endswith(PARQUET):
            files.append(parquet_pieces(content, path))
        else:
            lines.append((path, content))
    return LatestRows([*files, lines_pieces(lines)])


def _segments(place: StoreFiles) -> list[str]:
    names = (file.path for file in place.files_in(OUTCOMES_FOLDER))
    return sorted(
        path
        for path in names
        if path.endswith((LINES, PARQUET)) and not path.rpartition("/")[2].startswith(".")
    )
