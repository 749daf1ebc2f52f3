"""What the user says of each component, before it is tied to an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmpart_core.errors import InputError
from mmpart_core.intake.component_files import read_entries
from mmpart_core.intake.names import clean_name, comparable
from mmpart_core.intake.region_hints import RegionHint, parse_region
from mmpart_core.quoting import quoted, quoted_list

MAX_COMPONENTS = 64
MAX_COUNT = 64
MAX_HIDDEN_CHARS = 2000
_KEYS = ("name", "hidden", "region", "count")


@dataclass(frozen=True)
class ComponentEntry:
    """One component as the user wrote it.

    Attributes:
        name: trimmed and composed (NFC).
        hidden: the user's words for its hidden area, untouched.
        region: where it is, in the user's own units.
        count: how many separate pieces the name stands for.
        where: file and entry, for messages.
    """

    name: str
    hidden: str = ""
    region: RegionHint | None = None
    count: int = 1
    where: str = "component"


def read_components(path: Path) -> tuple[ComponentEntry, ...]:
    """Read a component list from a YAML, JSON or CSV file.

    YAML and JSON: ``components: [...]`` or the bare list; an entry is a name, or a mapping with
    ``name`` and, as wanted, ``hidden``, ``count`` and ``region`` (one of ``box`` [left, top,
    right, bottom], ``points``, ``polygon`` or ``mask``, see ``region_hints.parse_region``). CSV:
    a heading with ``name`` and, as wanted, ``hidden``, ``count`` and ``box`` (four numbers
    separated by spaces).

    Args:
        path: the file; its suffix says which form it has.

    Raises:
        InputError: names the file and the entry, what was expected, and what came.
    """
    entries = [
        parse_entry(value, f"{path.name}, {position}", path.parent)
        for position, value in read_entries(path)
    ]
    return check_components(entries, path.name)


def parse_part(text: str) -> ComponentEntry:
    """One component from ``name`` or ``name = words for its hidden area``.

    Raises:
        InputError: no name, or one that is not allowed.

    Example:
        >>> parse_part("man = the head under the hat is bald").hidden
        'the head under the hat is bald'
    """
    name, _, hidden = text.partition("=")
    where = f"part {quoted(text)}"
    return ComponentEntry(
        name=clean_name(name, where), hidden=_hidden(hidden.strip(), where), where=where
    )


def check_components(entries: Sequence[ComponentEntry], where: str) -> tuple[ComponentEntry, ...]:
    """Check a list as a whole; lists joined from several sources need it once more.

    Args:
        entries: components in the user's order.
        where: file or option, for messages.

    Raises:
        InputError: no components, more than 64, or two of one name (see ``names.comparable``).
    """
    if not entries:
        raise InputError(
            f"{where}: no components, at least one expected; name each part to make, for instance "
            "'components: [hat, man]'"
        )
    if len(entries) > MAX_COMPONENTS:
        raise InputError(
            f"{where}: {len(entries)} components, at most {MAX_COMPONENTS} expected; join small "
            "parts under one name with a count (wheels, count 4), or split the object"
        )
    first: dict[str, ComponentEntry] = {}
    for entry in entries:
        same = first.setdefault(comparable(entry.name), entry)
        if same is not entry:
            taken = (
                f"taken by {same.where}, '{same.name}'"
                if entry.where != same.where
                else "there twice"
            )
            raise InputError(
                f"{entry.where}: the name '{entry.name}' is {taken}; names must differ in more "
                "than case and spaces: rename one, or use one entry with a count"
            )
    return tuple(entries)


def parse_entry(value: Any, where: str, folder: Path) -> ComponentEntry:
    """One component from a name, or from a mapping as component lists hold.

    Args:
        value: plain data.
        where: file and entry, for messages.
        folder: what a mask's path is relative to.

    Raises:
        InputError: names what was expected, and what came.
    """
    if not isinstance(value, dict):
        return ComponentEntry(name=clean_name(value, where), where=where)
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        raise InputError(
            f"{where}: unknown key {quoted_list(unknown)}; allowed are {', '.join(_KEYS)}"
        )
    if value.get("name") is None:
        raise InputError(f"{where}: 'name' is missing; say what the component is called")
    region = value.get("region")
    return ComponentEntry(
        name=clean_name(value["name"], where),
        hidden=_hidden(value.get("hidden"), where),
        region=None if region is None else parse_region(region, where, folder),
        count=_count(value.get("count"), where),
        where=where,
    )


def _hidden(value: object, where: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(
            f"{where}: hidden {quoted(value)} is no text, text expected; put it in quotes"
        )
    if len(value) > MAX_HIDDEN_CHARS:
        raise InputError(
            f"{where}: 'hidden' has {len(value)} characters, at most {MAX_HIDDEN_CHARS} expected; "
            "shorten it"
        )
    if any(ord(c) < 32 and c not in "\t\r\n" for c in value):
        raise InputError(f"{where}: 'hidden' holds a control character; leave it out")
    return value


def _count(value: object, where: str) -> int:
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_COUNT:
        raise InputError(
            f"{where}: count {quoted(value)}, a whole number from 1 to {MAX_COUNT} expected; say "
            "how many separate pieces the name stands for"
        )
    return value
