"""Only the first stage: the prompts, for a look before anything else is made."""

from collections.abc import Sequence

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.refresh import parse_refreshes
from flows.stage_runner import PrefectRunner
from mmpart_core import pipeline
from mmpart_core.config import PipelineConfig
from mmpart_core.hosted.spending import spending
from mmpart_core.records import ObjectRequest, PartPlan, StageRun
from tasks._caching import verified_results


@flow(  # pyright: ignore[reportCallIssue,reportUntypedFunctionDecorator]
    name="plan-object",
    flow_run_name="{request.name}/plan",
    task_runner=ThreadPoolTaskRunner(max_workers=1),  # pyright: ignore[reportArgumentType]
    persist_result=False,
)
def plan_object(
    request: ObjectRequest,
    config: PipelineConfig,
    store: str,
    seed: int = 0,
    refresh: Sequence[str] = (),
    max_cost_usd: float | None = None,
) -> tuple[PartPlan, StageRun]:
    """Write the prompts; ``generate_object`` with the same values then finds them stored.

    Args:
        request: image and components; the image is in the store.
        config: back-ends and settings.
        store: folder or fsspec address where records and blobs live.
        seed: every random choice follows from it.
        refresh: as for ``generate_object``.
        max_cost_usd: as for ``generate_object``.

    Raises:
        StageFailedError: planning failed.
        StorageError: the store cannot be used.
    """
    refreshes = parse_refreshes(refresh, request)
    with verified_results(store) as records, spending(max_cost_usd):
        return pipeline.make_plan(
            request, PrefectRunner(config, records, seed, refreshes, object_name=request.name)
        )
