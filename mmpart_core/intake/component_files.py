"""YAML, JSON and CSV files as plain entries, each with its position."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import yaml

from mmpart_core.errors import InputError

MAX_BYTES = 4_000_000
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
            f"component list '{path}': suffix {suffix or 'none'}, one of {', '.join(SUFFIXES)} "
            "expected; rename or convert the file"
        )
    text = read_text(path)
    if suffix == ".csv":
        return _csv_entries(text, path.name)
    data = parse_json(text, path.name) if suffix == ".json" else _parse_yaml(text, path.name)
    return _listed(data, path.name)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file that a user gave.

    Raises:
        InputError: absent, a folder, too large, or not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"'{path}': no such file; check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"'{path}': a folder, a file expected") from error
    except OSError as error:
        raise InputError(f"'{path}': cannot be read ({error.strerror})") from error
    if len(data) > MAX_BYTES:
        raise InputError(
            f"'{path}': {len(data)} bytes, at most {MAX_BYTES} expected; is it the right file?"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"'{path}': not UTF-8 text (byte {error.start} is 0x{data[error.start]:02x}); save the "
            "file as UTF-8"
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
    except RecursionError as error:
        raise InputError(f"{file_name}: nested too deeply; is it the right file?") from error


def _parse_yaml(text: str, file_name: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{file_name}{line}: not valid YAML ({error.problem or error.context}); correct that "
            "line, put text with colons or quotes in quotes"
        ) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date
        raise InputError(f"{file_name}: not valid YAML ({error}); correct it") from error
    except RecursionError as error:
        raise InputError(f"{file_name}: nested too deeply; is it the right file?") from error


def _listed(data: Any, file_name: str) -> list[tuple[str, Any]]:
    if isinstance(data, dict):
        unknown = [str(key) for key in data if key != "components"]
        if unknown:
            raise InputError(
                f"{file_name}: unknown key {', '.join(map(repr, unknown))}; allowed is 'components'"
            )
        data = data["components"] if data else None
    if data is None:
        return []
    if not isinstance(data, list):
        raise InputError(
            f"{file_name}: a list of components expected ('components: [hat, man]'), got "
            f"{type(data).__name__}"
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
            f"{file_name}, row 1: columns {', '.join(columns) or 'none'}; a heading with 'name' "
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
        entry["count"] = int(count) if count.isascii() and count.isdigit() else count
    if box:
        try:
            entry["region"] = {"box": [float(number) for number in box.split()]}
        except ValueError as error:
            raise InputError(
                f"{where}: box '{box}', four numbers separated by spaces expected (left top right "
                "bottom)"
            ) from error
    return entry
