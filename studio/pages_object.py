"""Pages of one object: its plan, its run, what came of it, and one part once more."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import Response

from flows.inputs import Job
from mmpart_core.intake.components import MAX_HIDDEN_CHARS
from mmpart_core.records import StageName
from studio import showing
from studio.estimating import Estimate, estimate, redo_cost
from studio.library import ObjectLibrary
from studio.live import LiveRun
from studio.objects import KeptObject, Nudge, Redone
from studio.pictures import pictures_of_run
from studio.web import ObjectDep, Studio, StudioDep, go_to, render
from studio.work import (
    Redo,
    Work,
    config_of,
    make_work,
    redo_work,
    run_inputs,
    write_files,
)
from studio.workshop import run_page

router = APIRouter()
Text = Annotated[str, Form()]
Number = Annotated[float, Form(ge=-100.0, le=100.0)]
Degrees = Annotated[float, Form(ge=-360.0, le=360.0)]
Seed = Annotated[int, Form(ge=0, le=2**32 - 1)]
MAX_PROMPT_CHARS = 20_000
_BUSY = "Something is being done for this object; wait until it is finished, or stop it."


@router.get("/objects/{object_id}")
def show(request: Request, kept: ObjectDep, studio: StudioDep) -> Response:
    """An object as it stands: in work, to review, or finished."""
    live = studio.workshop.live(kept.id)
    if live is None and kept.plan is None and not kept.trouble and kept.state == "draft":
        return go_to(request, f"/objects/{kept.id}/edit")
    fresh = studio.library.load(kept.id) or kept
    return _page(request, fresh, studio, live)


def _page(
    request: Request,
    kept: KeptObject,
    studio: Studio,
    live: LiveRun | None,
    status: int = 200,
    fault: str = "",
) -> Response:
    reviewing = live is None and kept.plan is not None and kept.state in (
        "planned", "running", "stopped", "broken",
    )  # fmt: skip
    return render(
        request,
        "object.html",
        status,
        kept=kept,
        live=live,
        rows=showing.live_rows(live) if live else [],
        status_words=showing.status_words(kept, live),
        trouble=fault or showing.trouble_of(kept, live),
        reviewing=reviewing,
        estimate=_estimate(kept, studio) if reviewing else None,
        parts=showing.shown_parts(kept, studio.library.store) if live is None else [],
        whole_failures=showing.whole_failures(kept.result) if kept.result else [],
        ignores_words=showing.ignores_words(kept),
        costs=_redo_costs(kept),
        run_page=_run_page(kept, studio),
    )


def _estimate(kept: KeptObject, studio: Studio) -> Estimate | None:
    if kept.run is None:
        return None
    request, plan, _ = run_inputs(kept)
    return estimate(Job(request, config_of(kept), studio.library.store.url, kept.run), plan)


def _redo_costs(kept: KeptObject) -> dict[Redone, str]:
    if kept.result is None:
        return {}
    config = config_of(kept)
    return {"plan": redo_cost(config, "plan"), "isolate": redo_cost(config, "isolate")}


def _run_page(kept: KeptObject, studio: Studio) -> str:
    return run_page(kept.flow_runs[-1]) if studio.prefect_ui and kept.flow_runs else ""


@router.get("/objects/{object_id}/live")
def show_live(request: Request, kept: ObjectDep, studio: StudioDep, seen: str = "") -> Response:
    """The run as it stands; nothing where nothing changed, the whole page where it ended."""
    live = studio.workshop.live(kept.id)
    if live is None:
        return Response(status_code=204, headers={"HX-Refresh": "true"})
    if str(live.mark) == seen:
        return Response(status_code=204)
    return render(request, "_live.html", kept=kept, live=live, rows=showing.live_rows(live))


@router.post("/objects/{object_id}/stop")
def stop(request: Request, kept: ObjectDep, studio: StudioDep) -> Response:
    """Begin nothing more for an object."""
    live = studio.workshop.live(kept.id)
    if live is not None:
        live.stop()
    return go_to(request, f"/objects/{kept.id}")


@router.post("/objects/{object_id}/run")
def run(
    request: Request,
    kept: ObjectDep,
    studio: StudioDep,
    prompt: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Approve the plan, with the words as they are in the form, and make the object."""
    if kept.plan is None:
        return go_to(request, f"/objects/{kept.id}/edit")
    texts = [text.replace("\r\n", "\n").strip() for text in prompt]
    if texts and (len(texts) != len(kept.plan.prompts) or not all(texts)):
        live = studio.workshop.live(kept.id)
        return _page(request, kept, studio, live, 422, "A prompt is empty; write one.")
    if any(len(text) > MAX_PROMPT_CHARS for text in texts):
        live = studio.workshop.live(kept.id)
        fault = f"A prompt has more than {MAX_PROMPT_CHARS:,} characters; shorten it."
        return _page(request, kept, studio, live, 422, fault)

    def approve(now: KeptObject) -> KeptObject:
        tries = dict(now.tries)
        for each, text in zip(now.plan.prompts if now.plan else (), texts, strict=False):
            *before, last = tries[each.component]
            tries[each.component] = (*before, last.model_copy(update={"prompt": text}))
        return now.model_copy(update={"tries": tries, "state": "running", "trouble": ""})

    return _start(request, kept, studio, "making the object", make_work, approve)


