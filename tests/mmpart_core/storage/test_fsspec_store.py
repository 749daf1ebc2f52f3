"""Failures of the store's backend: one clear error with the address, never a secret."""

import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
from aiobotocore import httpsession

from mmpart_core.errors import StorageError
from mmpart_core.storage.fsspec_store import FsspecStore, without_credentials
from mmpart_core.storage.opening import open_store


def test_store_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = FsspecStore(str(tmp_path / "file" / "store"))
    with pytest.raises(StorageError, match=r"cannot write.*file/store|file/store.*cannot write"):
        store.probe()


def test_unknown_kind_of_address() -> None:
    with pytest.raises(StorageError, match=r"nosuch://bucket.*s3://bucket/prefix"):
        FsspecStore("nosuch://bucket/x")


def test_missing_bucket(s3_server: str) -> None:
    store = FsspecStore("s3://no-such-bucket/prefix")
    with pytest.raises(StorageError, match="s3://no-such-bucket/prefix"):
        store.probe()


def test_wrong_secret_is_refused_and_not_shown(s3_server: str) -> None:
    store = FsspecStore(f"{s3_server}/x", key="tester", secret="not-the-right-one")
    with pytest.raises(StorageError) as caught:
        store.probe()
    assert "s3://bucket/x" in str(caught.value)
    assert "not-the-right-one" not in str(caught.value)


def test_unreachable_server_is_named_after_the_tries_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []
    real = httpsession.AIOHTTPSession.send

    async def counted(session: httpsession.AIOHTTPSession, request: Any) -> Any:
        sent.append(request.method)
        return await real(session, request)

    monkeypatch.setattr(httpsession.AIOHTTPSession, "send", counted)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = FsspecStore(
        "s3://bucket/x",
        key="k",
        secret="s",
        endpoint_url=f"http://127.0.0.1:{port}",
        config_kwargs={"retries": {"max_attempts": 1}},
    )
    with pytest.raises(StorageError, match="s3://bucket/x"):
        store.probe()
    assert sent == ["PUT", "PUT"]  # once, and the one retry


def test_credentials_in_an_address_are_not_repeated() -> None:
    address = "ftp://me:pass@host/data?x=1"  # pragma: allowlist secret
    assert without_credentials(address) == "ftp://host/data"
    assert without_credentials("a/folder") == "a/folder"


def test_error_survives_pickling(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        FsspecStore(str(tmp_path / "file")).put(b"x", "text/plain")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (type(copy), str(copy)) == (StorageError, str(caught.value))


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    store = FsspecStore(str(tmp_path))
    (tmp_path / "blobs").write_text("in the way")
    with pytest.raises(StorageError):
        store.put(b"x", "text/plain")
    assert [path.name for path in tmp_path.iterdir()] == ["blobs"]


def test_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ref = FsspecStore("~/store").put(b"x", "text/plain")
    assert FsspecStore(str(tmp_path / "store")).has(ref)


def test_one_store_per_address(tmp_path: Path) -> None:
    assert open_store(str(tmp_path)) is open_store(str(tmp_path))
