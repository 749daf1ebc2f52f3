"""Opens stores by address, one per process and address."""

from functools import lru_cache

from mmpart_core.storage.fsspec_store import FsspecStore


@lru_cache(maxsize=64)
def open_store(url: str) -> FsspecStore:
    """The store at an address; credentials are those its file system's library finds.

    Args:
        url: a folder, or any fsspec address such as ``s3://bucket/prefix``.

    Raises:
        StorageError: nothing is known about addresses of that kind.
    """
    return FsspecStore(url)
