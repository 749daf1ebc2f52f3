"""One request -> one object; parts fan out in parallel."""

from collections.abc import Sequence

from flows.progress import listener
from flows.refresh import parse_refreshes
from flows.stage_runner import PrefectRunner, side_by_side
from flows.threaded_flow import threaded_flow
from mmpart_core import pipeline
from mmpart_core.config import PipelineConfig
from mmpart_core.records import ObjectRequest, ObjectResult, PartPlan
from tasks._artifacts import publish_parts
from tasks._caching import verified_results


@threaded_flow("generate-object", "{request.name}")
def generate_object(
    request: ObjectRequest,
    config: PipelineConfig,
    store: str,
    seed: int = 0,
    plan: PartPlan | None = None,
    refresh: Sequence[str] = (),
) -> ObjectResult:
    """Run all six stages; what was made before, by whichever run on this store, is not made again.

    A part that fails is recorded and the others go on; the result then says it is incomplete.

    Args:
        request: image and components; the image is in the store.
        config: back-ends and settings.
        store: folder or fsspec address where records and blobs live.
        seed: every random choice follows from it.
        plan: an approved plan to run instead of planning.
        refresh: ``"isolate"`` or ``"isolate:hat"``: done again, with all that depends on it.

    Returns:
        The same as ``pipeline.generate_object``, apart from what each stage took.

    Raises:
        StorageError: the store cannot be used.
        ConfigError: a refresh that names no stage or no part of this request.
    """
    refreshes = parse_refreshes(refresh, request)
    with verified_results(store) as records:
        run = PrefectRunner(config, records, seed, refreshes)
        if plan is not None:
            listener.get().planned(plan)
        result = pipeline.run_stages(
            request, config, run, side_by_side(config.workers, run.stopped), plan
        )
    publish_parts(result)
    return result
