"""The whole method in one process, without an orchestrator: read this first.

plan -> isolate -> multiview -> reconstruct -> mesh -> assemble. Flows run the same pieces of work
through Prefect; nothing here knows of it.
"""

import time
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from mmpart_core import backends, stages
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import MMPartError
from mmpart_core.plan.stage import truth_part
from mmpart_core.records import (
    IsolatedPart,
    ObjectRequest,
    ObjectResult,
    PartFailure,
    PartPlan,
    PartPrompt,
    PartResult,
    StageName,
    StageRun,
    ViewSet,
)
from mmpart_core.storage.blob_store import BlobStore


@runtime_checkable
class StageRunner(Protocol):
    """Does one piece of work and says what it took; a flow's version asks a cache first."""

    def __call__(
        self, stage: StageName, component: str | None, inputs: Mapping[str, Any]
    ) -> tuple[Any, StageRun]:
        """Run one stage.

        Raises:
            StageFailedError: the work failed with an error raised on purpose.
        """
        ...


class StageFailedError(MMPartError):
    """A stage failed; carries the failure as a record."""

    def __init__(self, failure: PartFailure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return self.failure.message


def direct_runner(config: PipelineConfig, store: BlobStore, seed: int) -> StageRunner:
    """A runner that calls the stage functions in this process, without a cache."""

    def run(
        stage: StageName, component: str | None, inputs: Mapping[str, Any]
    ) -> tuple[Any, StageRun]:
        choice = config.choice(stage)
        started = time.perf_counter()
        try:
            record = stages.run_stage(stage, inputs, choice, store, seed)
        except MMPartError as error:
            raise StageFailedError(failure_of(component, stage, error)) from error
        return record, StageRun(
            component=component,
            stage=stage,
            key=stages.work_key(stage, inputs, choice, seed),
            cached=False,
            seconds=time.perf_counter() - started,
            cost_usd=getattr(record, "cost_usd", 0.0),
            backend=backends.backend_version(stage, choice.kind),
            seed=seed,
        )

    return run


def failure_of(component: str | None, stage: StageName, error: BaseException) -> PartFailure:
    """An error as a record."""
    return PartFailure(
        component=component, stage=stage, error=type(error).__name__, message=str(error)
    )


def make_plan(request: ObjectRequest, run: StageRunner) -> tuple[PartPlan, StageRun]:
    """Stage 1: one prompt per component."""
    return run("plan", None, {"request": request})


def make_part(
    request: ObjectRequest, prompt: PartPrompt, run: StageRunner, runs: list[StageRun]
) -> PartResult:
    """Stages 2 to 5 of one part; what each took is appended to ``runs`` as it finishes."""
    name = prompt.component

    def step(stage: StageName, inputs: Mapping[str, Any]) -> Any:
        record, stage_run = run(stage, name, inputs)
        runs.append(stage_run)
        return record

    isolated = step("isolate", {"image": request.image, "prompt": prompt})
    views = step("multiview", {"part": isolated})
    field = step("reconstruct", {"views": views})
    mesh = step("mesh", {"field": field})
    return PartResult(component=name, isolated=isolated, views=views, field=field, mesh=mesh)


def whole_object(request: ObjectRequest, plan: PartPlan) -> IsolatedPart:
    """The whole object as an isolated part: all of the foreground is visible, none imagined."""
    return IsolatedPart(
        component=None,
        rgba=request.image,
        visible=plan.foreground,
        imagined=plan.foreground,
        camera=plan.camera,
        truth=truth_part(request, None),
    )


def make_whole_views(
    request: ObjectRequest, plan: PartPlan, run: StageRunner
) -> tuple[ViewSet, StageRun]:
    """Views of the whole object: evidence for assembly."""
    return run("multiview", None, {"part": whole_object(request, plan)})


def assembly_inputs(
    request: ObjectRequest,
    plan: PartPlan,
    parts: tuple[PartResult, ...],
    whole_views: ViewSet | None,
) -> dict[str, Any]:
    """Inputs of stage 6."""
    return {
        "request": request,
        "plan": plan,
        "isolated": tuple(part.isolated for part in parts),
        "meshes": tuple(part.mesh for part in parts),
        "whole_views": whole_views,
    }


def generate_object(
    request: ObjectRequest,
    config: PipelineConfig,
    store: BlobStore,
    seed: int,
    plan: PartPlan | None = None,
) -> ObjectResult:
    """Run all six stages, part after part.

    A part that fails is recorded and the others go on.

    Args:
        request: image and components; the image is in the store.
        config: back-ends and settings.
        store: where artifacts live.
        seed: every random choice follows from it.
        plan: an approved plan to run instead of planning.

    Returns:
        Everything that was made, and what failed.
    """
    run = direct_runner(config, store, seed)
    runs: list[StageRun] = []
    failures: list[PartFailure] = []
    parts: list[PartResult] = []
    whole_views = None
    assembled = None
    try:
        if plan is None:
            plan, planned = make_plan(request, run)
            runs.append(planned)
        if config.whole_object_views:
            whole_views, viewed = make_whole_views(request, plan, run)
            runs.append(viewed)
        for prompt in plan.prompts:
            try:
                parts.append(make_part(request, prompt, run, runs))
            except StageFailedError as error:
                failures.append(error.failure)
        if parts:
            inputs = assembly_inputs(request, plan, tuple(parts), whole_views)
            assembled, placed = run("assemble", None, inputs)
            runs.append(placed)
    except StageFailedError as error:
        failures.append(error.failure)
    return ObjectResult(
        request=request,
        plan=plan,
        parts=tuple(parts),
        whole_views=whole_views,
        assembled=assembled,
        failures=tuple(failures),
        runs=tuple(runs),
    )
