"""Gives the core's stage keys to Prefect, and stores results so that a hit can be trusted.

Prefect looks a key up in the result storage of the flow run. Ours keeps one JSON record per piece
of work at ``records/<stage>/<key>.json``, beside the blobs it refers to, in any store that
``FsspecStore`` knows. A record counts only if it can be read as today's record type and every
blob it refers to is there, unaltered; otherwise it is a miss and the work is done again.

Prefect swallows the errors of a result storage: a store that cannot be read is a miss to it, one
that cannot be written a success. Both are remembered here, and whoever runs the work asks
(``read_fault``, ``write_fault``), so that neither stays silent.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from threading import get_ident
from typing import Any

from prefect.cache_policies import CacheKeyFnPolicy
from prefect.context import FlowRunContext, TaskRunContext
from prefect.filesystems import WritableFileSystem
from prefect.results import ResultStore
from prefect.serializers import JSONSerializer
from pydantic import PrivateAttr, ValidationError

from evaluation.rows import ObjectScore
from mmpart_core.errors import StorageError
from mmpart_core.records import (
    AssembledObject,
    IsolatedPart,
    PartMesh,
    PartPlan,
    RadianceField,
    Record,
    ViewSet,
)
from mmpart_core.storage.blob_store import BlobStore
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store
from mmpart_core.storage.store_contents import blob_refs

RECORD_TYPES: dict[str, type[Record]] = {
    "plan": PartPlan,
    "isolate": IsolatedPart,
    "multiview": ViewSet,
    "reconstruct": RadianceField,
    "mesh": PartMesh,
    "assemble": AssembledObject,
    "score": ObjectScore,
}


def work_key_of(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """The key of a task's work, computed by the core before the task was submitted.

    The run is tagged here: past the point where Prefect would ask for a slot for each tag, and
    before the run's next state takes its tags to the server.
    """
    work = parameters["work"]
    context.task_run.tags = [*dict.fromkeys((*context.task_run.tags, *work.tags))]
    return work.key


BY_WORK_KEY = CacheKeyFnPolicy(cache_key_fn=work_key_of)


def record_path(key: str) -> str | None:
    """Path of a record inside a store's root; None for a key that no stage gave.

    Example:
        >>> record_path("mesh-" + 64 * "0")[:14]
        'records/mesh/m'
    """
    stage, _, digest = key.partition("-")
    return f"records/{stage}/{key}.json" if stage in RECORD_TYPES and len(digest) == 64 else None


def stored_record(store: FsspecStore, key: str) -> Record | None:
    """A finished piece of work, or None where it is not there or cannot be trusted.

    Args:
        store: where records and blobs lie.
        key: from ``stages.work_key``.

    Raises:
        StorageError: the store cannot be read.
    """
    path = record_path(key)
    content = store.read_file(path) if path else None
    return None if content is None else trusted_record(key, content, store)


def trusted_record(key: str, content: bytes, store: BlobStore) -> Record | None:
    """The record in a file's content, if today's code can read it and its blobs are unaltered.

    Raises:
        StorageError: the store cannot be read.
    """
    stage = key.partition("-")[0]
    try:
        result = json.loads(json.loads(content)["result"])
        record = RECORD_TYPES[stage].model_validate_json(json.dumps(result["data"]))
    except (ValueError, KeyError, TypeError, ValidationError):
        return None
    known_name = f"{type(record).__module__}.{type(record).__name__}"
    if result.get("__class__") != known_name:
        return None
    return record if all(store.has(ref) for ref in blob_refs(result["data"])) else None


class VerifiedRecords(WritableFileSystem):
    """Result storage that gives back only records whose blobs are all there, unaltered.

    Prefect also offers it the errors of failed tasks; those are not stored. It asks twice for each
    hit, whether a record is there and what it says; what the first look found serves the second.
    """

    _block_type_name = "MMPart verified records"
    _block_type_slug = "mmpart-verified-records"
    _read_faults: dict[str, str] = PrivateAttr(default_factory=dict)
    _write_faults: dict[str, str] = PrivateAttr(default_factory=dict)
    _looked_at: dict[tuple[int, str], bytes] = PrivateAttr(default_factory=dict)

    url: str

    def _resolve_path(self, path: str) -> None:
        """Keys stay as they are; Prefect asks because this block is not saved on a server."""

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Content of a record that can be trusted.

        Raises:
            KeyError: there is none.
            StorageError: the store cannot be read.
        """
        look = get_ident(), path  # both of its questions come from the task's thread
        looked_at = self._looked_at.pop(look, None)
        if looked_at is not None:
            return looked_at
        store = open_store(self.url)
        name = record_path(path)
        try:
            content = store.read_file(name) if name else None
            if content is None or trusted_record(path, content, store) is None:
                raise KeyError(path)
            self._looked_at[look] = content
        except StorageError as error:
            self._read_faults[path] = str(error)
            raise
        return content

    def write_path(self, path: str, content: bytes, _sync: bool = True) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Store a record.

        Raises:
            StorageError: the store cannot be written.
        """
        name = record_path(path)
        if name is None:
            return
        try:
            open_store(self.url).write_file(name, content)
        except StorageError as error:
            self._write_faults[path] = str(error)
            raise

    def read_fault(self, key: str) -> str | None:
        """Why looking a key up failed, if it did."""
        return self._read_faults.get(key)

    def write_fault(self, key: str) -> str | None:
        """Why storing the record of a key failed, if it did."""
        return self._write_faults.get(key)


@contextmanager
def verified_results(url: str, *, probe: bool = True) -> Generator[VerifiedRecords]:
    """Within a flow run: the results of its tasks are kept in the store at an address.

    The storage is a property of the flow run, not of each task, so that a task costs no request
    to the Prefect server; it need not be saved as a block.

    Args:
        url: address of the store.
        probe: try the store first.

    Raises:
        StorageError: the store cannot be written, read or deleted from.
    """
    if probe:
        open_store(url).probe()
    records = VerifiedRecords(url=url)
    results = ResultStore(
        result_storage=records, serializer=JSONSerializer(), cache_result_in_memory=False
    )
    context = FlowRunContext.get()
    if context is None:
        raise RuntimeError("verified_results is used inside a flow")
    with context.model_copy(update={"result_store": results}):
        yield records


def raise_if_unreadable(key: str) -> None:
    """Called by a task's body: it must not redo work only because the cache could not be read.

    Raises:
        StorageError: looking the key up failed.
    """
    context = TaskRunContext.get()
    storage = context.result_store.result_storage if context else None
    fault = storage.read_fault(key) if isinstance(storage, VerifiedRecords) else None
    if fault is not None:
        raise StorageError(fault)
