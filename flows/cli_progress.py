"""Shows a run as it goes: a bar per part on a terminal, plain lines elsewhere."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from flows.progress import NobodyListens, RunListener, listener
from mmpart_core.records import PartFailure, PartPlan, StageName, StageRun

PART_STAGES = ("isolate", "multiview", "reconstruct", "mesh")
WHOLE = "whole object"


class PlainLines(NobodyListens):
    """One line per finished piece of work."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""
        how = "cached" if run.cached else f"made in {run.seconds:.1f} s"
        self._say(f"{run.component or WHOLE}: {run.stage} {how}")

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""
        self._say(f"{failure.component or WHOLE}: {failure.stage} failed: {failure.message}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


class Bars(NobodyListens):
    """One bar per part; its text says which stage it is in."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._bars: dict[str, TaskID] = {}

    def planned(self, plan: PartPlan) -> None:
        """See ``RunListener.planned``."""
        for prompt in plan.prompts:
            self._bar(prompt.component, len(PART_STAGES))

    def started(self, stage: StageName, component: str | None) -> None:
        """See ``RunListener.started``."""
        bar = self._bar(component or WHOLE, len(PART_STAGES) if component else None)
        self._progress.update(bar, stage=stage)

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""
        bar = self._bar(run.component or WHOLE, None)
        last = run.stage in ("mesh", "assemble")
        self._progress.update(bar, advance=1, stage="done" if last else run.stage)
        if run.stage == "assemble":
            self._progress.update(bar, total=1, completed=1)

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""
        bar = self._bar(failure.component or WHOLE, None)
        self._progress.update(bar, stage=f"[red]{failure.stage} failed")
        self._progress.stop_task(bar)

    def _bar(self, name: str, total: int | None) -> TaskID:
        with self._lock:
            if name not in self._bars:
                self._bars[name] = self._progress.add_task(name, total=total, stage="waiting")
            return self._bars[name]


@contextmanager
def shown(console: Console, quiet: bool) -> Generator[RunListener]:
    """Within: what flows do in this thread and its children is shown on a console."""
    if quiet:
        yield listener.get()
        return
    if not console.is_terminal:
        with _heard(PlainLines(console)) as plain:
            yield plain
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[stage]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress, _heard(Bars(progress)) as bars:
        yield bars


@contextmanager
def _heard(news: RunListener) -> Generator[RunListener]:
    token = listener.set(news)
    try:
        yield news
    finally:
        listener.reset(token)
