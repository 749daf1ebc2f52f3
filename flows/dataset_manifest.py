"""A data set's manifest as a stream of rows: CSV, JSON lines, Parquet, or a folder of images."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import fsspec

from flows.dataset_files import OBJECT_STORES, images_in, is_remote, parent_of
from mmpart_core.errors import InputError
from mmpart_core.quoting import first_line, quoted_list
from mmpart_core.storage.object_stores import with_defaults

# The columns of a manifest; all others are left alone.
COLUMNS = ("image", "id", "components", "camera", "seed")
# 64 components with all their words and corners, see ``component_files.MAX_BYTES``.
MAX_LINE_CHARS = 4_000_000
_PARQUET_ROWS = 256
_UNREADABLE = re.compile(r"[\udc80-\udcff]")


@dataclass(frozen=True)
class ManifestRow:
    """One row as it was given.

    Attributes:
        number: from 1, in the order of the manifest.
        where: manifest and row, for messages.
        values: of the columns in ``COLUMNS`` that say something.
        fault: why the row itself cannot be read; empty where it can.
    """

    number: int
    where: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: str = ""


def base_of(source: str) -> str:
    """What paths in a manifest are relative to."""
    return parent_of(source) if _suffix(source) in _READERS else source.rstrip("/")


def read_rows(source: str) -> Iterator[ManifestRow]:
    """All rows, one after the other; rows that cannot be read are told as such.

    Args:
        source: ``.csv``, ``.jsonl`` (or ``.ndjson``) or ``.parquet``, or a folder or prefix of
            images with component lists beside them; paths or addresses of object stores.

    Raises:
        InputError: there is no such manifest, it has no column ``image``, or it breaks off.
        StorageError: a folder cannot be listed.
    """
    name = source.rstrip("/").rpartition("/")[2]
    reader = _READERS.get(_suffix(source))
    if reader is None:
        yield from _folder_rows(source, name)
        return
    number = 0
    try:
        with _opened(source) as stream, closing(reader(stream, name)) as rows:
            for number, row in enumerate(rows, start=1):
                yield ManifestRow(number, f"{name}, row {number}", row.values, row.fault)
    except (OSError, ValueError) as error:
        raise InputError(
            f"manifest '{source}': cannot be read after row {number} ({first_line(error)}); "
            "check the file and that it can be reached"
        ) from error


def count_rows(source: str, limit: int | None) -> int:
    """How many rows a manifest has, ``limit`` at most.

    Raises:
        InputError, StorageError: as ``read_rows``; an InputError where there is none.
    """
    count = 0
    for _ in read_rows(source):
        count += 1
        if limit is not None and count >= limit:
            break
    if count == 0:
        raise InputError(f"{Path(source).name}: no rows; one per object expected")
    return count


@dataclass(frozen=True)
class _Row:
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    fault: str = ""


def _suffix(source: str) -> str:
    return Path(source).suffix.lower()


def _opened(source: str) -> IO[bytes]:
    """A manifest as bytes.

    Raises:
        InputError: it is not there, or of no kind that is read.
    """
    scheme = source.partition("://")[0] if is_remote(source) else ""
    if scheme and scheme not in OBJECT_STORES:
        raise InputError(
            f"manifest '{source}': not read from {scheme} addresses; a file, a folder or an "
            f"address of {', '.join(OBJECT_STORES)} expected"
        )
    try:
        target = source if scheme else str(Path(source).expanduser())
        opened: Any = fsspec.open(target, "rb", **with_defaults(target, {}))
        return opened.open()
    except OSError as error:
        raise InputError(
            f"manifest '{source}': cannot be read ({error.strerror or first_line(error)}); check "
            "the path"
        ) from error


def _text(stream: IO[bytes]) -> io.TextIOWrapper:
    # A byte that is no UTF-8 spoils its own row, not all that follow.
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _csv_rows(stream: IO[bytes], name: str) -> Iterator[_Row]:
    csv.field_size_limit(MAX_LINE_CHARS)
    with _text(stream) as lines:
        reader = csv.reader(lines, strict=True)
        heading = [cell.strip().lower() for cell in next(reader, [])]
        _check_heading(heading, name)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _Row(fault=f"not valid CSV ({error}); put text with commas in double quotes")
                continue
            if any(cell.strip() for cell in cells):
                yield _csv_row(heading, cells)


def _csv_row(heading: list[str], cells: list[str]) -> _Row:
    if len(cells) > len(heading):
        return _Row(fault="more cells than columns; put text with commas in double quotes")
    if any(_UNREADABLE.search(cell) for cell in cells):
        return _Row(fault="not UTF-8 text; save the manifest as UTF-8")
    return _kept(dict(zip(heading, cells, strict=False)))


def _check_heading(heading: list[str], name: str) -> None:
    if "image" not in heading or len(set(heading)) != len(heading):
        raise InputError(
            f"{name}, heading: columns {quoted_list(heading) or 'none'}; 'image' and, as wanted, "
            f"{', '.join(COLUMNS[1:])} expected, each once"
        )


def _json_rows(stream: IO[bytes], name: str) -> Iterator[_Row]:
    with _text(stream) as lines:
        while line := lines.readline(MAX_LINE_CHARS + 1):
            if len(line) > MAX_LINE_CHARS:
                while line and not line.endswith("\n"):
                    line = lines.readline(MAX_LINE_CHARS)
                yield _Row(fault=f"more than {MAX_LINE_CHARS} characters on one line")
            elif line.strip():
                yield _json_row(line)


def _json_row(line: str) -> _Row:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _Row(fault=f"not valid JSON ({first_line(error)}); one object per line expected")
    if not isinstance(data, dict):
        return _Row(fault=f"{type(data).__name__}, an object with 'image' expected")
    return _kept(data)


def _parquet_rows(stream: IO[bytes], name: str) -> Iterator[_Row]:
    import pyarrow.parquet as parquet

    table = parquet.ParquetFile(stream)
    _check_heading(list(table.schema_arrow.names), name)
    wanted = [column for column in COLUMNS if column in table.schema_arrow.names]
    for batch in table.iter_batches(_PARQUET_ROWS, columns=wanted):
        yield from map(_kept, batch.to_pylist())


def _kept(values: dict[str, Any]) -> _Row:
    return _Row({name: values[name] for name in COLUMNS if values.get(name) not in (None, "")})


def _folder_rows(source: str, name: str) -> Iterator[ManifestRow]:
    if not is_remote(source) and not Path(source).expanduser().is_dir():
        kinds = ", ".join(_READERS)
        raise InputError(f"manifest '{source}': neither a folder of images nor a file of {kinds}")
    number = 0
    for number, found in enumerate(images_in(source), start=1):
        stem = found.path.rpartition(".")[0]
        values = {"image": found.path, "id": stem.replace("/", "-")}
        if found.sidecar:
            values["components"] = found.sidecar
        yield ManifestRow(number, f"{name}/{found.path}", values)
    if not number:
        raise InputError(f"manifest '{source}': no PNG, JPEG or WebP images in it; check the path")


_READERS: dict[str, Callable[[IO[bytes], str], Any]] = {
    ".csv": _csv_rows,
    ".jsonl": _json_rows,
    ".ndjson": _json_rows,
    ".parquet": _parquet_rows,
}
