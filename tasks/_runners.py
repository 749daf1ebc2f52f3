"""Where the body of a task runs."""

from collections.abc import Mapping
from typing import Any

from mmpart_core import stages
from mmpart_core.config import BackendChoice
from mmpart_core.records import Record, StageName
from mmpart_core.storage.opening import open_store
from mmpart_core.work_name import work_name, work_named
from tasks._caching import raise_if_unreadable
from tasks._cluster import connected_cluster, needed_resource
from tasks._hosted import prepare_hosted
from tasks._progress import progress_shown


class Work(Record):
    """One piece of work, apart from its input records.

    Attributes:
        component: the component's name; None for the whole object.
        key: its cache key, from ``stages.work_key``.
        choice: back-end kind and settings.
        seed: every random choice follows from it.
        store: address of the store.
        scheduler: address of the Dask scheduler whose workers do it; None for this process.
        object_name: of the request, for people.
        tags: of its task run: what it can be filtered by.
    """

    component: str | None
    key: str
    choice: BackendChoice
    seed: int
    store: str
    scheduler: str | None = None
    object_name: str = ""
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What to call it in the Prefect UI and in logs: ``robot/hat/mesh``."""
        return work_name(self.object_name, self.component, self.key.partition("-")[0])


def run_body(stage: StageName, inputs: Mapping[str, Any], work: Work) -> Any:
    """Do the work in this process, or on a Dask worker where the work names a scheduler.

    Raises:
        StorageError: the cache could not be read.
        ConfigError: the cluster cannot be used.
        MMPartError: whatever the stage raises.
    """
    raise_if_unreadable(work.key)
    resource = needed_resource(stage, work.choice) if work.scheduler else None
    if work.scheduler is not None and resource is not None:
        cluster = connected_cluster(work.scheduler)
        return cluster.run(
            stage, inputs, work.choice, work.store, work.seed, work.key, resource, work.name
        )
    prepare_hosted(stage, work.choice)
    with work_named(work.name), progress_shown(work.name):
        store = open_store(work.store)
        return stages.run_stage(stage, inputs, work.choice, store, work.seed, key=work.key)
