"""Every error that MMPart raises on purpose.

Each message names the thing, what was expected, what came and what to do. All errors survive
pickling (Dask and Prefect move them between processes): the message is the one argument they need.
"""

from mmpart_core.records import PartFailure


class MMPartError(Exception):
    """Base of every error raised on purpose."""


class ConfigError(MMPartError):
    """A profile, a setting or a command-line value that cannot be used."""


class UnknownBackendError(ConfigError):
    """A back-end kind that no file or entry point provides."""


class MissingDependencyError(ConfigError):
    """A back-end was asked for whose package is not installed."""


class InputError(MMPartError):
    """An image, component list, plan or scene that cannot be used."""


class BackendError(MMPartError):
    """A back-end failed for good; trying again gives the same answer."""


class TransientBackendError(BackendError):
    """A back-end failed in a way that may pass; the only class that is retried."""


class RefusedError(BackendError):
    """A model declined to do the work."""


class StageError(MMPartError):
    """A stage's output failed a check."""


class StageFailedError(MMPartError):
    """A stage failed, for whatever reason; carries the failure as a record.

    Args:
        failure: which stage of which part, and why.
    """

    def __init__(self, failure: PartFailure) -> None:
        super().__init__(failure)
        self.failure = failure

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
