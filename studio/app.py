"""The web app: pages, static files, guards, and what is said when something fails."""

from collections.abc import Collection

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from mmpart_core.errors import MMPartError
from mmpart_core.storage.opening import open_store
from studio import pages_files, pages_new, pages_object
from studio.guard import LOOPBACK, Guard
from studio.library import ObjectLibrary
from studio.web import STATIC, Studio, render
from studio.workshop import Workshop

# A form's fields beside the image.
_FORM_BYTES = 1_000_000


def create_app(
    store_url: str,
    *,
    hosts: Collection[str] = LOOPBACK,
    token: str = "",
    max_upload_bytes: int = 40_000_000,
    prefect_ui: bool = False,
) -> FastAPI:
    """The studio on a store.

    Flows run with the Prefect settings of the thread that calls this.

    Args:
        store_url: folder or fsspec address where objects, records and blobs live.
        hosts: names that the studio answers to.
        token: the secret of its address; empty for none.
        max_upload_bytes: of an image.
        prefect_ui: whether there is a Prefect UI to link to.

    Raises:
        StorageError: the store cannot be used.
    """
    store = open_store(store_url)
    store.probe()
    library = ObjectLibrary(store)
    app = FastAPI(title="MMPart studio", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.studio = Studio(library, Workshop(library), prefect_ui, max_upload_bytes)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for pages in (pages_new, pages_object, pages_files):
        app.include_router(pages.router)
    app.add_exception_handler(HTTPException, _not_there)
    app.add_exception_handler(RequestValidationError, _unusable)
    app.add_exception_handler(MMPartError, _failed)
    app.add_middleware(
        Guard, hosts=hosts, token=token, max_body_bytes=max_upload_bytes + _FORM_BYTES
    )
    return app


def _not_there(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    text = str(getattr(error, "detail", "")) or "There is no such page."
    return _told(request, status, text)


def _unusable(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    told = [f"{fault['loc'][-1]}: {fault['msg']}" for fault in faults]
    return _told(request, 422, "; ".join(told) or "This cannot be used.")


def _failed(request: Request, error: Exception) -> Response:
    return _told(request, 500, str(error))


def _told(request: Request, status: int, text: str) -> Response:
    """A page that says what is wrong, or only the words where htmx asked for a fragment."""
    fragment = bool(request.headers.get("hx-request"))
    return render(request, "_error.html" if fragment else "error.html", status, text=text)
