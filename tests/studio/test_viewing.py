"""``mmpart view`` of an object in the store, by its name."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from mmpart_core.errors import InputError
from mmpart_core.storage.fsspec_store import FsspecStore
from studio.library import ObjectLibrary
from studio.objects import Draft, KeptObject
from studio.viewing import find_object, open_server

Finished = tuple[str, KeptObject]


@pytest.fixture
def address(finished: Finished) -> Iterator[str]:
    """Where the lamp is served, found by its name."""
    with open_server("table LAMP", finished[0], 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def get(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return answer.read()


def test_the_stored_page_is_served(address: str, finished: Finished) -> None:
    library = ObjectLibrary(FsspecStore(finished[0]))
    page = library.file(finished[1].id, "index.html")
    assert page is not None
    assert get(f"{address}/index.html") == get(address) == page
    assert get(f"{address}/parts/foot.glb")[:4] == b"glTF"


@pytest.mark.parametrize("path", ["/x", "/../objects", "/%2e%2e/%2e%2e/objects", "/parts/"])
def test_only_listed_files_are_served(address: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(address + path)
    assert refused.value.code == 404
    refused.value.close()


def test_names_are_found_and_missing_ones_told(store: FsspecStore) -> None:
    library = ObjectLibrary(store)
    with pytest.raises(InputError, match="no object was made in it yet"):
        find_object(library, "lamp")
    old, new, other = (
        library.create(Draft(name=name), b"", (1, 1)).id for name in ("lamp", "Lamp", "lamp post")
    )
    assert find_object(library, "LAMP") in (old, new)
    assert find_object(library, "post") == other
    for nothing in ("chair", " "):
        with pytest.raises(InputError, match="lamp-post"):
            find_object(library, nothing)
    with pytest.raises(InputError, match="make it in the studio first"):
        open_server("lamp post", store.url, 0)
