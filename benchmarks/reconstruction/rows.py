"""The table of results: one row per part, method and seed, written as it comes."""

import csv
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.methods import Method
from benchmarks.reconstruction.parts import KnownPart
from mmpart_core.errors import InputError

ROWS, CONDITION = "rows.csv", "condition.json"
IDENTITY = ("object", "part", "method", "seed", "definition")
# What is 0 where a method failed; the other figures only what was made has.
SCORES = ("f_02", "f_01", "f_seen_02", "precision_02", "recall_seen_02", "normals", "iou",
          "watertight")  # fmt: skip
FIGURES = (
    *SCORES, "chamfer", "psnr_db", "color_psnr_db", "bodies", "faces", "train_cpu_s",
    "total_cpu_s", "train_wall_s", "total_wall_s", "peak_mb", "gpu_mb", "confidence",
)  # fmt: skip
CRASHED = "the process ended with status"  # no answer of the method: such a row is made again
COLUMNS: list[str] = [*IDENTITY, "failed", *FIGURES]


@dataclass(frozen=True)
class Row:
    """One result.

    Attributes:
        part: what was made.
        method: how, by name.
        seed: of training and of what is wrong with the views.
        definition: back-ends and settings.
        failed: why there is nothing; empty where there is.
        figures: values of ``FIGURES``, those that there are; 0 for ``SCORES`` of a failure.
    """

    part: KnownPart
    method: str
    seed: int
    definition: str
    failed: str
    figures: dict[str, float]


def row_of(part: KnownPart, method: Method, seed: int, answer: dict[str, Any]) -> dict[str, Any]:
    """A line of the file from what a child answered."""
    line: dict[str, Any] = dict.fromkeys(COLUMNS)
    line |= {"object": part.object_id, "part": part.part, "method": method.name, "seed": seed}
    return line | {"definition": method.definition(), "failed": ""} | answer


class Rows:
    """Rows of one run in its folder; a run that is begun again goes on."""

    def __init__(self, folder: Path, condition: Condition) -> None:
        """Open or begin a run.

        Args:
            folder: of the run.
            condition: how its views are made.

        Raises:
            InputError: the folder holds a run under another condition.
        """
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / CONDITION
        if written.exists() and read_condition(folder) != condition:
            raise InputError(
                f"{folder}: holds a run with other views ({written}); choose another output folder"
            )
        written.write_text(condition.model_dump_json(indent=1), encoding="utf-8")
        self._path = folder / ROWS
        self._lock = threading.Lock()
        self._done: set[tuple[str, ...]] = set()
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                for line in csv.DictReader(file):
                    self._note(line)

    def has(self, part: KnownPart, method: Method, seed: int) -> bool:
        """Whether that row is there, by the same back-ends and settings."""
        key = (part.object_id, part.part, method.name, str(seed), method.definition())
        return key in self._done

    def append(self, line: dict[str, Any]) -> None:
        """Write one more."""
        with self._lock:
            new = not self._path.exists()
            with self._path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                if new:
                    writer.writeheader()
                writer.writerow(line)
            self._note(line)

    def _note(self, line: dict[str, Any]) -> None:
        if not line["failed"].startswith(CRASHED):
            self._done.add(tuple(str(line[key]) for key in IDENTITY))


def read_condition(folder: Path) -> Condition:
    """How the views of a run were made.

    Raises:
        InputError: the folder holds no run.
    """
    path = folder / CONDITION
    if not path.exists():
        raise InputError(f"{path}: expected the folder of a run, found no such file")
    return Condition.model_validate_json(path.read_text(encoding="utf-8"))


def read_rows(folder: Path) -> list[Row]:
    """A run's rows, in the order in which their methods first came.

    Where a method was run under several definitions, only the last one's rows are given.

    Raises:
        InputError: there are none.
    """
    path = folder / ROWS
    if not path.exists():
        raise InputError(f"{path}: expected the rows of a run, found no such file")
    with path.open(newline="", encoding="utf-8") as file:
        rows = [_row(line) for line in csv.DictReader(file)]
    newest = {row.method: row.definition for row in rows}
    order = list(newest)
    kept = {(row.part, row.method, row.seed): row for row in rows
            if row.definition == newest[row.method]}  # fmt: skip
    return sorted(kept.values(), key=lambda row: (order.index(row.method), row.part, row.seed))


def _row(line: dict[str, str]) -> Row:
    figures = {name: float(line[name]) for name in FIGURES if line[name]}
    if line["failed"]:
        figures |= dict.fromkeys(SCORES, 0.0)
    part = KnownPart(line["object"], line["part"])
    return Row(part, line["method"], int(line["seed"]), line["definition"], line["failed"], figures)
