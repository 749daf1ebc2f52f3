"""The header that flows with work side by side have in common."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

# What runs side by side is bounded elsewhere: stages by the parts' threads (config.workers, at most
# 256), scores by the threads that wait for them; this pool only must never be the smaller one.
TASK_THREADS = 256

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def threaded_flow(
    name: str, run_name: str
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Makes a function a Prefect flow whose tasks run in threads and whose result is not stored.

    Args:
        name: of the flow.
        run_name: of a run; ``{parameter.attribute}`` is filled in.
    """

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        made = flow(  # pyright: ignore[reportCallIssue]
            function,  # pyright: ignore[reportArgumentType]
            name=name,
            flow_run_name=run_name,
            task_runner=ThreadPoolTaskRunner(max_workers=TASK_THREADS),  # pyright: ignore[reportArgumentType]
            persist_result=False,
        )
        return cast("Callable[Parameters, Result]", made)

    return decorate
