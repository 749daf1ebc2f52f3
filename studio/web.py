"""What all pages share: the studio they show, templates, and where an answer leads."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.templating import Jinja2Templates

from mmpart_core.output import wording
from studio.library import ObjectLibrary
from studio.objects import KeptObject
from studio.workshop import Workshop

_HERE = Path(str(files("studio")))
STATIC = _HERE / "static"
_TEMPLATES = Jinja2Templates(directory=_HERE / "templates")
_TEMPLATES.env.trim_blocks = True
_TEMPLATES.env.lstrip_blocks = True
_TEMPLATES.env.filters["duration"] = wording.duration
_TEMPLATES.env.filters["share"] = wording.share
_TEMPLATES.env.filters["told"] = wording.told  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True)
class Studio:
    """What the pages work on.

    Attributes:
        library: objects.
        workshop: runs.
        prefect_ui: whether runs can be looked at in the Prefect UI.
        max_upload_bytes: of an image.
    """

    library: ObjectLibrary
    workshop: Workshop
    prefect_ui: bool
    max_upload_bytes: int


def _studio(request: Request) -> Studio:
    return request.app.state.studio


StudioDep = Annotated[Studio, Depends(_studio)]


def find_object(object_id: str, studio: StudioDep) -> KeptObject:
    """The object of an address.

    Raises:
        HTTPException: 404, there is none of that id.
    """
    kept = studio.library.load(object_id)
    if kept is None:
        raise HTTPException(404, "There is no such object; it may have been deleted.")
    return kept


ObjectDep = Annotated[KeptObject, Depends(find_object)]


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page or fragment."""
    return _TEMPLATES.TemplateResponse(request, template, values, status_code=status)


def go_to(request: Request, path: str) -> Response:
    """Another page, for forms and for htmx."""
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)
