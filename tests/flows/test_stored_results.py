"""A stored result is used only while all of it is there; a store that fails is not silent."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.generate_object import generate_object
from mmpart_core.errors import StorageError
from mmpart_core.records import BlobRef
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store
from tasks._caching import record_path

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]


def altered(content: bytes) -> bytes:
    """Other bytes of the same size."""
    return content[:-1] + bytes([content[-1] ^ 1])


def damage_blob(store: FsspecStore, ref: BlobRef, damage: str) -> None:
    """An accident to a stored blob."""
    content = store.get(ref)
    if damage == "deleted":
        store.delete_file(blob_path(ref.sha256))
    else:
        left = content[:-1] if damage == "truncated" else altered(content)
        store.write_file(blob_path(ref.sha256), left)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("deleted", marks=pytest.mark.long),
        pytest.param("truncated", marks=pytest.mark.long),
        "altered",
    ],
)
def test_damaged_blob_redoes_its_stage_only(
    counting_config: Any, request_of: Any, store_url: str, damage: str, journal: Any, ran: Any,
    without_cost: Any,
) -> None:  # fmt: skip
    first = generate_object(request_of(), counting_config, store_url)
    store = open_store(store_url)
    journal.taken()
    hat, man = first.parts
    for ref, stage in (
        (hat.isolated.rgba, "isolate:hat"),
        (man.field.checkpoint, "reconstruct:man"),
        (man.mesh.mesh, "mesh:man"),
        (first.assembled.glb, "assemble:"),
    ):
        content = store.get(ref)
        damage_blob(store, ref, damage)
        again = generate_object(request_of(), counting_config, store_url)
        assert ran(again) == {stage}
        assert len(journal.taken()) == 1
        assert without_cost(again) == without_cost(first)
        assert store.get(ref) == content


def test_blob_altered_before_other_work_reads_it_heals_in_the_same_run(
    counting_config: Any, request_of: Any, store_url: str, ran: Any, changed: Any
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    store = open_store(store_url)
    mesh = first.parts[0].mesh.mesh
    damage_blob(store, mesh, "altered")
    other = changed(counting_config, {"assemble.gap": 0.3})
    healed = generate_object(request_of(), other, store_url)
    assert healed.complete
    assert ran(healed) == {"mesh:hat", "assemble:"}


@pytest.mark.parametrize("damage", ["truncated", "emptied", "no JSON", "old format", "other class"])
def test_damaged_record_is_a_miss(
    counting_config: Any, request_of: Any, store_url: str, damage: str, ran: Any, without_cost: Any
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    store = open_store(store_url)
    key = next(run.key for run in first.runs if (run.stage, run.component) == ("mesh", "hat"))
    path = record_path(key)
    assert path is not None
    content = store.read_file(path)
    assert content is not None
    store.write_file(path, damaged(content, damage))
    again = generate_object(request_of(), counting_config, store_url)
    assert ran(again) == {"mesh:hat"}
    assert without_cost(again) == without_cost(first)
    assert store.read_file(path) == content


def damaged(content: bytes, damage: str) -> bytes:
    """A record after an accident."""
    record = json.loads(content)
    result = json.loads(record["result"])
    if damage == "old format":
        del result["data"]["watertight"]
    if damage == "other class":
        result["__class__"] = "mmpart_core.records.views.ViewSet"
    record["result"] = json.dumps(result)
    simple = {"truncated": content[:40], "emptied": b"", "no JSON": b"\xff\x00"}
    return simple.get(damage, json.dumps(record).encode())


def test_unwritable_store_stops_the_run_before_any_work(
    counting_config: Any, request_of: Any, tmp_path: Path, journal: Any
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        generate_object(request_of(), counting_config, str(tmp_path / "file"))
    assert journal.taken() == []


def test_records_that_cannot_be_written_are_failures(
    counting_config: Any, request_of: Any, store_url: str
) -> None:
    request = request_of()
    (Path(store_url) / "records").mkdir(parents=True)
    (Path(store_url) / "records" / "mesh").write_text("in the way")
    result = generate_object(request, counting_config, store_url)
    assert {(f.stage, f.component, f.error) for f in result.failures} == {
        ("mesh", "hat", "StorageError"),
        ("mesh", "man", "StorageError"),
    }
    assert "record was not stored" in result.failures[0].message


def test_records_that_cannot_be_read_are_failures(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    journal.taken()
    key = next(run.key for run in first.runs if (run.stage, run.component) == ("isolate", "hat"))
    record = Path(store_url) / str(record_path(key))
    record.unlink()
    record.mkdir()
    result = generate_object(request_of(), counting_config, store_url)
    assert [(f.stage, f.component, f.error) for f in result.failures] == [
        ("isolate", "hat", "StorageError")
    ]
    assert ("isolate", "hat") not in journal.taken()


def test_s3_store(
    counting_config: Any, picture: bytes, s3_url: str, journal: Any, ran: Any, without_cost: Any
) -> None:
    from mmpart_core.intake.components import parse_part
    from mmpart_core.intake.request import build_request

    request = build_request(
        picture, [parse_part("hat"), parse_part("man")], store=open_store(s3_url), name="pair"
    )
    first = generate_object(request, counting_config, s3_url)
    assert first.complete
    assert len(journal.taken()) == 10
    store = open_store(s3_url)
    glb = first.parts[1].mesh.mesh
    damage_blob(store, first.parts[0].field.checkpoint, "deleted")
    damage_blob(store, glb, "altered")
    second = generate_object(request, counting_config, s3_url)
    assert ran(second) == {"reconstruct:hat", "mesh:man"}
    assert without_cost(second) == without_cost(first)
    assert len(store.get(glb)) == glb.size
    journal.taken()
    assert ran(generate_object(request, counting_config, s3_url)) == set()
    assert journal.taken() == []
