"""What a run is doing right now: heard from the flow, read by the pages."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, replace
from typing import Literal

from prefect.context import FlowRunContext

from flows.progress import NobodyListens
from mmpart_core.records import PartFailure, PartPlan, StageName, StageRun

PieceState = Literal["waiting", "running", "made", "cached", "failed"]
PART_STAGES: tuple[StageName, ...] = ("isolate", "multiview", "reconstruct", "mesh")


@dataclass(frozen=True)
class Piece:
    """One stage of one part, or of the whole object.

    Attributes:
        component: the part; None for the whole object.
        stage: which stage.
        state: how far it is.
        began: by the run's clock, seconds; 0 while it waits.
        seconds: what it took; 0 until it ends.
        pictures: digests of the pictures it gave.
        message: why it failed, and what to do.
    """

    component: str | None
    stage: StageName
    state: PieceState = "waiting"
    began: float = 0.0
    seconds: float = 0.0
    pictures: tuple[str, ...] = ()
    message: str = ""


PictureFinder = Callable[[StageRun], tuple[str, ...]]


class LiveRun(NobodyListens):
    """One run as it goes; also what stops it.

    Args:
        title: what is being done, for the page.
        parts: components that are made; their stages wait from the start.
        whole: stages of the whole object that are to come.
        pictures_of: finds the pictures that a finished piece of work gave.
        clock: seconds that only go up.

    Attributes:
        flow_run: id of the flow run on the Prefect server, once it is known.
        began: when it began, by its clock; None while it waits for another run.
    """

    def __init__(
        self,
        title: str,
        parts: Sequence[str],
        whole: Sequence[StageName],
        pictures_of: PictureFinder = lambda _run: (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self.flow_run = ""
        self.began: float | None = None
        self._pictures_of = pictures_of
        self._clock = clock
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._version = 1
        self._pieces: dict[tuple[str | None, StageName], Piece] = {}
        for stage in whole:
            self._pieces[None, stage] = Piece(None, stage)
        for part in parts:
            for stage in PART_STAGES:
                self._pieces[part, stage] = Piece(part, stage)

    @property
    def version(self) -> int:
        """Goes up with every change."""
        return self._version

    @property
    def mark(self) -> int:
        """What a page has seen: goes up with every change, and every three seconds."""
        return self._version * 1_000_000 + int(self.seconds / 3.0)

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stop.is_set()

    @property
    def seconds(self) -> float:
        """How long it has been going."""
        return 0.0 if self.began is None else self._clock() - self.began

    def begin(self) -> None:
        """Its turn has come."""
        with self._lock:
            self.began = self._clock()
            self._version += 1

    def stop(self) -> None:
        """Begin nothing more; the work at hand is finished and kept."""
        self._stop.set()
        with self._lock:
            self._version += 1

    def raise_if_stopped(self) -> None:
        """Leave the run where it was asked to stop.

        Raises:
            CancelledError: it was.
        """
        if self._stop.is_set():
            raise CancelledError

    def pieces(self) -> tuple[Piece, ...]:
        """All pieces of work as they stand."""
        with self._lock:
            return tuple(self._pieces.values())

    def planned(self, plan: PartPlan) -> None:
        """See ``RunListener.planned``."""
        self._note_flow_run()

    def started(self, stage: StageName, component: str | None) -> None:
        """See ``RunListener.started``; where the run is to stop, this ends it.

        Raises:
            CancelledError: the run was asked to stop.
        """
        self._note_flow_run()
        self.raise_if_stopped()
        self._set(Piece(component, stage, "running", began=self._clock()))

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""
        self._set(
            Piece(
                run.component,
                run.stage,
                "cached" if run.cached else "made",
                seconds=run.seconds,
                pictures=self._pictures_of(run),
            )
        )

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""
        key = (failure.component, failure.stage)
        before = self._pieces.get(key, Piece(*key))
        seconds = self._clock() - before.began if before.began else 0.0
        drawn = tuple(each.answer.sha256 for each in failure.tries)
        self._set(
            replace(
                before, state="failed", seconds=seconds, message=failure.message, pictures=drawn
            )
        )

    def _set(self, piece: Piece) -> None:
        with self._lock:
            self._pieces[piece.component, piece.stage] = piece
            self._version += 1

    def _note_flow_run(self) -> None:
        context = FlowRunContext.get()
        if not self.flow_run and context is not None and context.flow_run is not None:
            self.flow_run = str(context.flow_run.id)
