"""Every error that MMPart raises on purpose.

Each message names the thing, what was expected, what came and what to do. All errors survive
pickling (Dask and Prefect move them between processes): the message is the one argument they need.
"""

from collections.abc import Generator
from contextlib import contextmanager

from mmpart_core.records import IsolationTry, PartFailure, StageRun


class MMPartError(Exception):
    """Base of every error raised on purpose.

    Attributes:
        cost_usd: what calls cost before it was raised; a back-end that pays for calls sets it.
    """

    cost_usd: float = 0.0


class ConfigError(MMPartError):
    """A profile, a setting or a command-line value that cannot be used."""


class UnknownBackendError(ConfigError):
    """A back-end kind that no file or entry point provides."""


class MissingDependencyError(ConfigError):
    """A back-end was asked for whose package is not installed."""


class QuotaExhaustedError(ConfigError):
    """A hosted model's account has no money left; no other part would fare better."""


class InputError(MMPartError):
    """An image, component list, plan or scene that cannot be used."""


class ArgumentError(MMPartError, ValueError):
    """An argument that a function has no meaning for: another type, shape or range."""


class BackendError(MMPartError):
    """A back-end failed for good; trying again gives the same answer.

    Attributes:
        drawn: pictures that a model drew before and that were rejected
            (``isolate.protocol.DrawnTry``); the stage stores them.
        tries: the same, stored.
    """

    drawn: tuple[object, ...] = ()
    tries: tuple[IsolationTry, ...] = ()


class TransientBackendError(BackendError):
    """A back-end failed in a way that may pass; the only class that is retried."""


class RefusedError(BackendError):
    """A model declined to do the work."""


class AwaitedAnswerError(MMPartError):
    """An answer of a hosted model that comes with a batch has not come yet."""


class BudgetError(MMPartError):
    """A call was not made because it could have cost more than the run may."""


class StageError(MMPartError):
    """A stage's output failed a check."""


class ProcessKilledError(MMPartError):
    """Work during which its process died again and again."""


class StageFailedError(MMPartError):
    """A stage failed, for whatever reason; carries the failure as a record.

    Args:
        failure: which stage of which part, and why.
        run: what it took until it failed.
    """

    def __init__(self, failure: PartFailure, run: StageRun | None = None) -> None:
        super().__init__(failure, run)
        self.failure = failure
        self.run = run

    @property
    def runs(self) -> tuple[StageRun, ...]:
        """What it took, where that is known: one entry or none."""
        return () if self.run is None else (self.run,)

    def __str__(self) -> str:
        return self.failure.message


class GeometryError(MMPartError):
    """Arguments of a geometric function for which it has no meaning."""


class StorageError(MMPartError):
    """The artifact store cannot be used."""


class BlobError(StorageError):
    """A blob that a record refers to cannot be used.

    Args:
        message: what happened and what to do.
        sha256: the digest that names the blob; None where the caller says all there is to say.
    """

    def __init__(self, message: str, sha256: str | None = None) -> None:
        super().__init__(message)
        self.sha256 = sha256


class BlobMissingError(BlobError):
    """A blob that a record refers to is not in the store."""


class BlobCorruptError(BlobError):
    """A blob whose content is not what the record that refers to it says."""


@contextmanager
def cost_told(cost_usd: float) -> Generator[None]:
    """Within: an error also tells what the calls before it cost.

    Args:
        cost_usd: what was paid for what is now being checked and stored.

    Raises:
        MMPartError: as within, with its cost.
    """
    try:
        yield
    except MMPartError as error:
        error.cost_usd += cost_usd
        raise
