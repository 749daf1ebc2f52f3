"""A blob store in a folder or behind any fsspec address (``s3://bucket/prefix`` through s3fs)."""

import time
import uuid
from typing import Any

from mmpart_core.errors import BlobCorruptError, BlobMissingError, StorageError
from mmpart_core.records import BlobRef
from mmpart_core.storage.blob_store import blob_path, digest_of
from mmpart_core.storage.store_files import StoreFiles, without_credentials, written_time

__all__ = ["PROBE_FOLDER", "RENEWED_AFTER_S", "FsspecStore", "without_credentials"]

PROBE_FOLDER = "probes"
# A blob that is put again is written again once it is so old; see ``pruning``, which counts on it.
RENEWED_AFTER_S = 12 * 3600


class FsspecStore(StoreFiles):
    """Keeps the promises of ``BlobStore`` in a folder or an object store.

    Blobs lie at ``<url>/blobs/ab/abcd...``.

    Args:
        url: a folder, or an address that fsspec knows; ``~`` is expanded.
        storage_options: passed to the fsspec file system.

    Raises:
        StorageError: nothing is known about addresses of that kind.
    """

    def __init__(self, url: str, **storage_options: Any) -> None:
        super().__init__(url, **storage_options)
        # What was known of each blob's file when its content was last found to be right.
        self._checked: dict[str, str] = {}

    def put(self, data: bytes, media: str) -> BlobRef:
        """See ``BlobStore.put``; bytes that are there already, unaltered, are not sent again.

        Unless they are half a day old: then they are written again, and count as young, so that
        nobody who cleans up takes them before the record that will refer to them is written.
        """
        ref = BlobRef(sha256=digest_of(data), size=len(data), media=media)
        path = blob_path(ref.sha256)
        found = self._sound_file(ref)
        written_at = None if found is None else written_time(found)
        if found is None or (written_at and time.time() - written_at > RENEWED_AFTER_S):
            self.write_file(path, data)
        return ref

    def get(self, ref: BlobRef) -> bytes:
        """See ``BlobStore.get``.

        An altered blob is removed: nobody can use it, and while it lies there ``put`` would take
        it for the right one. The next run then finds it missing and makes it again.
        """
        path = blob_path(ref.sha256)
        data = self.read_file(path)
        if data is None:
            raise BlobMissingError(
                f"store '{self.url}': blob {ref.sha256[:12]} ({ref.media}, {ref.size} bytes) is "
                "not there; run again to make it anew, or give the input again",
                ref.sha256,
            )
        if digest_of(data) != ref.sha256:
            self.delete_file(path)
            raise BlobCorruptError(
                f"store '{self.url}': blob {ref.sha256[:12]} ({ref.media}) was altered: expected "
                f"{ref.size} bytes of that digest, got {len(data)} of another; it was removed, "
                "run again to make it anew",
                ref.sha256,
            )
        return data

    def has(self, ref: BlobRef) -> bool:
        """See ``BlobStore.has``.

        The content is read and its digest compared, once for each state of the file: what its
        file system tells of it (in a folder inode and times, in S3 ETag and time) changes with
        it, so a blob is read again only after it was written again.
        """
        return self._sound_file(ref) is not None

    def _sound_file(self, ref: BlobRef) -> dict[str, Any] | None:
        """What is known of a blob's file, where its content is what it should be."""
        path = blob_path(ref.sha256)
        found = self._file_facts(path)
        if found is None or int(found["size"]) != ref.size:
            return None
        state = str(found)
        if self._checked.get(path) == state:
            return found
        data = self.read_file(path)
        if data is None or digest_of(data) != ref.sha256:
            return None
        self._checked[path] = state
        return found

    def probe(self) -> None:
        """Write, read and delete a small object.

        Raises:
            StorageError: one of the three does not work.
        """
        path = f"{PROBE_FOLDER}/{uuid.uuid4().hex}"
        data = b"mmpart"
        self.write_file(path, data)
        if self.read_file(path) != data:
            raise StorageError(f"store '{self.url}': reads back other bytes than were written")
        self.delete_file(path)

    def now(self) -> float:
        """The time by the store's own clock, in seconds since 1970; a probe is written for it.

        Raises:
            StorageError: the store cannot be written or read.
        """
        path = f"{PROBE_FOLDER}/{uuid.uuid4().hex}"
        self.write_file(path, b"mmpart")
        told = self.written_at(path)
        self.delete_file(path)
        return time.time() if told is None else told
