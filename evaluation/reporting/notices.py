"""What a reader must hear before the means: suspicions, parts that are lost, faults of files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.functional.counts import plain_name
from evaluation.reporting.summary import LevelSummary, object_key
from evaluation.reporting.wording import metric_title, number
from evaluation.rows import ScoreRow

_PARTS_TOLD = 6
_NAMES_IN_BRACKETS = 3
_OF_A_PART = re.compile(r"^(?P<file>.*?), part '(?P<part>.*?)': (?P<fault>.*)$", re.DOTALL)


@dataclass(frozen=True)
class ObjectIssue:
    """What is to be known about one object, in one line."""

    dataset: str
    object_id: str
    text: str

    @property
    def says_name(self) -> bool:
        """Whether the text begins with the object, as the names of its files do."""
        return self.text.startswith(self.object_id)

    @property
    def line(self) -> str:
        """The text with the object before it, said once."""
        return self.text if self.says_name else f"{self.object_id}: {self.text}"


@dataclass(frozen=True)
class LostPart:
    """A part that has no usable prediction in objects of which others have one.

    Attributes:
        name: as the first of these objects calls it.
        lost: in how many objects it is missing.
        present: how many objects have it.
    """

    name: str
    lost: int
    present: int


def hints_of(rows: Sequence[ScoreRow]) -> list[ObjectIssue]:
    """Suspicions about axes, scale and names by object, of the first protocol that has some.

    Protocols sample alike objects otherwise, so they would tell one suspicion in other figures.
    """
    first: dict[tuple[str, str], ScoreRow] = {}
    for row in sorted(rows, key=lambda each: (each.dataset, each.object_id)):
        if row.hints:
            first.setdefault((row.dataset, row.object_id), row)
    return [ObjectIssue(*key, hint) for key, row in first.items() for hint in row.hints]


def data_issues(rows: Sequence[ScoreRow]) -> list[ObjectIssue]:
    """All issues of the data by object; one that several parts share is told once."""
    by_object: dict[tuple[str, str], dict[str, None]] = {}
    for row in sorted(rows, key=lambda each: (each.dataset, each.object_id)):
        if row.issues:
            known = by_object.setdefault((row.dataset, row.object_id), {})
            known.update(dict.fromkeys(row.issues))
    return [
        ObjectIssue(*key, text) for key, texts in by_object.items() for text in _merged(list(texts))
    ]


def lost_parts(rows: Sequence[ScoreRow]) -> list[LostPart]:
    """Parts missing in objects that were made otherwise, the most often lost first.

    Args:
        rows: of any protocols; those of the first that reports missing parts are counted.
    """
    wholes = [row for row in rows if row.level == "object" and row.state == "scored"]
    first = next((row.protocol for row in wholes if row.missing), None)
    counted = [row for row in wholes if row.protocol == first]
    keys = {object_key(row) for row in counted}
    owners: dict[str, set[str]] = {}
    for row in rows:
        if row.level == "part" and row.state != "unscored" and object_key(row) in keys:
            owners.setdefault(plain_name(row.name), set()).add(object_key(row))
    names: dict[str, str] = {}
    lost: dict[str, set[str]] = {}
    for row in sorted(counted, key=object_key):
        for name in row.missing:
            names.setdefault(plain_name(name), name)
            lost.setdefault(plain_name(name), set()).add(object_key(row))
    found = [
        LostPart(names[key], len(objects), len(objects | owners.get(key, set())))
        for key, objects in lost.items()
    ]
    return sorted(found, key=lambda each: (-each.lost, each.name))


def lost_in_words(rows: Sequence[ScoreRow]) -> str:
    """Which parts are lost and in how many objects; empty where none is.

    Example:
        >>> lost_in_words([])
        ''
    """
    found = lost_parts(rows)
    if not found:
        return ""
    told = [f"'{each.name}' in {_objects_in_words(each)}" for each in found[:_PARTS_TOLD]]
    if len(found) > _PARTS_TOLD:
        told.append(f"and {len(found) - _PARTS_TOLD} other parts")
    return f"parts without a usable prediction: {', '.join(told)}"


def shell_words(summary: LevelSummary) -> list[str]:
    """What a mean over solids and shells is made of, a line per metric; empty where not mixed."""
    lines: list[str] = []
    for split in summary.shells:
        text = (
            f"{metric_title(split.metric)}: {split.shells} of {split.shells + split.solids} made "
            f"have an open true surface and are compared as shells, mean "
            f"{number(split.shell_mean)}"
        )
        if split.solid_mean is not None:
            text += f"; {split.solids} as solids, mean {number(split.solid_mean)}"
        lines.append(text)
    return lines


def _objects_in_words(part: LostPart) -> str:
    if part.present == 1:
        return "the only object that has it"
    if part.lost == part.present:
        return f"all {part.present} objects that have it"
    return f"{part.lost} of {part.present} objects that have it"


def _merged(texts: Sequence[str]) -> list[str]:
    """Issues that differ in the part only, as one."""
    parts: dict[str | tuple[str, str], list[str]] = {}
    for text in texts:
        found = _OF_A_PART.match(text)
        key = (found["file"], found["fault"]) if found else text
        parts.setdefault(key, []).append(found["part"] if found else "")
    lines: list[str] = []
    for key, names in parts.items():
        if isinstance(key, str):
            lines.append(key)
        elif len(names) == 1:
            lines.append(f"{key[0]}, part '{names[0]}': {key[1]}")
        else:
            shown = ", ".join(names[:_NAMES_IN_BRACKETS])
            more = ", ..." if len(names) > _NAMES_IN_BRACKETS else ""
            lines.append(f"{key[0]}, {len(names)} parts ({shown}{more}): {key[1]}")
    return lines
