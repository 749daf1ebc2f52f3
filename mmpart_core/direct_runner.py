"""One piece of work in this process: what it gave, what it took, and what it cost."""

import time
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from mmpart_core import backends, stages
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import BackendError, ConfigError, MMPartError, StageFailedError
from mmpart_core.hosted.spending import Account, spending
from mmpart_core.records import PartFailure, StageName, StageRun
from mmpart_core.storage.blob_store import BlobStore


@runtime_checkable
class StageRunner(Protocol):
    """Does one piece of work and says what it took; a flow's version asks a cache first."""

    def __call__(
        self, stage: StageName, component: str | None, inputs: Mapping[str, Any]
    ) -> tuple[Any, StageRun]:
        """Run one stage.

        Raises:
            StageFailedError: the work failed with an error raised on purpose; it says what the
                work took until then.
            ConfigError: a back-end cannot be used at all, so no part can be made.
        """
        ...


def direct_runner(config: PipelineConfig, store: BlobStore, seed: int) -> StageRunner:
    """A runner that calls the stage functions in this process, without a cache."""

    def run(
        stage: StageName, component: str | None, inputs: Mapping[str, Any]
    ) -> tuple[Any, StageRun]:
        choice = config.choice(stage)
        key = stages.work_key(stage, inputs, choice, seed)
        started = time.perf_counter()

        def taken(outcome: Any, account: Account) -> StageRun:
            return StageRun(
                component=component,
                stage=stage,
                key=key,
                cached=False,
                failed=isinstance(outcome, MMPartError),
                seconds=time.perf_counter() - started,
                cost_usd=cost_of(outcome, account),
                usage=account.usage,
                backend=backends.backend_version(stage, choice.kind),
                seed=seed,
            )

        with spending() as account:
            try:
                record = stages.run_stage(stage, inputs, choice, store, seed, key=key)
            except ConfigError:  # a back-end that cannot be used at all stops the run
                raise
            except MMPartError as error:
                failure = failure_of(component, stage, error)
                raise StageFailedError(failure, taken(error, account)) from error
        return record, taken(record, account)

    return run


def cost_of(outcome: Any, account: Account) -> float:
    """What a piece of work cost: all that was counted in its account.

    An outcome may tell of more, where a back-end pays in a way that is not counted, or elsewhere.
    """
    return max(account.cost_usd, getattr(outcome, "cost_usd", 0.0))


def failure_of(component: str | None, stage: StageName, error: BaseException) -> PartFailure:
    """An error as a record."""
    tries = error.tries if isinstance(error, BackendError) else ()
    name, message = type(error).__name__, str(error)
    return PartFailure(component=component, stage=stage, error=name, message=message, tries=tries)
