"""Who wants to hear what a flow run is doing, in this process."""

from contextvars import ContextVar
from typing import Protocol

from mmpart_core.records import PartFailure, PartPlan, StageName, StageRun


class RunListener(Protocol):
    """Told about a run as it goes; called from several threads."""

    def planned(self, plan: PartPlan) -> None:
        """The plan is there: these parts will be made."""
        ...

    def started(self, stage: StageName, component: str | None) -> None:
        """A piece of work begins, or is looked up in the cache."""
        ...

    def finished(self, run: StageRun) -> None:
        """A piece of work is done."""
        ...

    def failed(self, failure: PartFailure) -> None:
        """A piece of work failed."""
        ...


class NobodyListens:
    """A listener that does nothing; also the base of those that want only some news."""

    def planned(self, plan: PartPlan) -> None:
        """See ``RunListener.planned``."""

    def started(self, stage: StageName, component: str | None) -> None:
        """See ``RunListener.started``."""

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""


class SeveralListen:
    """Passes all news on to several listeners, in their order."""

    def __init__(self, *listeners: RunListener) -> None:
        self._listeners = listeners

    def planned(self, plan: PartPlan) -> None:
        """See ``RunListener.planned``."""
        for each in self._listeners:
            each.planned(plan)

    def started(self, stage: StageName, component: str | None) -> None:
        """See ``RunListener.started``."""
        for each in self._listeners:
            each.started(stage, component)

    def finished(self, run: StageRun) -> None:
        """See ``RunListener.finished``."""
        for each in self._listeners:
            each.finished(run)

    def failed(self, failure: PartFailure) -> None:
        """See ``RunListener.failed``."""
        for each in self._listeners:
            each.failed(failure)


_SILENT = NobodyListens()
listener: ContextVar[RunListener] = ContextVar("mmpart_run_listener", default=_SILENT)
