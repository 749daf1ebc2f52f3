"""One request -> one object; parts fan out in parallel."""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from threading import Event
from typing import Any

from prefect.states import Completed

from flows.embedded_server import has_pages
from flows.progress import listener
from flows.refresh import parse_refreshes
from flows.stage_runner import PrefectRunner, side_by_side
from flows.threaded_flow import threaded_flow
from mmpart_core import pipeline
from mmpart_core.backends import STAGES
from mmpart_core.config import PipelineConfig
from mmpart_core.hosted.spending import spending
from mmpart_core.output.bundle import draw_pictures
from mmpart_core.records import ObjectRequest, ObjectResult, PartPlan, component_label
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store
from tasks._artifacts import publish_object, tag_flow_run
from tasks._caching import verified_results


@threaded_flow("generate-object", "{request.name}")
def generate_object(
    request: ObjectRequest,
    config: PipelineConfig,
    store: str,
    seed: int = 0,
    plan: PartPlan | None = None,
    refresh: Sequence[str] = (),
    max_cost_usd: float | None = None,
    part_seeds: Mapping[str, int] | None = None,
    profile: str = "",
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
        max_cost_usd: what hosted models may cost in this run; a call that could pass it is not
            made, and its part fails.
        part_seeds: seeds of parts that are not made with ``seed``, by component.
        profile: what the configuration is called, for the runs' tags.

    Returns:
        The same as ``pipeline.generate_object``, apart from what each stage took.

    Raises:
        StorageError: the store cannot be used.
        ConfigError: a refresh that names no stage or no part of this request.
    """
    tag_flow_run(run_tags(config, profile))
    with spending(max_cost_usd):
        result = run_object(
            request, config, store, seed, plan=plan, refresh=refresh, part_seeds=part_seeds,
            profile=profile,
        )  # fmt: skip
    _publish(result, open_store(store))
    return _as_state(result)


def _publish(result: ObjectResult, store: FsspecStore) -> None:
    """Pictures are drawn from every blob, which takes a second or two: only of what is new."""
    made = result.assembled is not None and not all(run.cached for run in result.runs)
    drawn = made and has_pages()
    publish_object(
        result, store, pictures=(lambda: draw_pictures(result, store)) if drawn else None
    )


def _as_state(result: ObjectResult) -> Any:
    """The flow's result, as a state that shows where something was not made."""
    if result.complete:
        return result
    failed = ", ".join(component_label(each.component) for each in result.failures)
    made = f"{len(result.parts)} of {len(result.request.components)} parts made"
    said = f"{made}; failed: {failed}" if failed else made
    return Completed(name="Incomplete", message=said, data=result)


def run_tags(config: PipelineConfig, profile: str) -> list[str]:
    """What flow runs can be filtered by: the profile, and each stage's back-end.

    Args:
        config: of the run.
        profile: its name, or a file.
    """
    return [*profile_tags(profile), *(f"{each}:{config.choice(each).kind}" for each in STAGES)]


def profile_tags(profile: str) -> list[str]:
    """``profile:local``; nothing where it has no name.

    Example:
        >>> profile_tags("runs/mine.yaml")
        ['profile:mine']
    """
    return [f"profile:{PurePath(profile).stem}"] if profile else []


def run_object(
    request: ObjectRequest,
    config: PipelineConfig,
    store: str,
    seed: int,
    *,
    plan: PartPlan | None = None,
    refresh: Sequence[str] = (),
    part_seeds: Mapping[str, int] | None = None,
    probe: bool = True,
    stopped: Event | None = None,
    profile: str = "",
) -> ObjectResult:
    """All six stages as tasks of the flow run around: what ``generate_object`` does.

    Args:
        request: see ``generate_object``, as for all that is not explained here.
        config: see there.
        store: see there.
        seed: see there.
        plan: see there.
        refresh: see there.
        part_seeds: see there.
        probe: try the store first; whoever makes many objects has tried it already.
        stopped: once set, no further work is begun; one for several objects stops all of them.
        profile: see there.

    Raises:
        StorageError, ConfigError: see ``generate_object``.
        CancelledError: the run was stopped.
    """
    refreshes = parse_refreshes(refresh, request)
    with verified_results(store, probe=probe) as records:
        run = PrefectRunner(config, records, seed, refreshes, part_seeds, stopped,
                             request.name, profile_tags(profile))  # fmt: skip
        if plan is not None:
            listener.get().planned(plan)
        lines = side_by_side(config.workers, run.stopped)
        return pipeline.run_stages(request, config, run, lines, plan)
