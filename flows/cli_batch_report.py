"""Shows a data set as it goes, and what came of it."""

import threading
from contextlib import AbstractContextManager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn
from rich.table import Table

from flows.counted_progress import counted
from flows.dataset_outcomes import OutcomeRow
from flows.dataset_progress import DatasetTally, NobodyFollows, dataset_listener
from flows.dataset_table import TABLE_FILE, outcome_tables
from mmpart_core.output.wording import duration, money
from mmpart_core.storage.store_files import StoreFiles

_FAILURES_TOLD = 10


class BatchLines(NobodyFollows):
    """A line per object; on a terminal a bar, and lines of those alone that were not made."""

    def __init__(self, console: Console, progress: Progress | None = None) -> None:
        self._console = console
        self._progress = progress
        self._task: Any = progress.add_task("objects", total=None, now="") if progress else None
        self._lock = threading.Lock()
        self._rows = self._done = self._kept = 0

    def begun(self, rows: int) -> None:
        """See ``DatasetListener.begun``."""
        self._rows = rows
        if self._progress:
            self._progress.update(self._task, total=rows)

    def kept(self, count: int) -> None:
        """See ``DatasetListener.kept``."""
        with self._lock:
            self._kept = count
        self._advance("")

    def started(self, name: str) -> None:
        """See ``DatasetListener.started``."""
        if self._progress:
            self._progress.update(self._task, now=name)

    def ended(self, row: OutcomeRow) -> None:
        """See ``DatasetListener.ended``."""
        with self._lock:
            self._done += 1
        count = self._advance(row.object)
        if self._progress is None or row.state != "made":
            line = f"[{count}/{self._rows}] {outcome_in_words(row)}"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def said(self, line: str) -> None:
        """See ``DatasetListener.said``."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _advance(self, now: str) -> int:
        with self._lock:
            count = self._done + self._kept
        if self._progress:
            self._progress.update(self._task, completed=count, now=now)
        return count


def outcome_in_words(row: OutcomeRow) -> str:
    """One object's outcome on one line."""
    what = f"{row.object}: {row.state}"
    if row.state == "made":
        cached = f", {row.cached} of {row.stages} stages cached" if row.cached else ""
        cost = f", {money(row.cost_usd)}" if row.cost_usd else ""
        return f"{what}: {row.parts_made} parts in {duration(row.seconds)}{cached}{cost}"
    parts = f"{row.parts_made} of {row.parts} parts; " if row.parts_made else ""
    return f"{what}: {parts}{row.error}: {row.message}"


def dataset_shown(console: Console, quiet: bool) -> AbstractContextManager[None]:
    """Within: how a data set goes is shown on a console."""
    return counted(console, quiet, dataset_listener, BatchLines, TimeRemainingColumn())


def counts_table(states: dict[str, int], left: int, reasons: dict[str, int]) -> Table:
    """Objects by state, and those not made by reason."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("outcome")
    table.add_column("objects", justify="right")
    for state, count in states.items():
        table.add_row(state, f"{count:,}")
    if left:
        table.add_row("left", f"{left:,}")
    if reasons:
        table.add_section()
        for reason, count in reasons.items():
            table.add_row(reason, f"{count:,}")
    return table


def print_tally(console: Console, tally: DatasetTally, output: str) -> None:
    """Counts, time, money, and where the outcomes are."""
    console.print(counts_table(tally.states, tally.left, tally.reasons))
    seen = tally.rows - tally.left
    here = seen - tally.kept
    cost = f", cost {money(tally.cost_usd)}" if tally.cost_usd else ""
    before = f", {tally.kept:,} finished before" if tally.kept else ""
    console.print(f"{here:,} objects in {duration(tally.seconds)}{before}{cost}")
    console.print(f"{output.rstrip('/')}/{TABLE_FILE}", markup=False, soft_wrap=True)


def print_failures(console: Console, tally: DatasetTally, place: StoreFiles) -> None:
    """Why the run ended early, and some of the objects that were not made.

    Raises:
        StorageError: the table cannot be read.
    """
    if not tally.complete:
        lines: list[str] = []
        failed = 0
        for table in map(_not_made, outcome_tables(place)):
            failed += table.num_rows
            told = table.slice(length=max(_FAILURES_TOLD - len(lines), 0)).to_pylist()
            lines += [outcome_in_words(OutcomeRow.model_validate(row)) for row in told]
        if failed > len(lines):
            lines.append(f"and {failed - len(lines):,} more, see {TABLE_FILE}")
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if tally.halted:
        console.print(f"ended early: {tally.halted}", markup=False, highlight=False, soft_wrap=True)


def _not_made(table: Any) -> Any:
    """The objects of a table of outcomes that were not made."""
    import pyarrow.compute as compute

    not_made: Any = compute.field("component").is_null() & (compute.field("state") != "made")
    return table.filter(not_made)
