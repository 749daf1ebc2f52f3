"""``mmpart store`` and the flow behind a deployment's maintenance, on a store that a run filled."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from flows.generate_object import generate_object
from flows.store_maintenance import store_maintenance
from mmpart_core.errors import StorageError
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.opening import open_store

pytestmark = [pytest.mark.xdist_group("prefect")]


@pytest.fixture
def filled(counting_config: Any, request_of: Any, store_url: str, prefect: str) -> Any:
    """A run's result; its store is at ``store_url``."""
    return generate_object(request_of(), counting_config, store_url)


def make_old(store_url: str, days: float) -> None:
    then = time.time() - days * 86400
    for path in Path(store_url).rglob("*"):
        os.utime(path, (then, then))


def test_commands_on_a_store_that_a_run_filled(
    filled: Any, store_url: str, mmpart: Any, ran: Any, counting_config: Any, request_of: Any
) -> None:
    usage = mmpart("store", "usage", "--store", store_url)
    assert usage.exit_code == 0, usage.output
    first = [line.split()[0] for line in usage.stdout.splitlines() if line.strip()]
    assert [word for word in first if word.isalpha()][:2] == ["stage", "plan"]
    assert mmpart("store", "verify", "--store", store_url).exit_code == 0
    store = open_store(store_url)
    lost = filled.parts[0].mesh.mesh
    store.delete_file(blob_path(lost.sha256))
    damaged = mmpart("store", "verify", "--store", store_url)
    assert damaged.exit_code == 3
    assert "missing blob: records/" in damaged.stdout
    assert "makes it again" in damaged.stderr
    make_old(store_url, 40)
    before = {path for path in Path(store_url).rglob("*") if path.is_file()}
    planned = mmpart("store", "prune", "--older-than", "30d", "--dry-run", "--store", store_url)
    assert "would be removed" in planned.stdout
    assert {path for path in Path(store_url).rglob("*") if path.is_file()} == before
    pruned = mmpart("store", "prune", "--older-than", "30d", "--store", store_url)
    assert pruned.exit_code == 0
    assert "go the next time" in pruned.stdout
    mmpart("store", "prune", "--older-than", "30d", "--store", store_url)
    assert [path for path in Path(store_url).rglob("*") if path.is_file()] == []
    again = generate_object(request_of(), counting_config, store_url)
    assert ran(again) == {f"{run.stage}:{run.component or ''}" for run in filled.runs}


def test_what_cannot_be_used_is_refused(mmpart: Any, tmp_path: Path) -> None:
    for arguments, said in (
        (("prune", "--older-than", "soon", "--store", tmp_path), "such as 30d"),
        (("usage", "--store", tmp_path / "nowhere"), "nothing of MMPart is there"),
        (("verify", "--store", "s3://me:pw@bucket/x"), "holds a user"),  # pragma: allowlist secret
        (("usage", "--store", "nosuch://x"), "address that fsspec knows"),
    ):
        result = mmpart("store", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert said in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "nowhere").exists()


def test_maintenance_flow(filled: Any, store_url: str) -> None:
    from prefect.artifacts import Artifact

    reports = store_maintenance(store_url, older_than="30d", verify=True)
    assert reports["verify"]["fault_count"] == 0
    assert reports["prune"]["kept_records"] == len(filled.runs)
    artifact = Artifact.get("store-usage")
    assert artifact is not None
    assert "reconstruct" in str(artifact.data)
    store = open_store(store_url)
    store.write_file(blob_path(filled.assembled.glb.sha256), b"altered")
    with pytest.raises(StorageError, match=r"[12] of"):
        store_maintenance(store_url, verify=True)
