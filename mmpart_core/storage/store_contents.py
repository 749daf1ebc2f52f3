"""What lies in a store: records by stage, and blobs; walked without holding long listings."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from mmpart_core.errors import StorageError
from mmpart_core.records import BlobRef, StageName
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.store_files import StoredFile, StoreFiles

RECORDS_FOLDER, BLOBS_FOLDER = "records", "blobs"
# What is kept by name and refers to records and blobs: the studio's objects, a JSON file each.
HOLDING_FOLDER = "studio/objects"
READERS = 16
_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_BATCH = 1024
Item = TypeVar("Item")
Result = TypeVar("Result")


def record_stages(store: StoreFiles) -> tuple[str, ...]:
    """The stages that records are there of: in the order of work, then what else there is.

    Raises:
        StorageError: the store cannot be listed.
    """
    there = set(store.folder_names(RECORDS_FOLDER))
    ordered = [stage for stage in get_args(StageName) if stage in there]
    return (*ordered, *sorted(there - set(ordered)))


def record_files(store: StoreFiles, stage: str) -> Iterator[StoredFile]:
    """The records of a stage, and what a killed writer left among them.

    Raises:
        StorageError: the store cannot be listed.
    """
    return store.files_in(f"{RECORDS_FOLDER}/{stage}")


def blob_files(store: StoreFiles) -> Iterator[StoredFile]:
    """All blobs, one folder of 256 after the other, and what killed writers left among them.

    Raises:
        StorageError: the store cannot be listed.
    """
    for folder in store.folder_names(BLOBS_FOLDER):
        yield from store.files_in(f"{BLOBS_FOLDER}/{folder}")


def blob_digest(file: StoredFile) -> bytes | None:
    """The digest that names a blob, as its 32 bytes; None of a file that is no blob.

    Example:
        >>> blob_digest(StoredFile("blobs/ab/abnormal", 3, None)) is None
        True
    """
    if not _DIGEST.fullmatch(file.name.encode()) or file.path != blob_path(file.name):
        return None
    return bytes.fromhex(file.name)


def named_digests(content: bytes) -> frozenset[bytes]:
    """All SHA-256 digests that stand in a record's text, as their 32 bytes.

    The text is searched, not read as a record: what today's code cannot read may still be
    somebody's.
    """
    return frozenset(bytes.fromhex(digest.decode()) for digest in _DIGEST.findall(content))


def record_digest(file: StoredFile) -> bytes | None:
    """The digest in a record's name, as its 32 bytes; None of a file that is no record.

    Example:
        >>> record_digest(StoredFile("records/mesh/mesh-abc.json", 3, None)) is None
        True
    """
    found = _DIGEST.search(file.name.encode())
    return bytes.fromhex(found[0].decode()) if found else None


def held_digests(store: StoreFiles) -> frozenset[bytes]:
    """The digests of blobs and of records that objects of the studio refer to.

    Raises:
        StorageError: the store cannot be listed or read.
    """
    files = (file for file in store.files_in(HOLDING_FOLDER) if file.name.endswith(".json"))
    read = in_parallel(lambda file: store.read_file(file.path), files)
    return frozenset(digest for _, content in read for digest in named_digests(content or b""))


def referred_blobs(content: bytes) -> list[BlobRef]:
    """The references to blobs in a stored record, each digest once.

    Raises:
        StorageError: the content is not a stored record.
    """
    try:
        data = json.loads(json.loads(content)["result"])["data"]
        return blob_refs(data)
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        raise StorageError(
            f"expected a stored record (JSON with the result of a stage), got something else "
            f"({type(error).__name__}); it counts as missing and is made again when it is needed"
        ) from error


def blob_refs(value: Any) -> list[BlobRef]:
    """All references to blobs inside JSON data, each once."""
    fields = BlobRef.model_fields
    found = {ref["sha256"]: {name: ref[name] for name in fields} for ref in _refs(value)}
    return [BlobRef.model_validate(ref) for ref in found.values()]


def _refs(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.keys() >= BlobRef.model_fields.keys():
            yield value
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def in_parallel(
    work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """Results of a function beside its arguments, in order, with so many threads as a store bears.

    Items are taken a thousand at a time, so that a listing of millions is never held.
    """
    with ThreadPoolExecutor(READERS, thread_name_prefix="store") as pool:
        for batch in _batches(items):
            yield from zip(batch, pool.map(work, batch), strict=True)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
