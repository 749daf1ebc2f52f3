"""A blob store in a folder or behind any fsspec address (``s3://bucket/prefix`` through s3fs)."""

import importlib
import os
import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from mmpart_core.errors import BlobCorruptError, BlobMissingError, StorageError
from mmpart_core.records import BlobRef
from mmpart_core.storage.blob_store import blob_path, digest_of

PROBE_FOLDER = "probes"


class FsspecStore:
    """Keeps the promises of ``BlobStore`` in a folder or an object store.

    Blobs lie at ``<url>/blobs/ab/abcd...``. A file is complete or absent: folders are written
    through a temporary name and ``os.replace``, object stores publish an object when it is whole.
    Credentials and endpoints are what the file system's own library finds (for S3: botocore's
    environment variables and files) or what ``storage_options`` say; they never appear in
    messages. One instance may be used from many threads.

    Args:
        url: a folder, or an address that fsspec knows; ``~`` is expanded.
        storage_options: passed to the fsspec file system.

    Raises:
        StorageError: nothing is known about addresses of that kind.
    """

    def __init__(self, url: str, **storage_options: Any) -> None:
        self.url = without_credentials(url)
        target = url if "://" in url else str(Path(url).expanduser().absolute())
        try:
            found = fsspec.url_to_fs(target, **storage_options)
        except (ValueError, ImportError, TypeError) as error:
            raise StorageError(
                f"store '{self.url}': expected a folder or an address that fsspec knows, such as "
                f"s3://bucket/prefix ({error})"
            ) from error
        self._fs: Any = found[0]
        self._root: str = found[1].rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)
        self._failures = _failures_of(self._fs)
        # What was known of each blob's file when its content was last found to be right.
        self._checked: dict[str, str] = {}

    def put(self, data: bytes, media: str) -> BlobRef:
        """See ``BlobStore.put``; bytes that are there already, unaltered, are not sent again."""
        ref = BlobRef(sha256=digest_of(data), size=len(data), media=media)
        if not self.has(ref):
            self.write_file(blob_path(ref.sha256), data)
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
        path = blob_path(ref.sha256)
        found = self._file_facts(path)
        if found is None or int(found["size"]) != ref.size:
            return False
        state = str(found)
        if self._checked.get(path) == state:
            return True
        data = self.read_file(path)
        if data is None or digest_of(data) != ref.sha256:
            return False
        self._checked[path] = state
        return True

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

    def read_file(self, path: str) -> bytes | None:
        """Content of a file under the root, or None when it is not there.

        Raises:
            StorageError: the store cannot be read.
        """
        with self._explained("read", path):
            try:
                return self._fs.cat_file(self._full(path))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def file_size(self, path: str) -> int | None:
        """Size of a file under the root in bytes, or None when it is not there.

        Raises:
            StorageError: the store cannot be read.
        """
        found = self._file_facts(path)
        return None if found is None else int(found["size"])

    def _file_facts(self, path: str) -> dict[str, Any] | None:
        with self._explained("read", path):
            try:
                found = self._fs.info(self._full(path))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return found if found["type"] == "file" else None

    def write_file(self, path: str, data: bytes) -> None:
        """Write a file under the root, whole or not at all; replaces an older one.

        Raises:
            StorageError: the store cannot be written.
        """
        full = self._full(path)
        with self._explained("write", path):
            if self._local:
                _replace_file(Path(full), data)
            else:
                self._fs.pipe_file(full, data)

    def delete_file(self, path: str) -> None:
        """Delete a file under the root; one that is not there is no error.

        Raises:
            StorageError: the store cannot be written.
        """
        with self._explained("delete", path):
            try:
                self._fs.rm_file(self._full(path))
            except FileNotFoundError:
                return

    def file_names(self) -> tuple[str, ...]:
        """Names of the files that lie directly under the root, sorted; none where it is not there.

        Raises:
            StorageError: the store cannot be listed.
        """
        with self._explained("list", self._root.rpartition("/")[2]):
            try:
                self._fs.invalidate_cache()
                found = self._fs.ls(self._root, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return ()
        return tuple(
            sorted(item["name"].rpartition("/")[2] for item in found if item["type"] == "file")
        )

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextmanager
    def _explained(self, verb: str, path: str) -> Generator[None]:
        try:
            yield
        except self._failures as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise StorageError(
                f"store '{self.url}': cannot {verb} '{path}' ({reason}); check that it exists, "
                "that it can be reached and that you may write to it"
            ) from error


def without_credentials(url: str) -> str:
    """An address without the user and password, query and fragment it may hold."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _replace_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _failures_of(fs: Any) -> tuple[type[Exception], ...]:
    """What a file system raises when it cannot be used: s3fs lets some of botocore's through."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    if "s3" not in protocols:
        return (OSError,)
    botocore: Any = importlib.import_module("botocore.exceptions")
    return (OSError, botocore.BotoCoreError, botocore.ClientError)
