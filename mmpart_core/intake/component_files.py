"""YAML, JSON and CSV files as plain entries, each with its position."""

import csv
import io
import json
from pathlib import Path
from typing import Any

from mmpart_core.errors import InputError
from mmpart_core.intake.files import read_limited
from mmpart_core.plain_yaml import parse_yaml
from mmpart_core.quoting import quoted, quoted_list, shown_path

# 64 components with 2000 characters of words and a polygon of 2000 corners each (all their limits
# at once) take about 3 million bytes.
MAX_BYTES = 4_000_000
_MAX_DIGITS = 9
SUFFIXES = (".yaml", ".yml", ".json", ".csv")
_COLUMNS = ("name", "hidden", "count", "box")


def read_entries(path: Path) -> list[tuple[str, Any]]:
    """The entries of a component list, unchecked.

    Args:
        path: YAML, JSON or CSV file, UTF-8.

    Returns:
        Pairs of position ("entry 3", "row 4") and value.

    Raises:
        InputError: the file cannot be read, or is not of the form its suffix says.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"component list {shown_path(path)}: suffix {suffix or 'none'}, one of "
            f"{', '.join(SUFFIXES)} expected; rename or convert the file"
        )
    text = read_text(path, "component list")
    if suffix == ".csv":
        return _csv_entries(text, path.name)
    if suffix == ".json":
        data = parse_json(text, path.name)
    else:
        data = parse_yaml(text, path.name, InputError)
    return _listed(data, path.name)


def read_text(path: Path, what: str) -> str:
    """The text of a UTF-8 file that a user gave.

    Args:
        path: the file.
        what: what it is called in messages.

    Raises:
        InputError: absent, a folder, larger than ``MAX_BYTES``, or not UTF-8.
    """
    data = read_limited(path, what, MAX_BYTES, "is it the right file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{what} {shown_path(path)}: not UTF-8 text (byte {error.start} is "
            f"0x{data[error.start]:02x}); save the file as UTF-8"
        ) from error


def parse_json(text: str, file_name: str) -> Any:
    """JSON, or an error with the line.

    Raises:
        InputError: not JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{file_name}, line {error.lineno}, column {error.colno}: not valid JSON "
            f"({error.msg}); correct that line"
        ) from error
    except ValueError as error:  # a whole number of thousands of digits
        raise InputError(f"{file_name}: not usable JSON ({error}); correct it") from error
    except RecursionError as error:
        raise InputError(f"{file_name}: nested too deeply; is it the right file?") from error


def _listed(data: Any, file_name: str) -> list[tuple[str, Any]]:
    if isinstance(data, dict):
        unknown = [key for key in data if key != "components"]
        if unknown:
            raise InputError(
                f"{file_name}: unknown key {quoted_list(unknown)}; allowed is 'components'"
            )
        data = data["components"] if data else None
    if data is None:
        return []
    if not isinstance(data, list):
        raise InputError(
            f"{file_name}: a list of components expected ('components: [hat, man]'), got "
            f"{quoted(data)}"
        )
    return [(f"entry {number}", value) for number, value in enumerate(data, start=1)]


def _csv_entries(text: str, file_name: str) -> list[tuple[str, Any]]:
    heading = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.DictReader(
        io.StringIO(text.lstrip(), newline=""), delimiter=delimiter, strict=True
    )
    try:
        columns = [str(column).strip().lower() for column in reader.fieldnames or []]
        _check_columns(columns, file_name)
        reader.fieldnames = columns
        return [
            (f"row {reader.line_num}", _csv_entry(row, f"{file_name}, row {reader.line_num}"))
            for row in reader
            if any(cell for cell in row.values())
        ]
    except csv.Error as error:
        raise InputError(
            f"{file_name}, row {reader.line_num}: not valid CSV ({error}); put text with commas or "
            "quotes in double quotes"
        ) from error


def _check_columns(columns: list[str], file_name: str) -> None:
    unknown = [column for column in columns if column not in _COLUMNS]
    if unknown or "name" not in columns or len(set(columns)) != len(columns):
        raise InputError(
            f"{file_name}, row 1: columns {quoted_list(columns) or 'none'}; a heading with 'name' "
            f"and, as wanted, {', '.join(_COLUMNS[1:])} expected, each once"
        )


def _csv_entry(row: dict[Any, Any], where: str) -> dict[str, Any]:
    if None in row:
        raise InputError(f"{where}: more cells than columns; put text with commas in double quotes")
    entry: dict[str, Any] = {"name": row["name"] or ""}
    if row.get("hidden"):
        entry["hidden"] = row["hidden"]
    count, box = (str(row.get(key) or "").strip() for key in ("count", "box"))
    if count:
        whole = count.isascii() and count.isdigit() and len(count) <= _MAX_DIGITS
        entry["count"] = int(count) if whole else count
    if box:
        try:
            entry["region"] = {"box": [float(number) for number in box.split()]}
        except ValueError as error:
            raise InputError(
                f"{where}: box {quoted(box)}, four numbers separated by spaces expected (left "
                "top right bottom)"
            ) from error
    return entry
