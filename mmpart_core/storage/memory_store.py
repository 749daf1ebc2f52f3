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
        """See ``BlobStore.get``; an altered blob is removed, so that it can be put again."""
        data = self.blobs.get(ref.sha256)
        if data is None:
            raise BlobMissingError(
                f"blob {ref.sha256[:12]} ({ref.media}, {ref.size} bytes) is not in this process's "
                "memory; run again to make it anew, or give the input again",
                ref.sha256,
            )
        if digest_of(data) != ref.sha256:
            del self.blobs[ref.sha256]
            raise BlobCorruptError(
                f"blob {ref.sha256[:12]} ({ref.media}) was altered: expected {ref.size} bytes of "
                f"that digest, got {len(data)} of another; it was removed, run again",
                ref.sha256,
            )
        return data

    def has(self, ref: BlobRef) -> bool:
        """See ``BlobStore.has``."""
        data = self.blobs.get(ref.sha256)
        return data is not None and len(data) == ref.size and digest_of(data) == ref.sha256
