"""What a blob store promises."""

import hashlib
from typing import Protocol, runtime_checkable

from mmpart_core.records import BlobRef


@runtime_checkable
class BlobStore(Protocol):
    """Bytes named by the SHA-256 of their content; a blob is complete or absent."""

    def put(self, data: bytes, media: str) -> BlobRef:
        """Store bytes and give their address; storing the same bytes again costs nothing.

        Raises:
            StorageError: the store cannot be written.
        """
        ...

    def get(self, ref: BlobRef) -> bytes:
        """The bytes of a blob, checked against its digest.

        Raises:
            BlobMissingError: not there.
            BlobCorruptError: there, but altered.
            StorageError: the store cannot be read.
        """
        ...

    def has(self, ref: BlobRef) -> bool:
        """Whether a blob of that digest and size is there, unaltered: ``get`` would give it.

        Raises:
            StorageError: the store cannot be read.
        """
        ...


def digest_of(data: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def blob_path(sha256: str) -> str:
    """Path of a blob inside a store's root: ``blobs/ab/abcd...``."""
    return f"blobs/{sha256[:2]}/{sha256}"
