"""Files under one root: a folder, or any address that fsspec knows."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from mmpart_core.errors import StorageError
from mmpart_core.storage import object_stores
from mmpart_core.storage.whole_files import write_whole

_TIME_NAMES = ("LastModified", "mtime", "updated", "last_modified", "created")


@dataclass(frozen=True)
class StoredFile:
    """A file as a listing tells of it.

    Attributes:
        path: below the root, with slashes.
        size: in bytes.
        written_at: when it was last written, in seconds since 1970 by the store's clock; None
            where the store does not tell.
    """

    path: str
    size: int
    written_at: float | None

    @property
    def name(self) -> str:
        """The last piece of its path."""
        return self.path.rpartition("/")[2]


class StoreFiles:
    """Reads, writes and lists files under a root.

    A file is complete or absent: folders see ``whole_files``, object stores publish an object when
    it is whole. Credentials and endpoints are
    what the file system's own library finds (for S3: botocore's environment variables and files)
    or what ``storage_options`` say; they never appear in messages. What passes (throttling, a
    dropped connection, a server's own error) is tried again by the library, see
    ``object_stores``. One instance may be used from many threads.

    Args:
        url: a folder, or an address that fsspec knows; ``~`` is expanded.
        storage_options: passed to the fsspec file system.

    Raises:
        StorageError: nothing is known about addresses of that kind.
    """

    def __init__(self, url: str, **storage_options: Any) -> None:
        self.url = without_credentials(url)
        target = url if "://" in url else str(Path(url).expanduser().absolute())
        options = object_stores.with_defaults(target, storage_options)
        try:
            found = fsspec.url_to_fs(target, **options)
        except (ValueError, ImportError, TypeError) as error:
            raise StorageError(
                f"store '{self.url}': expected a folder or an address that fsspec knows, such as "
                f"s3://bucket/prefix ({error})"
            ) from error
        self._fs: Any = found[0]
        self._root: str = found[1].rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)
        self._failures = object_stores.failures_of(self._fs)
        object_stores.bound_retries(self._fs)

    def read_file(self, path: str) -> bytes | None:
        """Content of a file under the root, or None when it is not there.

        Raises:
            StorageError: the store cannot be read.
        """
        with self._explained("read", path):
            try:
                return object_stores.read(self._fs, self._full(path))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def file_size(self, path: str) -> int | None:
        """Size of a file under the root in bytes, or None when it is not there.

        Raises:
            StorageError: the store cannot be read.
        """
        found = self._file_facts(path)
        return None if found is None else int(found["size"])

    def written_at(self, path: str) -> float | None:
        """When a file was last written, see ``StoredFile``; None where it is not there or not told.

        Raises:
            StorageError: the store cannot be read.
        """
        found = self._file_facts(path)
        return None if found is None else written_time(found)

    def address_of(self, path: str, lasts_s: float) -> str:
        """Where a file of the store can be had: a signed link, else its path or address.

        Args:
            path: under the root.
            lasts_s: how long a signed link works.
        """
        full = self._full(path)
        if self._local:
            return full
        try:
            return str(self._fs.sign(full, expiration=int(lasts_s)))
        # gcsfs signs with a package and a key of its own, which need not be there.
        except (NotImplementedError, ImportError, AttributeError, ValueError):
            return f"{self.url.rstrip('/')}/{path}"

    def write_file(self, path: str, data: bytes) -> None:
        """Write a file under the root, whole or not at all; replaces an older one.

        Raises:
            StorageError: the store cannot be written.
        """
        full = self._full(path)
        with self._explained("write", path):
            if self._local:
                write_whole(Path(full), data)
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
        return tuple(sorted(file.name for file in self._listed("") if isinstance(file, StoredFile)))

    def folder_names(self, path: str) -> tuple[str, ...]:
        """Names of the folders (of an object store: prefixes) directly under a path, sorted.

        Raises:
            StorageError: the store cannot be listed.
        """
        return tuple(sorted(name for name in self._listed(path) if isinstance(name, str)))

    def files_in(self, path: str) -> Iterator[StoredFile]:
        """The files directly in a folder under the root; none where it is not there.

        Raises:
            StorageError: the store cannot be listed.
        """
        return (file for file in self._listed(path) if isinstance(file, StoredFile))

    def _listed(self, path: str) -> list[StoredFile | str]:
        """Files, and names of folders."""
        with self._explained("list", path or self._root.rpartition("/")[2]):
            try:
                self._fs.invalidate_cache()
                found = self._fs.ls(self._full(path).rstrip("/"), detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return []
        prefix = f"{path}/" if path else ""
        listed: list[StoredFile | str] = []
        for item in found:
            name = item["name"].rstrip("/").rpartition("/")[2]
            if item["type"] == "file":
                size = int(item["size"] or 0)
                listed.append(StoredFile(f"{prefix}{name}", size, written_time(item)))
            elif item["type"] == "directory":
                listed.append(name)
        return listed

    def _file_facts(self, path: str) -> dict[str, Any] | None:
        with self._explained("read", path):
            try:
                found = object_stores.facts(self._fs, self._full(path))
            except (FileNotFoundError, NotADirectoryError):
                return None
        return found if found["type"] == "file" else None

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


def written_time(facts: dict[str, Any]) -> float | None:
    """When a file was written, in seconds since 1970, as a file system's facts tell it.

    Each file system has its own name and form for it; None where there is none.
    """
    for name in _TIME_NAMES:
        value = facts.get(name)
        if isinstance(value, datetime):
            return value.replace(tzinfo=value.tzinfo or UTC).timestamp()
        if isinstance(value, int | float):
            return float(value)
        if isinstance(value, str) and value:
            try:
                return datetime.fromisoformat(value).timestamp()
            except ValueError:
                continue
    return None
