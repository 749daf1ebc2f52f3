"""What every blob store promises, checked on each: in memory, in a folder, on an S3 server."""

import os
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from mmpart_core.errors import BlobCorruptError, BlobMissingError
from mmpart_core.records import BlobRef
from mmpart_core.storage.blob_store import BlobStore, blob_path, digest_of
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.memory_store import MemoryStore


class BlobStoreContract(ABC):
    """Inherited by the suite of every store."""

    @abstractmethod
    def alter(self, store: BlobStore, ref: BlobRef, data: bytes | None) -> None:
        """Replace a stored blob's bytes behind the store's back; None deletes it."""

    def test_gives_back_what_was_put(self, store: BlobStore) -> None:
        ref = store.put(b"some bytes", "text/plain")
        assert ref == BlobRef(sha256=digest_of(b"some bytes"), size=10, media="text/plain")
        assert store.has(ref)
        assert store.get(ref) == b"some bytes"

    def test_empty_bytes_are_a_blob(self, store: BlobStore) -> None:
        ref = store.put(b"", "text/plain")
        assert store.has(ref)
        assert store.get(ref) == b""

    def test_a_megabyte_of_any_bytes(self, store: BlobStore) -> None:
        data = bytes(range(256)) * 4096
        assert store.get(store.put(data, "application/octet-stream")) == data

    def test_same_bytes_have_one_address(self, store: BlobStore) -> None:
        first = store.put(b"twice", "text/plain")
        assert store.put(b"twice", "text/plain") == first
        assert store.get(first) == b"twice"

    def test_missing_blob(self, store: BlobStore) -> None:
        ref = BlobRef(sha256=digest_of(b"never put"), size=9, media="text/plain")
        assert not store.has(ref)
        with pytest.raises(BlobMissingError, match=ref.sha256[:12]):
            store.get(ref)

    def test_another_size_is_not_had(self, store: BlobStore) -> None:
        ref = store.put(b"sized", "text/plain")
        assert not store.has(ref.model_copy(update={"size": 4}))

    def test_truncated_blob(self, store: BlobStore) -> None:
        ref = store.put(b"whole content", "text/plain")
        self.alter(store, ref, b"whole")
        assert not store.has(ref)
        with pytest.raises(BlobCorruptError, match="altered"):
            store.get(ref)

    def test_altered_blob_of_the_same_size_is_not_had(self, store: BlobStore) -> None:
        ref = store.put(b"content", "text/plain")
        for _ in range(2):
            assert store.has(ref)
            self.alter(store, ref, b"CONTENT")
            assert not store.has(ref)
            assert not store.has(ref)
            assert store.put(b"content", "text/plain") == ref
        assert store.get(ref) == b"content"

    def test_altered_blob_is_found_on_reading_and_can_be_put_again(self, store: BlobStore) -> None:
        ref = store.put(b"content", "text/plain")
        self.alter(store, ref, b"CONTENT")
        with pytest.raises(BlobCorruptError, match="altered"):
            store.get(ref)
        assert not store.has(ref)
        with pytest.raises(BlobMissingError):
            store.get(ref)
        assert store.get(store.put(b"content", "text/plain")) == b"content"

    def test_deleted_blob_can_be_put_again(self, store: BlobStore) -> None:
        ref = store.put(b"gone", "text/plain")
        self.alter(store, ref, None)
        assert not store.has(ref)
        assert store.get(store.put(b"gone", "text/plain")) == b"gone"

    def test_many_threads_write_the_same_and_different_blobs(self, store: BlobStore) -> None:
        contents = [f"blob {index % 5}".encode() for index in range(40)]
        with ThreadPoolExecutor(8) as pool:
            refs = list(pool.map(lambda data: store.put(data, "text/plain"), contents))
        assert [store.get(ref) for ref in refs] == contents


class TestMemoryStore(BlobStoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    def alter(self, store: BlobStore, ref: BlobRef, data: bytes | None) -> None:
        assert isinstance(store, MemoryStore)
        del store.blobs[ref.sha256]
        if data is not None:
            store.blobs[ref.sha256] = data


class FsspecContract(BlobStoreContract):
    def alter(self, store: BlobStore, ref: BlobRef, data: bytes | None) -> None:
        assert isinstance(store, FsspecStore)
        store.delete_file(blob_path(ref.sha256))
        if data is not None:
            store.write_file(blob_path(ref.sha256), data)

    def test_probe_leaves_nothing(self, store: FsspecStore) -> None:
        store.write_file("records/a/kept.json", b"1")
        store.probe()
        filesystem, root = fsspec.url_to_fs(store.url)
        filesystem.invalidate_cache()
        files = [path for path in filesystem.find(root) if not path.endswith("kept.json")]
        assert files == []

    def test_files_are_replaced_whole(self, store: FsspecStore) -> None:
        store.write_file("records/a/b.json", b"a longer first version")
        store.write_file("records/a/b.json", b"second")
        assert store.read_file("records/a/b.json") == b"second"
        assert store.file_size("records/a/b.json") == 6
        store.delete_file("records/a/b.json")
        store.delete_file("records/a/b.json")
        assert store.read_file("records/a/b.json") is None
        assert store.file_size("records/a/b.json") is None

    def test_a_blob_is_read_once_until_it_is_altered(
        self, store: FsspecStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ref = store.put(b"content", "text/plain")
        read: list[str] = []
        real = store.read_file
        monkeypatch.setattr(store, "read_file", lambda path: read.append(path) or real(path))
        assert [store.has(ref) for _ in range(3)] == [True] * 3
        assert read == [blob_path(ref.sha256)]
        self.alter(store, ref, b"CONTENT")
        assert not store.has(ref)
        assert len(read) == 2


class TestFolderStore(FsspecContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FsspecStore:
        return FsspecStore(str(tmp_path / "store"))

    def test_content_altered_in_place_with_its_times_put_back(self, store: FsspecStore) -> None:
        ref = store.put(b"content", "text/plain")
        assert store.has(ref)
        path = Path(store.url) / blob_path(ref.sha256)
        before = path.stat()
        with path.open("r+b") as file:
            file.write(b"C")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_mtime_ns == before.st_mtime_ns
        assert not store.has(ref)


class TestS3Store(FsspecContract):
    @pytest.fixture
    def store(self, s3_url: str) -> FsspecStore:
        return FsspecStore(s3_url)
