"""What the studio has done by flows: plans, objects, and one part once more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flows.generate_object import generate_object
from flows.inputs import Job
from flows.plan_object import plan_object
from flows.profiles import find_config
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.output.bundle import write_bundle
from mmpart_core.records import ObjectRequest, ObjectResult, PartFailure, PartPlan, PartResult
from studio.drafting import check_draft, max_cost_of
from studio.library import ObjectLibrary
from studio.live import LiveRun
from studio.nudging import nudged_result
from studio.objects import KeptObject, Redone, Try

Work = Callable[[LiveRun], None]


@dataclass(frozen=True)
class Redo:
    """One part is to be made once more.

    Attributes:
        component: which.
        begun_at: ``plan``: its prompt is written anew; ``isolate``: it is told.
        words: the user's words on the hidden area, or the prompt.
        seed: of the part's stages.
    """

    component: str
    begun_at: Redone
    words: str
    seed: int


def plan_work(library: ObjectLibrary, object_id: str) -> Work:
    """Writes the plan of an object's draft."""

    def work(live: LiveRun) -> None:
        kept = _loaded(library, object_id)
        job = checked_job(library, kept)
        plan, _ = plan_object(
            request=job.request,
            config=job.config,
            store=job.store_url,
            seed=job.seed,
            max_cost_usd=max_cost_of(kept.draft, job.config),
        )
        live.raise_if_stopped()
        planned = {
            "state": "planned",
            "request": job.request,
            "run": job.run,
            "plan": plan,
            "tries": first_tries(plan, job.seed),
            "chosen": {},
            "trouble": "",
        }
        library.change(object_id, lambda now: now.model_copy(update=planned))

    return work


def make_work(library: ObjectLibrary, object_id: str) -> Work:
    """Makes the object of the chosen tries; what is stored is not made again."""

    def work(_live: LiveRun) -> None:
        kept = _loaded(library, object_id)
        result = _generate(kept, library)
        keep_result(library, object_id, result)

    return work


def redo_work(library: ObjectLibrary, object_id: str, redo: Redo) -> Work:
    """Makes one part once more, and puts it in the object where it could be made."""

    def work(live: LiveRun) -> None:
        kept = _loaded(library, object_id)
        new = _new_try(kept, library, redo)
        live.raise_if_stopped()
        tries = (*kept.tries.get(redo.component, ()), new)
        trial = kept.model_copy(
            update={
                "tries": {**kept.tries, redo.component: tries},
                "chosen": {**kept.chosen, redo.component: len(tries) - 1},
            }
        )
        result = _generate(trial, library)
        keep_redone(library, trial, redo.component, result)

    return work


def first_tries(plan: PartPlan, seed: int) -> dict[str, tuple[Try, ...]]:
    """A try per part, in the planner's words."""
    return {
        each.component: (Try(prompt=each.prompt, hidden=each.hidden, seed=seed),)
        for each in plan.prompts
    }


def checked_job(library: ObjectLibrary, kept: KeptObject) -> Job:
    """The draft of an object, ready to run.

    Raises:
        InputError: it cannot be used; says why.
        StorageError: the store cannot be used.
    """
    upload = library.upload(kept.id)
    if upload is None:
        raise InputError(f"object '{kept.title}': its image is gone; start a new object")
    checked = check_draft(kept.draft, upload, library.store)
    if checked.job is None:
        faults = [f"{row.name or 'component'}: {row.fault}" for row in checked.draft.rows
                  if row.fault]  # fmt: skip
        raise InputError("; ".join(faults) or checked.fault)
    return checked.job


def config_of(kept: KeptObject) -> PipelineConfig:
    """With what an object was planned.

    Raises:
        ConfigError: it was not planned yet, or its profile is gone.
    """
    if kept.run is None:
        raise ConfigError(f"object '{kept.title}': no plan yet; plan it first")
    return find_config(kept.run.profile, kept.run.settings)


def write_files(library: ObjectLibrary, object_id: str) -> None:
    """Write the object's files with all its nudges, and keep what was measured of it so.

    Whoever comes while others write waits, and then writes the object as it is kept by then: of
    corrections that come at once, none is left out of the files.

    Raises:
        StorageError: the store cannot be used, or something in it is gone.
    """
    with library.writing_files(object_id):
        kept = library.load(object_id)
        if kept is None or kept.result is None:
            return
        result = nudged_result(kept.result, kept.nudges, library.store)
        corrected = None if result is kept.result else result.assembled
        library.change(object_id, lambda now: now.model_copy(update={"corrected": corrected}))
        write_bundle(result, library.store, library.files_url(object_id), config=config_of(kept))


