"""Verifying, measuring and pruning a store, in a folder and on an S3 server."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmpart_core.errors import ArgumentError, ConfigError
from mmpart_core.records import BlobRef
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.pruning import parse_age, prune_store
from mmpart_core.storage.store_contents import (
    HOLDING_FOLDER,
    blob_digest,
    in_parallel,
    record_stages,
)
from mmpart_core.storage.store_files import StoredFile
from mmpart_core.storage.verifying import UNREFERENCED, measure_usage, verify_store

DAY = 86400.0
Ageing = Callable[[str, float], None]


@pytest.fixture
def store(tmp_path: Path) -> FsspecStore:
    return FsspecStore(str(tmp_path / "store"))


@pytest.fixture(params=["folder", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> FsspecStore:
    if request.param == "folder":
        return FsspecStore(str(tmp_path / "store"))
    return FsspecStore(request.getfixturevalue("s3_url"))


@pytest.fixture
def aged(store: FsspecStore) -> Ageing:
    """Makes a file of the folder as old as so many days."""

    def make(path: str, days: float) -> None:
        then = time.time() - days * DAY
        os.utime(Path(store.url) / path, (then, then))

    return make


@pytest.fixture
def everything(store: FsspecStore) -> Callable[[], set[str]]:
    """The paths of all files of the folder."""
    folder = Path(store.url)
    return lambda: {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }


def put_record(store: FsspecStore, stage: str, number: int, *refs: BlobRef) -> str:
    """A record as Prefect stores it; gives its path."""
    data = {"component": "hat", "refs": [ref.model_dump() for ref in refs]}
    result = {"__class__": "mmpart_core.records.shape.PartMesh", "data": data}
    path = f"records/{stage}/{stage}-{number:064x}.json"
    content = {"metadata": {"expiration": None}, "result": json.dumps(result)}
    store.write_file(path, json.dumps(content).encode())
    return path


def put_blob(store: FsspecStore, text: str) -> BlobRef:
    return store.put(text.encode(), "text/plain")


def test_what_objects_of_the_studio_refer_to_stays(
    any_store: FsspecStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    meshes = [put_blob(any_store, f"mesh {number}") for number in range(3)]
    uploaded = put_blob(any_store, "an image that no record refers to")
    kept = put_record(any_store, "mesh", 1, meshes[0])
    gone = put_record(any_store, "mesh", 2, meshes[1])
    whose = {"plan": uploaded.model_dump(), "key": f"mesh-{1:064x}", "moved": meshes[2].sha256}
    any_store.write_file(f"{HOLDING_FOLDER}/20260101-chair.json", json.dumps(whose).encode())
    monkeypatch.setattr(FsspecStore, "now", lambda self: time.time() + 100 * DAY)
    report = prune_store(any_store, 30 * DAY, at_once=True)
    assert (report.records, report.blobs, report.kept_records) == (1, 1, 1)
    assert any_store.read_file(kept) is not None
    assert any_store.read_file(gone) is None
    found = [any_store.has(ref) for ref in (*meshes, uploaded)]
    assert found == [True, False, True, True]


def test_old_records_go_and_their_blobs_the_next_time(
    store: FsspecStore, aged: Ageing, everything: Any
) -> None:
    own, shared = put_blob(store, "own"), put_blob(store, "shared by both records")
    old = put_record(store, "isolate", 1, own, shared)
    young = put_record(store, "mesh", 2, shared)
    for path in (old, blob_path(own.sha256), blob_path(shared.sha256)):
        aged(path, 40)
    aged(young, 20)
    planned = prune_store(store, 30 * DAY, dry_run=True)
    assert (planned.records, planned.kept_records, planned.blobs) == (1, 1, 0)
    assert {old, young} <= everything()
    first = prune_store(store, 30 * DAY)
    assert (first.records, first.blobs, first.next_blobs, first.next_bytes) == (1, 0, 1, own.size)
    assert planned.model_copy(update={"dry_run": False}) == first
    assert store.get(own) == b"own"  # a run that has just found the record still reads it
    second = prune_store(store, 30 * DAY)
    assert (second.records, second.blobs, second.blob_bytes) == (0, 1, own.size)
    assert everything() == {young, blob_path(shared.sha256)}


def test_pruning_goes_by_the_clock_of_an_s3_server(s3_url: str) -> None:
    store = FsspecStore(s3_url)
    own, shared = put_blob(store, "own"), put_blob(store, "shared")
    old = put_record(store, "isolate", 1, own, shared)
    time.sleep(5.0)
    fresh = put_blob(store, "fresh")
    young = put_record(store, "mesh", 2, shared)
    first = prune_store(store, 4.0, grace_s=4.0)
    assert (first.records, first.kept_records, first.blobs, first.next_blobs) == (1, 1, 0, 1)
    assert store.read_file(old) is None
    assert prune_store(store, 3600.0, grace_s=4.0).blobs == 1
    assert [store.has(ref) for ref in (own, shared)] == [False, True]
    assert store.read_file(young) is not None
    put_record(store, "mesh", 3, fresh)
    assert verify_store(store).fault_count == 0


def test_blobs_that_nobody_refers_to_go_once_they_are_a_day_old(
    store: FsspecStore, aged: Ageing
) -> None:
    lost, fresh = put_blob(store, "lost"), put_blob(store, "its record is about to be written")
    aged(blob_path(lost.sha256), 2)
    assert prune_store(store, 30 * DAY).blobs == 1
    assert not store.has(lost)
    assert store.has(fresh)


def test_old_blob_that_work_makes_again_is_young_again(store: FsspecStore, aged: Ageing) -> None:
    ref = put_blob(store, "made before, by a run whose record is gone")
    aged(blob_path(ref.sha256), 40)
    assert put_blob(store, "made before, by a run whose record is gone") == ref
    assert prune_store(store, 30 * DAY).blobs == 0
    put_record(store, "mesh", 3, ref)
    assert verify_store(store).fault_count == 0


def test_blob_written_again_between_listing_and_removal_stays(
    store: FsspecStore, aged: Ageing, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = put_blob(store, "in a race")
    aged(blob_path(ref.sha256), 40)
    real = store.written_at

    def raced(path: str) -> float | None:
        if path == blob_path(ref.sha256):
            store.write_file(path, b"in a race")
        return real(path)

    monkeypatch.setattr(store, "written_at", raced)
    assert prune_store(store, 30 * DAY).blobs == 0
    assert store.get(ref) == b"in a race"


def test_records_that_today_cannot_be_read_keep_their_blobs(
    store: FsspecStore, aged: Ageing
) -> None:
    ref = put_blob(store, "of an older format")
    aged(blob_path(ref.sha256), 40)
    content = json.dumps({"format": 0, "digest": ref.sha256}).encode()
    store.write_file(f"records/mesh/mesh-{5:064x}.json", content)
    assert prune_store(store, 30 * DAY).blobs == 0
    assert store.has(ref)


def test_at_once_removes_all_in_one_go(store: FsspecStore, everything: Any) -> None:
    ref = put_blob(store, "young")
    put_record(store, "mesh", 1, ref)
    report = prune_store(store, 0.0, grace_s=0.0, at_once=True)
    assert (report.records, report.blobs) == (1, 1)
    assert everything() == set()


def test_what_killed_writers_left_goes(store: FsspecStore, aged: Ageing, everything: Any) -> None:
    digest = "ab" + 62 * "0"
    old = [f"blobs/ab/.{digest}.12-34", f"records/mesh/.mesh-{7:064x}.json.5-6", "probes/dead"]
    for path in old:
        store.write_file(path, b"half")
        aged(path, 2)
    store.write_file(f"blobs/ab/.{digest}.99-99", b"of a living writer")
    store.write_file("blobs/ab/notes.txt", b"no blob")
    aged("blobs/ab/notes.txt", 40)
    assert prune_store(store, 30 * DAY).leftovers == 3
    assert everything() == {f"blobs/ab/.{digest}.99-99", "blobs/ab/notes.txt"}


def test_verify_names_what_is_damaged(any_store: FsspecStore) -> None:
    sound, gone, altered, cut = (
        put_blob(any_store, text) for text in ("sound", "gone", "alter", "ct")
    )
    whole = put_record(any_store, "isolate", 1, sound)
    lacking = put_record(any_store, "mesh", 2, sound, gone)
    spoiled = put_record(any_store, "mesh", 3, altered)
    truncated = put_record(any_store, "reconstruct", 4, cut)
    report = verify_store(any_store)
    assert (report.records, report.blobs, report.fault_count) == (4, 4, 0)
    assert report.bytes_read == 16
    any_store.delete_file(blob_path(gone.sha256))
    any_store.write_file(blob_path(altered.sha256), b"ALTER")
    content = any_store.read_file(truncated)
    assert content is not None
    any_store.write_file(truncated, content[:-9])
    report = verify_store(any_store)
    assert {(fault.trouble, fault.path) for fault in report.faults} == {
        ("altered blob", blob_path(altered.sha256)),
        ("missing blob", lacking),
        ("altered blob referred to", spoiled),
        ("unreadable record", truncated),
    }
    assert whole not in {fault.path for fault in report.faults}
    assert (report.records, report.blobs) == (4, 3)


def test_usage_counts_each_blob_once_for_the_first_stage(any_store: FsspecStore) -> None:
    image, views = put_blob(any_store, "source image"), put_blob(any_store, "six views")
    put_record(any_store, "multiview", 1, views)
    put_record(any_store, "reconstruct", 2, views, put_blob(any_store, "field"))
    put_record(any_store, "score", 3)
    assert record_stages(any_store) == ("multiview", "reconstruct", "score")
    found = {
        row.stage: (row.records, row.blobs, row.blob_bytes) for row in measure_usage(any_store)
    }
    assert found == {
        "multiview": (1, 1, views.size),
        "reconstruct": (1, 1, 5),
        "score": (1, 0, 0),
        UNREFERENCED: (0, 1, image.size),
    }


def test_an_empty_store_is_sound(any_store: FsspecStore) -> None:
    assert verify_store(any_store).fault_count == 0
    assert prune_store(any_store, DAY).records == 0
    assert [row.stage for row in measure_usage(any_store)] == [UNREFERENCED]


def test_long_listings_are_worked_on_in_pieces() -> None:
    taken: list[int] = []

    def numbers() -> Any:
        for number in range(5000):
            taken.append(number)
            yield number

    results = in_parallel(lambda number: number * 2, numbers())
    assert next(results) == (0, 0)
    assert len(taken) == 1024
    assert [result for _, result in results] == [2 * number for number in range(1, 5000)]


@pytest.mark.parametrize("text", ["", "d", "-3d", "3y", "1.5d", "30 days", "9999999d", "7"])
def test_ages_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 30d"):
        parse_age(text)


def test_negative_ages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="0 seconds or more"):
        prune_store(FsspecStore(str(tmp_path)), -1.0)


def test_files_that_are_no_blobs() -> None:
    digest = 64 * "a"
    assert blob_digest(StoredFile(f"blobs/aa/{digest}", 1, None)) == bytes.fromhex(digest)
    assert blob_digest(StoredFile(f"blobs/bb/{digest}", 1, None)) is None
    assert blob_digest(StoredFile(f"blobs/aa/.{digest}.1-2", 1, None)) is None
