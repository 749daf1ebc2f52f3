"""S3 that refuses, throttles, dawdles or breaks off: tried again within bounds, then one error."""

import os
import threading
from collections.abc import Iterator

import pytest

from mmpart_core.errors import StorageError
from mmpart_core.storage import object_stores
from mmpart_core.storage.fsspec_store import FsspecStore
from tests.flaky_s3 import FlakyS3

LARGE = 120 * 2**20  # s3fs sends more than 100 MiB in parts


@pytest.fixture
def flaky(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlakyS3]:
    server = FlakyS3(os.environ["AWS_ENDPOINT_URL"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(object_stores, "S3_TRIES", 3)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(flaky: FlakyS3, s3_url: str) -> FsspecStore:
    return FsspecStore(s3_url, endpoint_url=flaky.url)


@pytest.mark.parametrize("fault", ["503", "500", "drop", "slow"])
def test_what_passes_is_tried_again(store: FsspecStore, flaky: FlakyS3, fault: str) -> None:
    flaky.faults = {"PUT": [fault], "HEAD": [fault]}
    ref = store.put(b"content", "text/plain")
    flaky.faults = {"GET": [fault]}
    assert store.get(ref) == b"content"
    assert flaky.faults == {"GET": []}
    assert flaky.seen.count("PUT") == (1 if fault == "slow" else 2)


def test_an_answer_that_breaks_off_is_read_again(store: FsspecStore, flaky: FlakyS3) -> None:
    data = bytes(range(256)) * 4096
    ref = store.put(data, "application/octet-stream")
    flaky.faults = {"GET": ["cut"]}
    assert store.get(ref) == data
    assert flaky.seen.count("GET") == 2


def test_what_stays_away_is_an_error_after_few_tries(store: FsspecStore, flaky: FlakyS3) -> None:
    flaky.faults = {"PUT": ["500"] * 100}
    with pytest.raises(StorageError, match="cannot write"):
        store.probe()
    assert flaky.seen.count("PUT") == 3
    assert "DELETE" not in flaky.seen


def test_an_upload_that_fails_half_way_leaves_nothing(store: FsspecStore, flaky: FlakyS3) -> None:
    flaky.faults = {"PUT": ["drop"] * 100}
    with pytest.raises(StorageError, match="cannot write 'blobs/"):
        store.put(b"x" * 200_000, "application/octet-stream")
    flaky.faults = {}
    assert list(store.folder_names("blobs")) == []
    ref = store.put(b"x" * 200_000, "application/octet-stream")
    assert len(store.get(ref)) == 200_000


@pytest.mark.slow
def test_large_blobs_go_in_parts_and_whole_or_not_at_all(
    store: FsspecStore, flaky: FlakyS3
) -> None:
    data = bytes(LARGE)
    flaky.faults = {"PUT": ["", "503"]}
    ref = store.put(data, "application/octet-stream")
    assert flaky.seen.count("PUT") == 4  # three parts, one of them twice
    assert flaky.seen.count("POST") == 2  # begun, and put together
    assert store.has(ref)
    store.delete_file(f"blobs/{ref.sha256[:2]}/{ref.sha256}")
    flaky.faults = {"PUT": ["500"] * 100}
    with pytest.raises(StorageError, match="cannot write"):
        store.put(data, "application/octet-stream")
    assert flaky.seen[-1] == "DELETE"  # what was sent is given up, and costs nothing
    flaky.faults = {}
    assert not store.has(ref)
