"""Whether all that a store holds is what it should be, and how much of it there is."""

from collections.abc import Iterator
from typing import Literal

from mmpart_core.errors import StorageError
from mmpart_core.records import Record
from mmpart_core.storage.blob_store import blob_path, digest_of
from mmpart_core.storage.store_contents import (
    blob_digest,
    blob_files,
    in_parallel,
    named_digests,
    record_files,
    record_stages,
    referred_blobs,
)
from mmpart_core.storage.store_files import StoredFile, StoreFiles
from mmpart_core.storage.whole_files import TEMPORARY_PREFIX

MAX_LISTED = 1000
Trouble = Literal["altered blob", "unreadable record", "missing blob", "altered blob referred to"]


class StoreFault(Record):
    """One thing in a store that is not what it should be.

    Attributes:
        trouble: of which kind.
        path: of the blob or record, below the store's root.
        detail: what was found.
    """

    trouble: Trouble
    path: str
    detail: str


class VerifyReport(Record):
    """What was found in a whole store.

    Attributes:
        records: how many there are.
        blobs: how many there are.
        bytes_read: of blobs, all of which were read.
        fault_count: how many faults there are.
        faults: the first of them, a thousand at most.
    """

    records: int
    blobs: int
    bytes_read: int
    fault_count: int
    faults: tuple[StoreFault, ...]


class StageUsage(Record):
    """What one stage keeps in a store.

    Attributes:
        stage: its name; ``inputs and unreferenced`` for blobs that no record refers to.
        records: how many.
        record_bytes: their sizes together.
        blobs: how many blobs its records are the first to refer to, in the order of the stages.
        blob_bytes: their sizes together.
    """

    stage: str
    records: int
    record_bytes: int
    blobs: int
    blob_bytes: int


UNREFERENCED = "inputs and unreferenced"


def measure_usage(store: StoreFiles) -> tuple[StageUsage, ...]:
    """Bytes by stage; each blob is counted once, for the first stage that refers to it.

    Raises:
        StorageError: the store cannot be listed or read.
    """
    sizes = {blob_digest(file): file.size for file in _blobs(store)}
    usage: list[StageUsage] = []
    for stage in record_stages(store):
        records = record_bytes = blobs = blob_bytes = 0
        for file, content in _contents(store, stage):
            records += 1
            record_bytes += file.size
            for digest in named_digests(content):
                size = sizes.pop(digest, None)
                if size is not None:
                    blobs += 1
                    blob_bytes += size
        usage.append(StageUsage(stage=stage, records=records, record_bytes=record_bytes,
                                blobs=blobs, blob_bytes=blob_bytes))  # fmt: skip
    rest = StageUsage(stage=UNREFERENCED, records=0, record_bytes=0,
                      blobs=len(sizes), blob_bytes=sum(sizes.values()))  # fmt: skip
    return (*usage, rest)


def verify_store(store: StoreFiles) -> VerifyReport:
    """Read every blob and every record, and compare them with what they should be.

    Nothing is changed: what is damaged counts as missing when it is needed, and is made again.
    A blob that is written while this goes on may be told as missing by a record just behind it.

    Raises:
        StorageError: the store cannot be listed or read.
    """
    faults: list[StoreFault] = []
    sound: dict[bytes, int] = {}
    altered: set[bytes] = set()
    bytes_read = count = 0
    for file, digest in in_parallel(lambda file: _digest_in(store, file), _blobs(store)):
        if digest is None:
            continue  # deleted meanwhile
        count += 1
        bytes_read += file.size
        if digest == file.name:
            sound[bytes.fromhex(digest)] = file.size
        else:
            altered.add(bytes.fromhex(file.name))
            detail = f"{file.size} bytes whose digest is {digest[:12]}..."
            faults.append(StoreFault(trouble="altered blob", path=file.path, detail=detail))
    records = 0
    for stage in record_stages(store):
        for file, content in _contents(store, stage):
            records += 1
            faults += _record_faults(file, content, sound, altered)
    return VerifyReport(records=records, blobs=count, bytes_read=bytes_read,
                        fault_count=len(faults), faults=tuple(faults[:MAX_LISTED]))  # fmt: skip


def _record_faults(
    file: StoredFile, content: bytes, sound: dict[bytes, int], altered: set[bytes]
) -> Iterator[StoreFault]:
    try:
        refs = referred_blobs(content)
    except StorageError as error:
        yield StoreFault(trouble="unreadable record", path=file.path, detail=str(error))
        return
    for ref in refs:
        digest = bytes.fromhex(ref.sha256)
        if sound.get(digest) == ref.size:
            continue
        there = digest in altered or digest in sound
        trouble: Trouble = "altered blob referred to" if there else "missing blob"
        detail = f"refers to {blob_path(ref.sha256)} ({ref.media}, {ref.size} bytes)"
        yield StoreFault(trouble=trouble, path=file.path, detail=detail)


def _blobs(store: StoreFiles) -> Iterator[StoredFile]:
    return (file for file in blob_files(store) if blob_digest(file) is not None)


def _digest_in(store: StoreFiles, file: StoredFile) -> str | None:
    data = store.read_file(file.path)
    return None if data is None else digest_of(data)


def _contents(store: StoreFiles, stage: str) -> Iterator[tuple[StoredFile, bytes]]:
    files = (f for f in record_files(store, stage) if not f.name.startswith(TEMPORARY_PREFIX))
    for file, content in in_parallel(lambda file: store.read_file(file.path), files):
        if content is not None:
            yield file, content
