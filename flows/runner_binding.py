"""Which runner a flow's tasks run on; see ``runner`` of a profile."""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from mmpart_core.config import BackendChoice, PipelineConfig
from mmpart_core.errors import ConfigError
from mmpart_core.records import StageName

AnyFlow = TypeVar("AnyFlow")


def check_runner(config: PipelineConfig) -> None:
    """Refuse a runner that cannot work, before anything starts.

    Raises:
        ConfigError: tasks are to run on a Dask cluster, but no Prefect server is configured:
            each worker would start one of its own.
    """
    from prefect.settings import PREFECT_API_URL

    if config.runner == "dask-tasks" and not PREFECT_API_URL.value():
        raise ConfigError(
            "runner 'dask-tasks': workers report to a Prefect server, and PREFECT_API_URL names "
            "none; start one with 'prefect server start' where they reach it, or use runner 'dask'"
        )


def bound_flow(flow: AnyFlow, config: PipelineConfig) -> AnyFlow:
    """A flow with the task runner that a profile asks for.

    Raises:
        ConfigError: see ``check_runner``.
    """
    check_runner(config)
    if config.runner != "dask-tasks":
        return flow
    from prefect_dask.task_runners import DaskTaskRunner

    made: Any = flow
    return made.with_options(task_runner=DaskTaskRunner(address=config.scheduler))


@contextmanager
def annotated(config: PipelineConfig, stage: StageName, choice: BackendChoice) -> Generator[None]:
    """Within: tasks that are submitted go to workers that offer what the stage needs."""
    context: Any = nullcontext()
    if config.runner == "dask-tasks":
        from dask.base import annotate

        from tasks._cluster import needed_resource

        context = annotate(resources={needed_resource(stage, choice) or "API": 1})
    with context:
        yield
