"""Pages before a run: history, a new object's image, its components, what it would cost."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from starlette.responses import Response

from flows.inputs import Inputs, object_name
from mmpart_core.errors import InputError, MMPartError
from mmpart_core.intake.image import image_size, read_image
from studio import showing
from studio.drafting import check_draft, studio_profiles
from studio.estimating import estimate
from studio.guard import too_large
from studio.live import LiveRun
from studio.objects import ComponentRow, Draft, KeptObject
from studio.suggesting import suggest_rows
from studio.web import ObjectDep, Studio, StudioDep, go_to, render
from studio.work import plan_work

router = APIRouter()
_PAGE = 24
_BUSY = "Something is being done for this object; wait until it is finished, or stop it."
Texts = Annotated[list[str], Form()]
Text = Annotated[str, Form()]


@router.get("/")
def history(request: Request, studio: StudioDep, q: str = "", page: int = 1) -> Response:
    """All objects, newest first; as a fragment for search while typing."""
    ids = studio.library.ids(q[:200])
    page = max(1, min(page, 1 + len(ids) // _PAGE))
    shown = ids[(page - 1) * _PAGE : page * _PAGE]
    found = [kept for each in shown if (kept := studio.library.load(each)) is not None]
    fragment = request.headers.get("hx-target") == "cards"
    return render(
        request,
        "_cards.html" if fragment else "history.html",
        objects=[
            (kept, showing.status_words(kept, studio.workshop.live(kept.id))) for kept in found
        ],
        words=q,
        page=page,
        pages=max(1, -(-len(ids) // _PAGE)),
        count=len(ids),
    )


@router.get("/new")
def new(request: Request, studio: StudioDep) -> Response:
    """Where an image is given."""
    return render(request, "new.html", limit_mb=studio.max_upload_bytes // 1_000_000)


@router.post("/new")
def take_image(request: Request, studio: StudioDep, image: UploadFile) -> Response:
    """Keep an image as a new object, if it is one."""
    data = image.file.read(studio.max_upload_bytes + 1)
    if len(data) > studio.max_upload_bytes:
        raise too_large(studio.max_upload_bytes)
    limit_mb = studio.max_upload_bytes // 1_000_000
    try:
        if not data:
            raise InputError("no image; choose a PNG, JPEG or WebP file")
        read_image(data, 1024)
        size = image_size(data)
    except InputError as error:
        return render(request, "new.html", 422, fault=str(error), limit_mb=limit_mb)
    draft = Draft(name=_name_of(image.filename or ""), rows=(ComponentRow(), ComponentRow()))
    kept = studio.library.create(draft, data, size)
    return go_to(request, f"/objects/{kept.id}/edit")


def _name_of(file_name: str) -> str:
    """What to call an object after its file; a camera's name for a file says nothing."""
    stem = re.split(r"[/\\]", file_name)[-1].rpartition(".")[0] or file_name
    try:
        return (object_name(Inputs(name=stem)) or "object")[:100]
    except InputError:
        return "object"


@router.get("/objects/{object_id}/edit")
def edit(request: Request, kept: ObjectDep, studio: StudioDep) -> Response:
    """The form of an object."""
    return _form(request, kept, kept.draft)


def _form(
    request: Request, kept: KeptObject, draft: Draft, fault: str = "", status: int = 200
) -> Response:
    return render(
        request,
        "edit.html",
        status,
        kept=kept,
        draft=draft,
        fault=fault,
        profiles=studio_profiles(),
    )


def read_draft(
    name: Text = "",
    part_name: Texts = [],  # noqa: B006 - FastAPI copies it
    part_hidden: Texts = [],  # noqa: B006
    part_count: Texts = [],  # noqa: B006
    part_region: Texts = [],  # noqa: B006
    profile: Text = "local",
    settings: Text = "",
    seed: Text = "0",
    elevation: Text = "",
    max_cost: Text = "",
) -> Draft:
    """A draft from the fields of its form; what is too long is cut, and then refused as it is."""
    columns = zip(part_name, part_hidden, part_count, part_region, strict=False)
    rows = tuple(
        ComponentRow(name=n[:400], hidden=h[:4000], count=c[:20], region=r[:4000])
        for n, h, c, r in columns
    )
    return Draft(
        name=name[:400],
        rows=rows[:100],
        profile=profile[:100],
        settings=settings[:20_000],
        seed=seed[:20],
        elevation=elevation[:20],
        max_cost=max_cost[:20],
    )


DraftDep = Annotated[Draft, Depends(read_draft)]


@router.post("/objects/{object_id}/estimate")
def show_estimate(
    request: Request, kept: ObjectDep, studio: StudioDep, draft: DraftDep
) -> Response:
    """What a run of the form would do and cost; the form is kept as it is."""
    checked = check_draft(draft, _upload(studio, kept), studio.library.store)
    _keep_draft(studio, kept, checked.draft)
    faults = [f"{row.name or 'component'}: {row.fault}" for row in checked.draft.rows if row.fault]
    coming = estimate(checked.job) if checked.job else None
    return render(
        request, "_estimate.html", estimate=coming, faults=faults or [checked.fault], kept=kept
    )


@router.post("/objects/{object_id}/suggest")
def suggest(request: Request, kept: ObjectDep, studio: StudioDep, draft: DraftDep) -> Response:
    """Ask the profile's planner which components it sees; the form is kept as it is."""
    _keep_draft(studio, kept, draft)
    try:
        found = studio.workshop.call(lambda: suggest_rows(studio.library, kept, draft))
    except MMPartError as error:
        return render(request, "_suggestions.html", 422, suggested=None, fault=str(error))
    return render(request, "_suggestions.html", suggested=found)


@router.post("/objects/{object_id}/plan")
def start_plan(request: Request, kept: ObjectDep, studio: StudioDep, draft: DraftDep) -> Response:
    """Check the form and have the plan written."""
    checked = check_draft(draft, _upload(studio, kept), studio.library.store)
    _keep_draft(studio, kept, checked.draft)
    if checked.job is None:
        return _form(request, kept, checked.draft, checked.fault, 422)
    live = LiveRun("writing the plan", (), ("plan",))
    started = studio.workshop.start(kept.id, live, plan_work(studio.library, kept.id))
    if not started:
        return _form(request, kept, checked.draft, _BUSY, 409)
    reset = {"state": "planning", "trouble": ""}
    studio.library.change(kept.id, lambda now: now.model_copy(update=reset))
    return go_to(request, f"/objects/{kept.id}")


def _upload(studio: Studio, kept: KeptObject) -> bytes:
    return studio.library.upload(kept.id) or b""


def _keep_draft(studio: Studio, kept: KeptObject, draft: Draft) -> None:
    studio.library.change(kept.id, lambda now: now.model_copy(update={"draft": draft}))
