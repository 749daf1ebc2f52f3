"""How far a data set is: counted, told to listeners, shown in Prefect."""

import threading
import time
from contextvars import ContextVar
from typing import Any, Protocol
from uuid import UUID

from pydantic import Field

from flows.dataset_outcomes import STATES, OutcomeRow
from mmpart_core.records import Record

PUBLISHED_EVERY_S = 5.0
_COUNTED = ("parts", "parts_made", "stages", "cached")


class DatasetTally(Record):
    """What a run of a data set came to.

    Attributes:
        rows: objects asked for.
        states: objects by state, those that earlier runs finished included.
        kept: how many of these earlier runs had finished.
        left: objects that were not looked at or not begun.
        reasons: objects by class of the error that decided their state.
        parts: components that the objects of this run were asked to have.
        parts_made: of these, how many were made.
        stages: pieces of work of this run.
        cached: of these, how many were stored before.
        cost_usd: what hosted models cost in this run.
        seconds: wall time of this run.
        halted: why the run ended before its end; empty where it did not.
    """

    rows: int = 0
    states: dict[str, int] = Field(default_factory=dict[str, int])
    kept: int = 0
    left: int = 0
    reasons: dict[str, int] = Field(default_factory=dict[str, int])
    parts: int = 0
    parts_made: int = 0
    stages: int = 0
    cached: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0
    halted: str = ""

    @property
    def complete(self) -> bool:
        """Whether every object was made, in this run or before."""
        return self.states.get("made", 0) == self.rows and not self.halted


class DatasetListener(Protocol):
    """Told about a data set as it goes; called from several threads."""

    def begun(self, rows: int) -> None:
        """So many objects are asked for."""
        ...

    def kept(self, count: int) -> None:
        """So many of them were finished before, up to now."""
        ...

    def started(self, name: str) -> None:
        """An object is begun."""
        ...

    def ended(self, row: OutcomeRow) -> None:
        """An object has an outcome."""
        ...

    def said(self, line: str) -> None:
        """There is something to tell of the run as a whole."""
        ...


class NobodyFollows:
    """A listener that does nothing."""

    def begun(self, rows: int) -> None:
        """See ``DatasetListener.begun``."""

    def kept(self, count: int) -> None:
        """See ``DatasetListener.kept``."""

    def started(self, name: str) -> None:
        """See ``DatasetListener.started``."""

    def ended(self, row: OutcomeRow) -> None:
        """See ``DatasetListener.ended``."""

    def said(self, line: str) -> None:
        """See ``DatasetListener.said``."""


_SILENT = NobodyFollows()
dataset_listener: ContextVar[DatasetListener] = ContextVar(
    "mmpart_dataset_listener", default=_SILENT
)


class Counter:
    """Counts outcomes as they come; may be used from many threads.

    Args:
        rows: objects asked for.
        news: who is told.
    """

    def __init__(self, rows: int, news: DatasetListener) -> None:
        self._rows = rows
        self._news = news
        self._lock = threading.Lock()
        self._started = time.perf_counter()
        self._states: dict[str, int] = dict.fromkeys(STATES, 0)
        self._reasons: dict[str, int] = {}
        self._kept = 0
        self._work = dict.fromkeys(_COUNTED, 0)
        self._cost_usd = 0.0
        news.begun(rows)

    def keep(self, state: str, error: str | None) -> None:
        """An outcome of an earlier run stands."""
        with self._lock:
            self._count(state, error)
            self._kept += 1
            kept = self._kept
        self._news.kept(kept)

    def add(self, row: OutcomeRow) -> None:
        """An object has an outcome."""
        with self._lock:
            self._count(row.state, row.error)
            for name in _COUNTED:
                self._work[name] += getattr(row, name)
            self._cost_usd += row.cost_usd
        self._news.ended(row)

    def _count(self, state: str, error: str | None) -> None:
        self._states[state] += 1
        if error is not None:
            self._reasons[error] = self._reasons.get(error, 0) + 1

    def tally(self, halted: str = "") -> DatasetTally:
        """What it came to up to now."""
        with self._lock:
            seen = sum(self._states.values())
            return DatasetTally(
                rows=self._rows,
                states={state: count for state, count in self._states.items() if count},
                kept=self._kept,
                left=max(self._rows - seen, 0),
                reasons=dict(sorted(self._reasons.items(), key=lambda item: -item[1])),
                **self._work,
                cost_usd=self._cost_usd,
                seconds=time.perf_counter() - self._started,
                halted=halted,
            )


def tally_rows(tally: DatasetTally) -> list[dict[str, Any]]:
    """A tally as rows of a table."""
    rows: list[dict[str, Any]] = [{"what": "objects", "count": tally.rows}]
    rows += [{"what": state, "count": count} for state, count in tally.states.items()]
    rows += [
        {"what": "finished before", "count": tally.kept},
        {"what": "left", "count": tally.left},
    ]
    rows += [{"what": f"reason: {name}", "count": count} for name, count in tally.reasons.items()]
    rows += [
        {"what": "parts of this run's objects", "count": tally.parts},
        {"what": "of these made", "count": tally.parts_made},
        {"what": "stages of this run", "count": tally.stages},
        {"what": "of these cached", "count": tally.cached},
        {"what": "seconds", "count": round(tally.seconds, 1)},
        {"what": "cost in dollars", "count": round(tally.cost_usd, 4)},
    ]
    return rows


class Published:
    """A progress bar and, at the end, a table in Prefect: one of each per data set.

    A server that refuses them does not fail the run.

    Args:
        name: of the data set.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._progress: UUID | None = None
        self._share = 0.0
        self._last = time.monotonic()

    def begin(self) -> None:
        """Add the bar; called in the flow."""
        from prefect.artifacts import create_progress_artifact

        self._progress = self._tried(
            lambda: create_progress_artifact(0.0, key="dataset", description=self._name)
        )

    def show(self, tally: DatasetTally) -> None:
        """Bring the bar up to date, every few seconds at most and where there is news."""
        if time.monotonic() - self._last >= PUBLISHED_EVERY_S:
            self._update(tally)

    def end(self, tally: DatasetTally) -> None:
        """Bring the bar to its end and add the table."""
        from prefect.artifacts import create_table_artifact

        self._update(tally)
        rows = tally_rows(tally)
        said = f"{self._name}. {tally.halted}".strip()
        self._tried(lambda: create_table_artifact(rows, key="dataset-outcomes", description=said))

    def _update(self, tally: DatasetTally) -> None:
        from prefect.artifacts import update_progress_artifact

        self._last = time.monotonic()
        progress = self._progress
        share = 100.0 * (tally.rows - tally.left) / max(tally.rows, 1)
        if progress is not None and share != self._share:
            self._share = share
            self._tried(lambda: update_progress_artifact(progress, progress=share))

    def _tried(self, publish: Any) -> Any:
        import httpx
        from prefect.logging import get_run_logger

        try:
            return publish()
        except (httpx.HTTPError, RuntimeError) as error:
            get_run_logger().warning("progress of the data set was not published: %s", error)
            return None