def _start(
    request: Request,
    kept: KeptObject,
    studio: Studio,
    title: str,
    work_of: Callable[[ObjectLibrary, str], Work],
    change: Callable[[KeptObject], KeptObject],
    whole: tuple[StageName, ...] = (),
) -> Response:
    """Change an object and queue its work; a page that says so where it is busy."""
    store = studio.library.store
    live = LiveRun(
        title,
        showing.part_names(kept),
        (*whole, *showing.whole_stages(kept)),
        lambda run: pictures_of_run(run, store),
    )
    going = studio.workshop.live(kept.id)
    if going is not None:
        return _page(request, kept, studio, going, 409, _BUSY)
    changed = studio.library.change(kept.id, change) or kept
    if not studio.workshop.start(kept.id, live, work_of(studio.library, kept.id)):
        return _page(request, changed, studio, studio.workshop.live(kept.id), 409, _BUSY)
    return go_to(request, f"/objects/{kept.id}")


@router.post("/objects/{object_id}/redo")
def redo(
    request: Request,
    kept: ObjectDep,
    studio: StudioDep,
    component: Text,
    begun_at: Annotated[Redone, Form()],
    prompt: Text = "",
    hidden: Text = "",
    seed: Seed = 0,
) -> Response:
    """Make one part once more, with other words or another seed; all else stays as it is."""
    _check_part(kept, component)
    words = (hidden if begun_at == "plan" else prompt).replace("\r\n", "\n").strip()
    if begun_at == "isolate" and not words:
        return _page(request, kept, studio, None, 422, f"{component}: the prompt is empty.")
    if len(words) > (MAX_HIDDEN_CHARS if begun_at == "plan" else MAX_PROMPT_CHARS):
        return _page(request, kept, studio, None, 422, f"{component}: these words are too long.")
    wanted = Redo(component, begun_at, words, seed)
    return _start(
        request,
        kept,
        studio,
        f"making {component} once more",
        lambda library, object_id: redo_work(library, object_id, wanted),
        lambda now: now.model_copy(update={"state": "running", "trouble": ""}),
        ("plan",) if begun_at == "plan" else (),
    )


@router.post("/objects/{object_id}/pick")
def pick(
    request: Request,
    kept: ObjectDep,
    studio: StudioDep,
    component: Text,
    position: Annotated[int, Form(ge=0)],
) -> Response:
    """Put another try of a part into the object."""
    _check_part(kept, component)
    tries = kept.tries.get(component, ())
    if position >= len(tries) or tries[position].part is None:
        raise HTTPException(404, "There is no such try, or it could not be made.")

    def choose(now: KeptObject) -> KeptObject:
        chosen = {**now.chosen, component: position}
        return now.model_copy(update={"chosen": chosen, "state": "running", "trouble": ""})

    return _start(request, kept, studio, f"taking another {component}", make_work, choose)


@router.post("/objects/{object_id}/nudge")
def nudge(
    request: Request,
    kept: ObjectDep,
    studio: StudioDep,
    component: Text,
    move_x: Number = 0.0,
    move_y: Number = 0.0,
    move_z: Number = 0.0,
    turn_x: Degrees = 0.0,
    turn_y: Degrees = 0.0,
    turn_z: Degrees = 0.0,
    scale: Annotated[float, Form(ge=0.05, le=20.0)] = 1.0,
) -> Response:
    """Correct the placement of a part; kept, and applied after every assembly."""
    _check_part(kept, component)
    going = studio.workshop.live(kept.id)
    if going is not None:
        return _page(request, kept, studio, going, 409, _BUSY)
    new = Nudge(move=(move_x, move_y, move_z), turn_deg=(turn_x, turn_y, turn_z), scale=scale)
    studio.library.change(
        kept.id,
        lambda now: now.model_copy(update={"nudges": {**now.nudges, component: new}}),
    )
    write_files(studio.library, kept.id)
    return go_to(request, f"/objects/{kept.id}")


@router.post("/objects/{object_id}/delete")
def delete(request: Request, kept: ObjectDep, studio: StudioDep) -> Response:
    """Forget an object; what its stages made stays in the cache."""
    if studio.workshop.live(kept.id) is None:
        studio.library.delete(kept.id)
    return go_to(request, "/")


def _check_part(kept: KeptObject, component: str) -> None:
    if component not in kept.tries:
        raise HTTPException(404, "There is no such part.")
