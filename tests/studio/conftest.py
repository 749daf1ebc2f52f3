"""A store with a finished object in it, and a browser's way to the pages without a network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mmpart_core.intake.plan_file import PlannedRun
from mmpart_core.records import ObjectResult, PartFailure
from mmpart_core.storage import codecs
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.app import create_app
from studio.library import ObjectLibrary
from studio.objects import ComponentRow, Draft, KeptObject
from studio.work import first_tries, write_files
from tasks._caching import blob_refs
from tests.mmpart_core.output.conftest import ResultBuilder, lamp_parts

HOST = "http://127.0.0.1:7860"
NAMES = ["foot", "stem", "globe <b>"]


def kept_lamp(store: FsspecStore, names: list[str] | None = None) -> KeptObject:
    """A finished lamp as the studio keeps it, its blobs and files in the store."""
    builder = ResultBuilder(names or NAMES, lamp_parts())
    result: ObjectResult = builder.build()
    for ref in blob_refs(result.model_dump(mode="json")):
        store.put(builder.store.get(ref), ref.media)
    library = ObjectLibrary(store)
    image = codecs.encode_png(builder.source.rgba)
    rows = tuple(ComponentRow(name=name) for name in builder.names)
    new = library.create(Draft(name="Table lamp", rows=rows), image, (320, 320))
    assert result.plan is not None
    parts = {part.component: part for part in result.parts}
    tries = {
        name: (own[0].model_copy(update={"part": parts[name]}),)
        for name, own in first_tries(result.plan, 0).items()
    }
    update = {
        "state": "done",
        "request": result.request,
        "run": PlannedRun(profile="local"),
        "plan": result.plan,
        "tries": tries,
        "result": result,
    }
    kept = library.change(new.id, lambda now: now.model_copy(update=update))
    assert kept is not None
    write_files(library, kept.id)
    return kept


@pytest.fixture
def store(tmp_path: Path) -> FsspecStore:
    """An empty store in a folder."""
    return FsspecStore(str(tmp_path / "store"))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, KeptObject]:
    """The address of a store with a finished lamp; tests that share it change nothing."""
    store = FsspecStore(str(tmp_path_factory.mktemp("finished") / "store"))
    return store.url, kept_lamp(store)


@pytest.fixture
def browse() -> Callable[..., TestClient]:
    """Opens the pages on a store."""

    def open_pages(url: str, **options: Any) -> TestClient:
        return TestClient(create_app(url, **options), base_url=HOST, follow_redirects=False)

    return open_pages


def failed_part(component: str) -> PartFailure:
    """A failure with advice."""
    return PartFailure(
        component=component,
        stage="isolate",
        error="StageError",
        message=f"part '{component}': foreground covers 0.2 % of the image; describe it closer",
    )
