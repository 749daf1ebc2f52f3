"""What every data set loader does."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from evaluation.objects import GroundTruthObject


@runtime_checkable
class Dataset(Protocol):
    """True objects on disk, read one at a time, so memory does not grow with their number."""

    name: str

    def object_ids(self) -> list[str]:
        """All objects, in a fixed order.

        Raises:
            InputError: an index file that cannot be read.
        """
        ...

    def load(self, object_id: str) -> GroundTruthObject:
        """One object.

        Raises:
            InputError: it cannot be read; the message names the file.
        """
        ...


DatasetOpener = Callable[[Path], Dataset]
