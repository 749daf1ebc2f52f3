"""Records that can be trusted, without a flow: see also tests/flows/test_stored_results.py."""

import json
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer

from flows.stage_runner import TASKS
from mmpart_core.backends import STAGES
from mmpart_core.errors import BackendError, StorageError, TransientBackendError
from mmpart_core.records import BlobRef, MeshRef, PartMesh
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.store_contents import blob_refs
from tasks._caching import (
    RECORD_TYPES,
    VerifiedRecords,
    record_path,
    stored_record,
    trusted_record,
)
from tasks._options import is_transient
from tasks.score import score_object

KEY = "mesh-" + "0" * 64


@pytest.fixture
def store(tmp_path: Path) -> FsspecStore:
    return FsspecStore(str(tmp_path))


@pytest.fixture
def mesh(store: FsspecStore) -> PartMesh:
    """A record whose blob is in the store."""
    ref = store.put(b"glTF", "model/gltf-binary")
    return PartMesh(
        component="hat",
        mesh=MeshRef(**ref.model_dump(), vertices=3, faces=1),
        watertight=False,
        bodies=1,
        area=0.1,
        volume=0.0,
        method="by hand",
    )


def results(store: FsspecStore) -> ResultStore:
    """Prefect's view of the store."""
    return ResultStore(
        result_storage=VerifiedRecords(url=store.url),
        serializer=JSONSerializer(),
        cache_result_in_memory=False,
    )


def test_prefect_writes_and_reads_a_record(store: FsspecStore, mesh: PartMesh) -> None:
    results(store).write(mesh, key=KEY)
    assert results(store).exists(KEY)
    assert results(store).read(KEY).result == mesh
    assert stored_record(store, KEY) == mesh
    content = store.read_file(f"records/mesh/{KEY}.json")
    assert content is not None
    assert len(content) < 2000


def test_record_without_its_blob_is_a_miss(store: FsspecStore, mesh: PartMesh) -> None:
    results(store).write(mesh, key=KEY)
    store.delete_file(blob_path(mesh.mesh.sha256))
    assert not results(store).exists(KEY)
    assert stored_record(store, KEY) is None


def test_record_with_an_altered_blob_is_a_miss(store: FsspecStore, mesh: PartMesh) -> None:
    results(store).write(mesh, key=KEY)
    assert stored_record(store, KEY) == mesh
    store.write_file(blob_path(mesh.mesh.sha256), b"GLTF")
    assert not results(store).exists(KEY)
    assert stored_record(store, KEY) is None
    store.put(b"glTF", "model/gltf-binary")
    assert stored_record(store, KEY) == mesh


def test_record_of_another_stage_is_a_miss(store: FsspecStore, mesh: PartMesh) -> None:
    results(store).write(mesh, key=KEY)
    content = store.read_file(f"records/mesh/{KEY}.json")
    assert content is not None
    assert trusted_record(KEY, content, store) == mesh
    assert trusted_record("plan-" + "0" * 64, content, store) is None


def test_a_hit_is_checked_once(store: FsspecStore, mesh: PartMesh) -> None:
    results(store).write(mesh, key=KEY)
    looked = results(store)
    assert looked.exists(KEY)
    Path(store.url, blob_path(mesh.mesh.sha256)).unlink()  # between Prefect's two questions
    assert looked.read(KEY).result == mesh
    assert not looked.exists(KEY)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"result": "3"}', b"\xff"])
def test_unreadable_record_is_a_miss(store: FsspecStore, content: bytes) -> None:
    store.write_file(f"records/mesh/{KEY}.json", content)
    assert stored_record(store, KEY) is None
    assert not results(store).exists(KEY)


def test_store_that_cannot_be_read_is_remembered(tmp_path: Path) -> None:
    records = VerifiedRecords(url=str(tmp_path))
    (tmp_path / "records" / "mesh" / f"{KEY}.json").mkdir(parents=True)
    with pytest.raises(StorageError):
        records.read_path(KEY)
    assert "cannot read" in str(records.read_fault(KEY))


def test_store_that_cannot_be_written_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("in the way")
    records = VerifiedRecords(url=str(tmp_path))
    with pytest.raises(StorageError):
        records.write_path(KEY, b"{}")
    assert "cannot write" in str(records.write_fault(KEY))


def test_errors_of_failed_tasks_are_not_stored(store: FsspecStore) -> None:
    VerifiedRecords(url=store.url).write_path("5f9c0d3e", b"{}")
    assert record_path("5f9c0d3e") is None
    assert record_path("../mesh-" + "0" * 64) is None
    assert list(Path(store.url).rglob("*.json")) == []


def test_refs_are_found_at_any_depth_once() -> None:
    ref = {"sha256": "a" * 64, "size": 3, "media": "x", "width": 4, "height": 5}
    found = blob_refs(json.loads(json.dumps({"a": [{"b": ref}, ref], "c": {"d": {"e": ref}}})))
    assert found == [BlobRef(sha256="a" * 64, size=3, media="x")]


def test_record_types_are_those_of_the_tasks() -> None:
    assert set(TASKS) == set(STAGES)
    tasks = {**TASKS, "score": score_object}
    assert set(tasks) == set(RECORD_TYPES)
    for stage, task in tasks.items():
        assert get_type_hints(task.fn)["return"] is RECORD_TYPES[stage]
        assert task.name == stage
        assert task.persist_result
        assert not task.tags


def test_retries_follow_the_class() -> None:
    from prefect.states import Failed

    def asked(error: Exception) -> bool:
        nothing: Any = None
        return is_transient(nothing, nothing, Failed(data=error))

    assert asked(TransientBackendError("busy"))
    assert not asked(BackendError("refused: try again"))
    assert not asked(TimeoutError("try again"))
