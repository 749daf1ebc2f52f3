"""Shows a run as it goes: a bar per stage and part on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from flows.counted_progress import heard
from flows.progress import NobodyListens, RunListener, listener
from mmpart_core.backends import STAGES
from mmpart_core.records import (
    WHOLE_OBJECT,
    PartFailure,
    PartPlan,
    StageName,
    StageRun,
    component_label,
)

PART_STAGES: tuple[StageName, ...] = ("isolate", "multiview", "reconstruct", "mesh")
REFRESHES_PER_S = 8
# "cached" and "failed" stand in a bar's place.
_LEAST_WIDTH = 6
_TIME_WIDTH = 6

State = Literal["running", "made", "cached", "failed"]


class PlainLines(NobodyListens):
    """One line per finished piece of work."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""
        how = "cached" if run.cached else f"made in {run.seconds:.1f} s"
        self._say(f"{component_label(run.component)}: {run.stage} {how}")

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""
        label = component_label(failure.component)
        self._say(f"{label}: {failure.stage} failed: {failure.message}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


@dataclass
class _Row:
    """One part, or the whole object (component None).

    Attributes:
        states: of the stages that were begun.
        began: when the first of them was, by the clock; None before.
        ended: when the last piece of work so far ended; None while one is going on.
    """

    component: str | None
    states: dict[StageName, State] = field(default_factory=dict[StageName, State])
    began: float | None = None
    ended: float | None = None

    @property
    def over(self) -> bool:
        """Nothing more is to come."""
        last: StageName = "assemble" if self.component is None else "mesh"
        return self.states.get(last) in ("made", "cached") or "failed" in self.states.values()


class Bars(NobodyListens):
    """A row per part with a bar per stage; what is in the cache says so, and what failed.

    Rows of parts that are over are left out while there is no room for all.

    Args:
        clock: seconds, for the last column.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._rows: dict[str | None, _Row] = {}

    def planned(self, plan: PartPlan) -> None:
        """See ``RunListener.planned``."""
        with self._lock:
            for prompt in plan.prompts:
                self._row(prompt.component)

    def started(self, stage: StageName, component: str | None) -> None:
        """See ``RunListener.started``."""
        self._set(component, stage, "running")

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""
        self._set(run.component, run.stage, "cached" if run.cached else "made")

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""
        self._set(failure.component, failure.stage, "failed")

    def _row(self, component: str | None) -> _Row:
        return self._rows.setdefault(component, _Row(component))

    def _set(self, component: str | None, stage: StageName, state: State) -> None:
        with self._lock:
            row = self._row(component)
            row.states[stage] = state
            now = self._clock()
            row.began = now if row.began is None else row.began
            row.ended = None if state == "running" else now

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table as it stands, as wide as its contents at most."""
        with self._lock:
            table = _empty_table(options.max_width)
            rows = sorted(self._rows.values(), key=lambda row: row.component is None)
            if len(rows) + 2 > console.height:
                rows = [row for row in rows if not row.over]
            for row in rows:
                cells = (self._cell(row, stage) for stage in STAGES)
                table.add_row(Text(component_label(row.component)), *cells, self._taken(row))
        yield table

    def _cell(self, row: _Row, stage: StageName) -> RenderableType:
        state = row.states.get(stage)
        if state is None:
            of_parts = stage in PART_STAGES
            to_come = of_parts if row.component is not None else stage in ("plan", "assemble")
            # as text, which a terminal without colours shows too
            return Text(_width(stage) * "╌" if to_come and not row.over else "", style="bar.back")
        if state in ("cached", "failed"):
            return Text(state, style="cyan" if state == "cached" else "bold red")
        if state == "running":
            return ProgressBar(total=None, pulse=True, animation_time=self._clock())
        return ProgressBar(total=1, completed=1)

    def _taken(self, row: _Row) -> str:
        if row.began is None:
            return ""
        seconds = int((row.ended or self._clock()) - row.began)
        return f"{seconds // 60}:{seconds % 60:02}"


def _width(stage: StageName) -> int:
    return max(_LEAST_WIDTH, len(stage))


def _empty_table(width: int) -> Table:
    """Columns for the part, each stage and the time; names take what the others leave."""
    others = sum(_width(stage) + 1 for stage in STAGES) + 1 + _TIME_WIDTH
    names = max(len(WHOLE_OBJECT), width - others)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("", max_width=names, no_wrap=True, overflow="ellipsis")
    for stage in STAGES:
        table.add_column(stage, width=_width(stage), no_wrap=True)
    table.add_column("", justify="right", width=_TIME_WIDTH, no_wrap=True)
    return table


@contextmanager
def shown(console: Console, quiet: bool) -> Generator[RunListener]:
    """Within: what flows do in this thread and its children is shown on a console."""
    if quiet:
        yield listener.get()
        return
    if not console.is_terminal:
        with heard(listener, PlainLines(console)) as plain:
            yield plain
        return
    bars = Bars()
    with (
        Live(bars, console=console, refresh_per_second=REFRESHES_PER_S),
        heard(listener, bars),
    ):
        yield bars
