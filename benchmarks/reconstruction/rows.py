"""The table of results: one row per part, method and seed, written as it comes."""

import csv
import threading
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.reconstruction.condition import Condition
from benchmarks.reconstruction.methods import Method
from benchmarks.reconstruction.parts import KnownPart
from mmpart_core.errors import InputError

ROWS, CONDITION = "rows.csv", "condition.json"
IDENTITY = ("object", "part", "method", "seed", "definition")
# What is 0 where a method failed, and what only those that were made have.
SCORES = ("f_02", "f_01", "f_seen_02", "precision_02", "recall_seen_02", "normals", "iou",
          "watertight")  # fmt: skip
FIGURES = (
    *SCORES, "chamfer", "psnr_db", "color_psnr_db", "bodies", "faces", "train_cpu_s",
    "total_cpu_s", "train_wall_s", "total_wall_s", "peak_mb", "gpu_mb", "confidence",
)  # fmt: skip
COLUMNS = (*IDENTITY, "failed", *FIGURES)


def row_of(part: KnownPart, method: Method, seed: int, answer: dict[str, Any]) -> dict[str, Any]:
    """A row from what a child answered."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"object": part.object_id, "part": part.part, "method": method.name, "seed": seed}
    return row | {"definition": method.definition(), "failed": ""} | answer


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
        said = condition.model_dump_json(indent=1)
        written = folder / CONDITION
        if written.exists() and Condition.model_validate_json(written.read_text()) != condition:
            raise InputError(
                f"{folder}: holds a run with other views ({written}); choose another output folder"
            )
        written.write_text(said)
        self._path = folder / ROWS
        self._lock = threading.Lock()
        self._done = set[tuple[str, ...]]()
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                self._done = {tuple(row[key] for key in IDENTITY) for row in csv.DictReader(file)}

    def has(self, part: KnownPart, method: Method, seed: int) -> bool:
        """Whether that row is there, by the same back-ends and settings."""
        key = (part.object_id, part.part, method.name, str(seed), method.definition())
        return key in self._done

    def append(self, row: dict[str, Any]) -> None:
        """Write one more."""
        with self._lock:
            new = not self._path.exists()
            with self._path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                if new:
                    writer.writeheader()
                writer.writerow(row)
            self._done.add(tuple(str(row[key]) for key in IDENTITY))


def read_rows(folder: Path) -> pd.DataFrame:
    """A run's rows; failures have 0 for ``SCORES``. The last row of an identity counts.

    Where a method was run under several definitions only the last one's rows are given.

    Raises:
        InputError: there are none.
    """
    path = folder / ROWS
    if not path.exists():
        raise InputError(f"{path}: expected the rows of a run, found no such file")
    table = pd.read_csv(path, dtype={"failed": str, "part": str}, keep_default_na=False,
                        na_values={name: [""] for name in FIGURES})  # fmt: skip
    table = table.drop_duplicates(list(IDENTITY), keep="last")
    newest = table.groupby("method")["definition"].transform("last")
    table = table[table["definition"] == newest].copy()
    for name in SCORES:
        table.loc[table["failed"] != "", name] = 0.0
    return table.reset_index(drop=True)
