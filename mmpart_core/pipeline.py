"""The whole method in one process, without an orchestrator: read this first.

plan -> isolate -> multiview -> reconstruct -> mesh -> assemble. Flows run the same pieces of work
through Prefect; nothing here knows of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mmpart_core.config import PipelineConfig
from mmpart_core.direct_runner import StageRunner, direct_runner
from mmpart_core.errors import StageFailedError
from mmpart_core.hosted.spending import spending
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


def make_plan(request: ObjectRequest, run: StageRunner) -> tuple[PartPlan, StageRun]:
    """Stage 1: one prompt per component."""
    return run("plan", None, {"request": request})


def uses_input_view(config: PipelineConfig, request: ObjectRequest) -> bool:
    """Whether parts are also trained on the input image; see ``PipelineConfig.input_view``."""
    known = request.truth is not None or request.view.elevation_known
    return config.input_view == "always" or (config.input_view == "known" and known)


def reconstruct_inputs(views: ViewSet, isolated: IsolatedPart, input_view: bool) -> dict[str, Any]:
    """Inputs of stage 4; without the input view the image has no part in the work or its key."""
    return {"views": views, "input_part": isolated} if input_view else {"views": views}


def make_part(
    request: ObjectRequest,
    prompt: PartPrompt,
    run: StageRunner,
    runs: list[StageRun],
    *,
    input_view: bool = False,
) -> PartResult:
    """Stages 2 to 5 of one part.

    Args:
        request: image and components.
        prompt: of the part.
        run: does one piece of work.
        runs: what each stage took is appended as it finishes.
        input_view: also train on the isolated image.

    Raises:
        StageFailedError: see ``StageRunner``.
    """
    name = prompt.component

    def step(stage: StageName, inputs: Mapping[str, Any]) -> Any:
        record, stage_run = run(stage, name, inputs)
        runs.append(stage_run)
        return record

    isolated = step("isolate", {"image": request.image, "prompt": prompt})
    views = step("multiview", {"part": isolated})
    field = step("reconstruct", reconstruct_inputs(views, isolated, input_view))
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


@dataclass(frozen=True)
class Branch:
    """What one independent line of work gave: a part, or the whole object's views."""

    runs: tuple[StageRun, ...]
    part: PartResult | None = None
    whole_views: ViewSet | None = None
    failure: PartFailure | None = None


def one_after_another(branches: Sequence[Callable[[], Branch]]) -> list[Branch]:
    """Run independent lines of work in order."""
    return [branch() for branch in branches]


def part_branch(
    request: ObjectRequest, prompt: PartPrompt, run: StageRunner, input_view: bool
) -> Branch:
    """One part's line of work; a failure is a value, so that the others go on."""
    runs: list[StageRun] = []
    try:
        part = make_part(request, prompt, run, runs, input_view=input_view)
    except StageFailedError as error:
        return Branch(runs=(*runs, *error.runs), failure=error.failure)
    return Branch(runs=tuple(runs), part=part)


def whole_branch(request: ObjectRequest, plan: PartPlan, run: StageRunner) -> Branch:
    """The whole object's line of work."""
    try:
        views, viewed = make_whole_views(request, plan, run)
    except StageFailedError as error:
        return Branch(runs=error.runs, failure=error.failure)
    return Branch(runs=(viewed,), whole_views=views)


def generate_object(
    request: ObjectRequest,
    config: PipelineConfig,
    store: BlobStore,
    seed: int,
    plan: PartPlan | None = None,
    max_cost_usd: float | None = None,
) -> ObjectResult:
    """Run all six stages in this process, part after part.

    Args:
        request: image and components; the image is in the store.
        config: back-ends and settings.
        store: where artifacts live.
        seed: every random choice follows from it.
        plan: an approved plan to run instead of planning.
        max_cost_usd: what hosted models may cost; a call that could pass it is not made, and its
            part fails.

    Returns:
        Everything that was made, and what failed.
    """
    run = direct_runner(config, store, seed)
    with spending(max_cost_usd):
        return run_stages(request, config, run, one_after_another, plan)


def run_stages(
    request: ObjectRequest,
    config: PipelineConfig,
    run: StageRunner,
    run_branches: Callable[[Sequence[Callable[[], Branch]]], list[Branch]],
    plan: PartPlan | None = None,
) -> ObjectResult:
    """The order of the stages, whoever runs them.

    A part that fails is recorded and the others go on.

    Args:
        request: image and components; the image is in the store.
        config: which work there is; ``run`` knows the back-ends.
        run: does one piece of work.
        run_branches: runs independent lines of work, in order or side by side, and gives what
            they gave in the order they were given.
        plan: an approved plan to run instead of planning.

    Returns:
        Everything that was made, and what failed.
    """
    runs: list[StageRun] = []
    if plan is None:
        try:
            plan, planned = make_plan(request, run)
        except StageFailedError as error:
            return ObjectResult(request=request, failures=(error.failure,), runs=error.runs)
        runs.append(planned)
    seen = uses_input_view(config, request)
    lines = [partial(part_branch, request, prompt, run, seen) for prompt in plan.prompts]
    if config.whole_object_views:
        lines.insert(0, partial(whole_branch, request, plan, run))
    return _collect(request, plan, runs, run_branches(lines), run)


def _collect(
    request: ObjectRequest,
    plan: PartPlan,
    runs: list[StageRun],
    branches: list[Branch],
    run: StageRunner,
) -> ObjectResult:
    runs += [stage_run for branch in branches for stage_run in branch.runs]
    parts = tuple(branch.part for branch in branches if branch.part is not None)
    failures = [branch.failure for branch in branches if branch.failure is not None]
    whole_views = next((b.whole_views for b in branches if b.whole_views is not None), None)
    assembled = None
    if parts:
        try:
            inputs = assembly_inputs(request, plan, parts, whole_views)
            assembled, placed = run("assemble", None, inputs)
            runs.append(placed)
        except StageFailedError as error:
            failures.append(error.failure)
            runs += error.runs
    return ObjectResult(
        request=request,
        plan=plan,
        parts=parts,
        whole_views=whole_views,
        assembled=assembled,
        failures=tuple(failures),
        runs=tuple(runs),
    )
