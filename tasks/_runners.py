"""Where the body of a task runs."""

from collections.abc import Mapping
from typing import Any

from mmpart_core import stages
from mmpart_core.config import BackendChoice
from mmpart_core.records import Record, StageName, component_label
from mmpart_core.storage.opening import open_store
from tasks._caching import raise_if_unreadable


class Work(Record):
    """One piece of work, apart from its input records.

    Attributes:
        component: the component's name; None for the whole object.
        key: its cache key, from ``stages.work_key``.
        choice: back-end kind and settings.
        seed: every random choice follows from it.
        store: address of the store.
    """

    component: str | None
    key: str
    choice: BackendChoice
    seed: int
    store: str

    @property
    def label(self) -> str:
        """What to call it in the Prefect UI."""
        return component_label(self.component)


def run_here(stage: StageName, inputs: Mapping[str, Any], work: Work) -> Any:
    """Do the work in this process.

    Raises:
        StorageError: the cache could not be read.
        MMPartError: whatever the stage raises.
    """
    raise_if_unreadable(work.key)
    return stages.run_stage(stage, inputs, work.choice, open_store(work.store), work.seed)
