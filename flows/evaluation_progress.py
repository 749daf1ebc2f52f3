"""Shows an evaluation as it goes: a bar on a terminal, a line per object elsewhere."""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from evaluation.reporting.worst import ranking_metric
from evaluation.rows import ScoreRow
from flows.cli_report import failure_lines
from flows.counted_progress import counted
from mmpart_core.records import ObjectResult

_PARTS_TOLD = 3


class EvaluationListener(Protocol):
    """Told about an evaluation as it goes; called from several threads."""

    def begun(self, steps: int) -> None:
        """So many objects are to be scored, each once per round."""
        ...

    def said(self, line: str) -> None:
        """Something to be told on a line of its own."""
        ...

    def generating(self, what: str) -> None:
        """An object is being made."""
        ...

    def generated(self, what: str, result: ObjectResult | None, fault: str | None) -> None:
        """An object was made, or could not be."""
        ...

    def scored(self, what: str, rows: Sequence[ScoreRow], cached: bool) -> None:
        """An object was scored."""
        ...


class NobodyWatches:
    """A listener that does nothing."""

    def begun(self, steps: int) -> None:
        """See ``EvaluationListener.begun``."""

    def said(self, line: str) -> None:
        """See ``EvaluationListener.said``."""

    def generating(self, what: str) -> None:
        """See ``EvaluationListener.generating``."""

    def generated(self, what: str, result: ObjectResult | None, fault: str | None) -> None:
        """See ``EvaluationListener.generated``."""

    def scored(self, what: str, rows: Sequence[ScoreRow], cached: bool) -> None:
        """See ``EvaluationListener.scored``."""


_SILENT = NobodyWatches()
evaluation_listener: ContextVar[EvaluationListener] = ContextVar(
    "mmpart_evaluation_listener", default=_SILENT
)


class EvaluationLines(NobodyWatches):
    """A line per object made and per object scored; on a terminal a bar below them."""

    def __init__(self, console: Console, progress: Progress | None = None) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("objects", total=None, now="") if progress else None
        self._lock = threading.Lock()
        self._steps, self._done = 0, 0

    def begun(self, steps: int) -> None:
        """See ``EvaluationListener.begun``."""
        self._steps = steps
        if self._progress and self._task is not None:
            self._progress.update(self._task, total=steps)

    def said(self, line: str) -> None:
        """See ``EvaluationListener.said``."""
        self._say(line)

    def generating(self, what: str) -> None:
        """See ``EvaluationListener.generating``."""
        if self._progress and self._task is not None:
            self._progress.update(self._task, now=f"making {what}")

    def generated(self, what: str, result: ObjectResult | None, fault: str | None) -> None:
        """See ``EvaluationListener.generated``."""
        if result is None:
            self._say(f"{what}: not made: {fault or 'its truth cannot be read'}")
            return
        cached = sum(run.cached for run in result.runs)
        seconds = sum(run.seconds for run in result.runs)
        parts = f"{len(result.parts)} of {len(result.request.components)} parts"
        how = f"{len(result.runs) - cached} stages made, {cached} cached"
        self._say(f"{what}: {parts} made, {how}, {seconds:.1f} s of work")
        # Why parts are missing: scoring only finds that they are.
        for line in list(dict.fromkeys(failure_lines(result)))[:_PARTS_TOLD]:
            self._say(f"{what}: {line}")

    def scored(self, what: str, rows: Sequence[ScoreRow], cached: bool) -> None:
        """See ``EvaluationListener.scored``."""
        with self._lock:
            self._done += 1
            count = self._done
        if self._progress and self._task is not None:
            self._progress.update(self._task, completed=count, now="")
        end = " (cached)" if cached else ""
        self._say(f"[{count}/{self._steps}] {what}: {row_in_words(rows)}{end}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def row_in_words(rows: Sequence[ScoreRow]) -> str:
    """One object's outcome on one line, under the first of its protocols."""
    whole = next(row for row in rows if row.level == "object")
    if whole.state != "scored":
        return f"{whole.state}: {whole.reason}"
    own = [row for row in rows if row.protocol == whole.protocol]
    parts = [row for row in own if row.level == "part"]
    shown = parts or [whole]
    metric = ranking_metric([name for row in shown for name in row.values])
    values = [row.values[metric] for row in shown if metric in row.values] if metric else []
    mean = f", {metric} {sum(values) / len(values):.3f}" if values else ""
    made = sum(row.state == "scored" for row in parts)
    count = f"{made} of {len(parts)} parts scored" if parts else "scored as a whole"
    return f"{count}{mean}{_without_score(parts)}"


def _without_score(parts: Sequence[ScoreRow]) -> str:
    """Which parts have no score, and why."""
    lost = [row for row in parts if row.state != "scored"]
    told = [f"'{row.name}' {row.state}: {row.reason}" for row in lost[:_PARTS_TOLD]]
    if len(lost) > _PARTS_TOLD:
        told.append(f"and {len(lost) - _PARTS_TOLD} more")
    return "".join(f"; {each}" for each in told)


def evaluation_shown(console: Console, quiet: bool) -> AbstractContextManager[None]:
    """Within: what evaluations do in this thread and its children is shown on a console."""
    return counted(console, quiet, evaluation_listener, EvaluationLines, TimeElapsedColumn())
