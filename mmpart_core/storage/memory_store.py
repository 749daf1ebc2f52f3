"""A blob store in a dictionary."""

from mmpart_core.errors import BlobCorruptError, BlobMissingError
from mmpart_core.records import BlobRef
from mmpart_core.storage.blob_store import digest_of


class MemoryStore:
    """Keeps the promises of ``BlobStore`` in this process's memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def put(self, data: bytes, media: str) -> BlobRef:
        """See ``BlobStore.put``."""
        digest = digest_of(data)
        self.blobs[digest] = data
        return BlobRef(sha256=digest, size=len(data), media=media)

    def get(self, ref: BlobRef) -> bytes:
        """See ``BlobStore.get``."""
        if ref.sha256 not in self.blobs:
            raise BlobMissingError(f"blob {ref.sha256[:12]} ({ref.media}) is not in the store")
        data = self.blobs[ref.sha256]
        if digest_of(data) != ref.sha256:
            raise BlobCorruptError(f"blob {ref.sha256[:12]} ({ref.media}) was altered")
        return data

    def has(self, ref: BlobRef) -> bool:
        """See ``BlobStore.has``."""
        return len(self.blobs.get(ref.sha256, b"")) == ref.size and ref.sha256 in self.blobs
