"""How the stages' tasks are retried, cached and named: the same for all of them.

No ``timeout_seconds``: Prefect cannot interrupt a body in a worker thread, it would only rename
the end of it. Back-ends that wait for somebody else set limits on the waiting itself. No tags of
the tasks' own either: for each Prefect asks the server for a slot before the cache is asked, which
took about two seconds per task where two tasks ran side by side. Runs get theirs when they ask for
their key, see ``_caching.work_key_of``.
"""

from typing import Any, Literal

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from mmpart_core.errors import TransientBackendError
from mmpart_core.records import StageName
from tasks._caching import BY_WORK_KEY

RETRIES = 4
FIRST_DELAY_S = 2.0


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether trying again may help: decided by the error's class, never by its text."""
    return isinstance(state.data, TransientBackendError)


def stage_options(stage: StageName | Literal["score"]) -> dict[str, Any]:
    """Keyword arguments of a stage's ``@task``."""
    return {
        "name": stage,
        "task_run_name": "{work.name}",
        "retries": RETRIES,
        "retry_delay_seconds": exponential_backoff(FIRST_DELAY_S),
        "retry_jitter_factor": 0.5,
        "retry_condition_fn": is_transient,
        "cache_policy": BY_WORK_KEY,
        "persist_result": True,
        "result_serializer": "json",
        "cache_result_in_memory": False,
    }
