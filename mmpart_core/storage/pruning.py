"""Removes what is old: records past an age, blobs that nobody refers to, what killed writers left.

Safe beside runs that use the store, by three rules:

- A blob is removed only if it is older than ``GRACE_S`` and no record refers to it. Work that
  makes such a blob again writes it again (``FsspecStore.put``), so it is young until the record
  that refers to it, which is written last, is there.
- Blobs of records that are removed now stay until the next time: a run that has just read such a
  record still finds them.
- Just before a blob is removed it is looked at once more.

What the studio's objects refer to stays, however old: their blobs, and the records of the work that
made them.

Times are those of the store's own clock.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mmpart_core.errors import ArgumentError, ConfigError
from mmpart_core.quoting import quoted
from mmpart_core.records import Record
from mmpart_core.storage.fsspec_store import PROBE_FOLDER, FsspecStore
from mmpart_core.storage.store_contents import (
    blob_digest,
    blob_files,
    held_digests,
    in_parallel,
    named_digests,
    record_digest,
    record_files,
    record_stages,
)
from mmpart_core.storage.store_files import StoredFile
from mmpart_core.storage.whole_files import TEMPORARY_PREFIX

# Twice the age at which a blob that is put again is written again (``RENEWED_AFTER_S``).
GRACE_S = 24 * 3600


_AGE = re.compile(r"(\d{1,6})\s*([smhdw]?)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_age(text: str) -> float:
    """An age as users write it, in seconds.

    Raises:
        ConfigError: no such form.

    Example:
        >>> parse_age("30d")
        2592000.0
    """
    found = _AGE.fullmatch(text.strip().lower())
    if found is None or (not found[2] and int(found[1])):
        raise ConfigError(
            f"age {quoted(text)}: a number with s, m, h, d or w expected (seconds to weeks), "
            "such as 30d"
        )
    return float(int(found[1]) * _SECONDS[found[2] or "s"])


class PruneReport(Record):
    """What was removed, or with ``dry_run`` would have been.

    Attributes:
        dry_run: nothing was removed.
        records: records that were too old.
        record_bytes: their sizes together.
        blobs: blobs that no record refers to.
        blob_bytes: their sizes together.
        leftovers: files that killed writers left half written.
        next_blobs: blobs that only the removed records refer to; they go the next time.
        next_bytes: their sizes together.
        kept_records: records that stay.
    """

    dry_run: bool
    records: int = 0
    record_bytes: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    leftovers: int = 0
    next_blobs: int = 0
    next_bytes: int = 0
    kept_records: int = 0


@dataclass
class _Marks:
    """Digests that something refers to, as 32 bytes each, and the records themselves."""

    kept: set[bytes] = field(default_factory=set[bytes])
    going: set[bytes] = field(default_factory=set[bytes])
    old: list[StoredFile] = field(default_factory=list[StoredFile])
    leftovers: list[StoredFile] = field(default_factory=list[StoredFile])
    kept_records: int = 0


def prune_store(
    store: FsspecStore,
    older_than_s: float,
    dry_run: bool = False,
    grace_s: float = GRACE_S,
    at_once: bool = False,
) -> PruneReport:
    """Remove old records, unreferenced blobs and leftovers; see above for why it is safe.

    Args:
        store: what to clean up.
        older_than_s: records written longer ago are removed, in seconds.
        dry_run: only count.
        grace_s: blobs and leftovers younger than this stay, in seconds.
        at_once: also remove the blobs of records that are removed now. Only where no run uses
            the store.

    Raises:
        ArgumentError: a negative age.
        StorageError: the store cannot be listed, read or deleted from.
    """
    if older_than_s < 0 or grace_s < 0:
        raise ArgumentError(
            f"prune: ages of 0 seconds or more expected, got {older_than_s} and {grace_s}"
        )
    now = store.now()
    marks = _mark(store, now - older_than_s, now - grace_s)
    sweep = _Sweep(store, marks, now - grace_s, at_once)
    sweep.run(dry_run)
    leftovers = [*marks.leftovers, *sweep.leftovers, *_old_probes(store, now - grace_s)]
    if not dry_run:
        for _ in in_parallel(lambda file: store.delete_file(file.path), [*leftovers, *marks.old]):
            pass
    return PruneReport(
        dry_run=dry_run,
        records=len(marks.old),
        record_bytes=sum(file.size for file in marks.old),
        blobs=len(sweep.removed),
        blob_bytes=sum(sweep.removed),
        leftovers=len(leftovers),
        next_blobs=len(sweep.next),
        next_bytes=sum(sweep.next),
        kept_records=marks.kept_records,
    )


def _mark(store: FsspecStore, old_before: float, left_before: float) -> _Marks:
    held = held_digests(store)
    marks = _Marks(kept=set(held))
    for stage in record_stages(store):
        files: list[StoredFile] = []
        for file in record_files(store, stage):
            if file.name.startswith(TEMPORARY_PREFIX):
                marks.leftovers += [file] if _written_before(file, left_before) else []
            else:
                files.append(file)
        for file, content in in_parallel(lambda file: store.read_file(file.path), files):
            digests = named_digests(content or b"")
            if _written_before(file, old_before) and record_digest(file) not in held:
                marks.old.append(file)
                marks.going |= digests
            else:
                marks.kept_records += 1
                marks.kept |= digests
    return marks


class _Sweep:
    """Removes blobs that are not in use; those of records that go now are so for the last time."""

    def __init__(self, store: FsspecStore, marks: _Marks, before: float, at_once: bool) -> None:
        self._store = store
        self._before = before
        self._in_use = marks.kept if at_once else marks.kept | marks.going
        self._last_time: set[bytes] = set() if at_once else marks.going - marks.kept
        self.removed: list[int] = []
        self.next: list[int] = []
        self.leftovers: list[StoredFile] = []

    def run(self, dry_run: bool) -> None:
        """Look at all blobs; fills the lists, of sizes in bytes."""
        for file, stale in in_parallel(self._is_stale, self._candidates()):
            if not stale:
                continue
            if not dry_run:
                self._store.delete_file(file.path)
            self.removed.append(file.size)

    def _candidates(self) -> Iterator[StoredFile]:
        for file in blob_files(self._store):
            digest = blob_digest(file)
            if not _written_before(file, self._before):
                continue
            if file.name.startswith(TEMPORARY_PREFIX):
                self.leftovers.append(file)
            elif digest in self._last_time:
                self.next.append(file.size)
            elif digest is not None and digest not in self._in_use:
                yield file

    def _is_stale(self, file: StoredFile) -> bool:
        """Whether it is still there, and was not written again since it was listed."""
        written_at = self._store.written_at(file.path)
        return written_at is not None and written_at < self._before


def _old_probes(store: FsspecStore, before: float) -> list[StoredFile]:
    return [file for file in store.files_in(PROBE_FOLDER) if _written_before(file, before)]


def _written_before(file: StoredFile, time_s: float) -> bool:
    """Files whose time the store does not tell count as young."""
    return file.written_at is not None and file.written_at < time_s