def run_inputs(kept: KeptObject) -> tuple[ObjectRequest, PartPlan, dict[str, int]]:
    """Request, plan and the parts' seeds with the chosen tries in place.

    Raises:
        ConfigError: it was not planned yet.
    """
    if kept.request is None or kept.plan is None:
        raise ConfigError(f"object '{kept.title}': no plan yet; plan it first")
    prompts: list[Any] = []
    components: list[Any] = []
    seeds: dict[str, int] = {}
    for prompt, component in zip(kept.plan.prompts, kept.request.components, strict=True):
        chosen = kept.chosen_try(component.name)
        if chosen is None:
            prompts.append(prompt)
            components.append(component)
            continue
        seeds[component.name] = chosen.seed
        prompts.append(prompt.model_copy(update={"prompt": chosen.prompt, "hidden": chosen.hidden}))
        components.append(component.model_copy(update={"hidden": chosen.hidden}))
    plan = kept.plan.model_copy(update={"prompts": tuple(prompts)})
    request = kept.request.model_copy(update={"components": tuple(components)})
    return request, plan, seeds


def _loaded(library: ObjectLibrary, object_id: str) -> KeptObject:
    kept = library.load(object_id)
    if kept is None:
        raise InputError(f"object '{object_id}': not in the store; it may have been deleted")
    return kept


def _generate(kept: KeptObject, library: ObjectLibrary) -> ObjectResult:
    request, plan, seeds = run_inputs(kept)
    config = config_of(kept)
    return generate_object(
        request=request,
        config=config,
        store=library.store.url,
        seed=kept.run.seed if kept.run else 0,
        plan=plan,
        max_cost_usd=max_cost_of(kept.draft, config),
        part_seeds=seeds,
        profile=kept.run.profile if kept.run else "",
    )


def _new_try(kept: KeptObject, library: ObjectLibrary, redo: Redo) -> Try:
    """The words of the new try; from the plan they are written by the planner."""
    before = kept.chosen_try(redo.component)
    hidden = before.hidden if before else ""
    if redo.begun_at == "isolate":
        return Try(begun_at="isolate", prompt=redo.words, hidden=hidden, seed=redo.seed)
    request, _, _ = run_inputs(kept)
    components = tuple(
        each.model_copy(update={"hidden": redo.words}) if each.name == redo.component else each
        for each in request.components
    )
    config = config_of(kept)
    plan, _ = plan_object(
        request=request.model_copy(update={"components": components}),
        config=config,
        store=library.store.url,
        seed=redo.seed,
        max_cost_usd=max_cost_of(kept.draft, config),
    )
    prompt = next(each.prompt for each in plan.prompts if each.component == redo.component)
    return Try(begun_at="plan", prompt=prompt, hidden=redo.words, seed=redo.seed)


def keep_result(library: ObjectLibrary, object_id: str, result: ObjectResult) -> None:
    """Keep what a run gave, at the tries it was made of, and write the files.

    Raises:
        StorageError: the store cannot be used.
    """
    parts = {part.component: part for part in result.parts}
    failures = {failure.component: failure for failure in result.failures}

    def change(now: KeptObject) -> KeptObject:
        tries = {
            name: _with_outcome(now, name, parts.get(name), failures.get(name))
            for name in now.tries
        }
        update = {"state": "done", "result": result, "tries": tries, "trouble": "",
                  "corrected": None}  # fmt: skip
        return now.model_copy(update=update)

    library.change(object_id, change)
    write_files(library, object_id)


def _with_outcome(
    kept: KeptObject, name: str, part: PartResult | None, failure: PartFailure | None
) -> tuple[Try, ...]:
    tries = kept.tries[name]
    position = kept.chosen.get(name, len(tries) - 1)
    told = tries[position].model_copy(update={"part": part, "failure": failure})
    return (*tries[:position], told, *tries[position + 1 :])


def keep_redone(
    library: ObjectLibrary, trial: KeptObject, component: str, result: ObjectResult
) -> None:
    """Keep a part's new try; one that failed leaves the object as it is, if it had the part.

    Args:
        library: where the object is.
        trial: the object with the new try, chosen.
        component: the part.
        result: of the run.

    Raises:
        StorageError: the store cannot be used.
    """
    failure = next((each for each in result.failures if each.component == component), None)
    had = any(each.part is not None for each in trial.tries[component][:-1])

    def add(now: KeptObject) -> KeptObject:
        last = trial.tries[component][-1]
        if failure is None or not had:
            chosen = trial.chosen
        else:
            earlier = now.chosen.get(component, len(now.tries[component]) - 1)
            last, chosen = (
                last.model_copy(update={"failure": failure}),
                {**now.chosen, component: earlier},
            )
        tries = {**now.tries, component: (*now.tries.get(component, ()), last)}
        return now.model_copy(
            update={"tries": tries, "chosen": chosen, "state": "done", "trouble": ""}
        )

    library.change(trial.id, add)
    if failure is None or not had:
        keep_result(library, trial.id, result)
