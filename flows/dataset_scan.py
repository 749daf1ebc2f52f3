"""Goes through a manifest and finds what there is to do, before any of it costs a flow run."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from threading import Event
from typing import Literal, TypeVar

from flows.dataset_attempts import MAX_DEATHS
from flows.dataset_items import DatasetItem, RowDefaults, check_row, given_id, row_name, told_at
from flows.dataset_job import DatasetJob, PreparedJob
from flows.dataset_keys import config_identity, image_digest, image_mark, item_key
from flows.dataset_known import Known, Refreshing, outputs_are_there
from flows.dataset_manifest import ManifestRow, read_rows
from flows.dataset_names import NamesTaken
from flows.dataset_outcomes import OutcomeRow, row_of_error, row_of_item
from flows.dataset_urls import is_web
from mmpart_core.errors import InputError, ProcessKilledError
from mmpart_core.storage.store_files import StoreFiles

# Rows that are looked at side by side: an object store answers each question in its own time.
SCAN_THREADS = 8
_AHEAD = 64
# What another answer of a hosted model would not mend.
_NO_FAULT_OF_ANSWERS = frozenset(
    {"BudgetError", "ProcessKilledError", "StorageError", "TransientBackendError"}
)

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Todo:
    """An object to make.

    Attributes:
        item: image and components.
        key: of all that decides what comes of it.
        image_sha256: of the image file.
        image_mark: size and time of the image file.
        spent_usd: what it cost in earlier runs.
        deaths: processes that died while they made it.
        edition: of its answers of hosted models, where these come in batches: what is made again
            for another answer gets one.
    """

    item: DatasetItem
    key: str
    image_sha256: str
    image_mark: str
    spent_usd: float = 0.0
    deaths: int = 0
    edition: str = ""


@dataclass(frozen=True)
class Finding:
    """What a row needs.

    Attributes:
        verdict: ``kept``: its outcome stands; ``fresh``: it was never made so; ``again``: it
            failed, and is tried again; ``invalid``: it cannot be used.
        name: of the object.
        row: of the manifest.
        todo: what to make; None where there is nothing to.
        fault: why it is invalid.
    """

    verdict: Literal["kept", "fresh", "again", "invalid"]
    name: str
    row: ManifestRow
    todo: Todo | None = None
    fault: InputError | None = None


class Scan:
    """Finds the objects to make, in the order of the manifest; those tried again come last.

    Args:
        prepared: the job.
        known: outcomes of earlier runs.
        deaths: of objects that earlier runs left behind.
        refreshing: what is done again.
        stopped: once set, nothing more is found.
        on_kept: called with each outcome that stands.
        on_outcome: called with a row of outcomes, and whether it says anything new.
        on_note: called with what is to be told of the manifest as a whole.
    """

    def __init__(
        self,
        prepared: PreparedJob,
        known: Mapping[str, Known],
        deaths: Mapping[str, int],
        refreshing: Refreshing | None,
        stopped: Event,
        on_kept: Callable[[Known], None],
        on_outcome: Callable[[OutcomeRow, bool], None],
        on_note: Callable[[str], None],
    ) -> None:
        self._job: DatasetJob = prepared.job
        self._place: StoreFiles = prepared.job.place
        self._config = config_identity(prepared.config)
        self._defaults: RowDefaults = prepared.defaults()
        self._known = known
        self._deaths = deaths
        self._refreshing = refreshing
        self._stopped = stopped
        self._on_kept = on_kept
        self._on_outcome = on_outcome
        self._on_note = on_note
        self._names = NamesTaken()
        self._heading_told = not prepared.job.source.lower().endswith(".csv")

    def todos(self) -> Generator[Todo]:
        """What to make; suspected of killing their process are the very last.

        Raises:
            InputError: the manifest breaks off.
            StorageError: the output or an object store cannot be read.
        """
        again: list[Todo] = []
        suspects: list[Todo] = []
        for todo, is_again in self._first_pass():
            if todo.deaths:
                suspects.append(todo)
            elif is_again:
                again.append(todo)
            else:
                yield todo
        for todo in (*again, *suspects):
            if self._stopped.is_set():
                return
            yield todo

    def _first_pass(self) -> Iterator[tuple[Todo, bool]]:
        rows = islice(read_rows(self._job.source), self._job.limit)
        with ThreadPoolExecutor(SCAN_THREADS, thread_name_prefix="scan") as threads:
            for finding in side_by_side(threads, self._look_at, rows, _AHEAD):
                if self._stopped.is_set():
                    return
                todo = self._taken(finding)
                if todo is not None:
                    yield todo, finding.verdict == "again"
        if changed := self._names.changed_in_words():
            self._on_note(changed)

    def _taken(self, finding: Finding) -> Todo | None:
        """Count what needs no work; what is left of the others."""
        if finding.verdict == "invalid":
            finding = replace(finding, name=self._names.name_invalid(finding.row, finding.name))
        else:
            finding = self._with_own_name(finding)
        if finding.fault is not None:
            self._tell_invalid(finding, finding.fault)
        elif finding.verdict == "kept":
            self._on_kept(self._known[finding.name])
        elif finding.todo is not None:
            if finding.todo.deaths < MAX_DEATHS:
                return finding.todo
            self._tell_killer(finding.todo)
        return None

    def _with_own_name(self, finding: Finding) -> Finding:
        fault = self._names.take(finding.row, finding.name)
        return replace(finding, name=f"row-{finding.row.number}", fault=fault) if fault else finding

    def _tell_invalid(self, finding: Finding, fault: InputError) -> None:
        if not self._heading_told:
            self._heading_told = True
            self._on_note(
                "rows are counted without the heading and empty lines: row 1 is the first below it"
            )
        image = finding.row.values.get("image")
        shown = image if isinstance(image, str) else None
        row = row_of_error(
            finding.row.number, finding.name, "invalid", fault, shown, given_id(finding.row)
        )
        known = self._known.get(finding.name)
        if known is not None:  # what was paid stays paid
            row = row.model_copy(update={"spent_usd": known.spent_usd})
        if known is not None and known.state == "made" and is_web(shown or ""):
            self._on_kept(known)  # a host that does not answer today takes no finished object away
            return
        new = known is None or (known.state, known.message) != (row.state, row.message)
        self._on_outcome(row, new)

    def _tell_killer(self, todo: Todo) -> None:
        item = todo.item
        error = ProcessKilledError(
            f"object '{item.name}': its process died {todo.deaths} times while it was being made, "
            "at last with no other beside it; look at the image and at the memory it takes, then "
            "try again with --retry-failed"
        )
        row = row_of_item(item, "failed", error)
        told = {"key": todo.key, "deaths": todo.deaths, "spent_usd": todo.spent_usd,
                "image_sha256": todo.image_sha256, "image_mark": todo.image_mark}  # fmt: skip
        self._on_outcome(row.model_copy(update=told), True)

    def _look_at(self, row: ManifestRow) -> Finding:
        """What a row needs; called in several threads."""
        try:
            with told_at(row.where):
                item = check_row(row, self._defaults)
                known = self._known.get(item.name)
                mark = image_mark(item)
                same_file = known is not None and bool(mark) and known.image_mark == mark
                sha256 = known.image_sha256 if known is not None and same_file else None
                sha256 = sha256 or image_digest(item)
                key = item_key(item, sha256, self._config)
        except InputError as error:
            return Finding("invalid", _name_of(row), row, fault=error)
        todo = Todo(
            item, key, sha256, mark,
            known.spent_usd if known else 0.0, self._deaths.get(item.name, 0),
            self._edition(known, key),
        )  # fmt: skip
        if known is None or known.key != key:
            return Finding("fresh", item.name, row, todo)
        return Finding(self._verdict(item.name, known), item.name, row, todo)

    def _verdict(self, name: str, known: Known) -> Literal["kept", "fresh", "again"]:
        """What an object needs whose work is the same as when it was last made."""
        if self._refreshing is not None and known.run < self._refreshing.run:
            return "fresh"
        if known.state == "made":
            return "kept" if outputs_are_there(self._place, name, known) else "fresh"
        if known.state == "skipped" or self._is_retried(known):
            return "again"
        return "kept"

    def _edition(self, known: Known | None, key: str) -> str:
        """Of the answers of an object; the same in all runs until it has another outcome."""
        refresh = f"refresh-{self._refreshing.run}" if self._refreshing is not None else ""
        failed = known is not None and known.key == key and known.state in ("failed", "incomplete")
        if known is None or not failed or known.error in _NO_FAULT_OF_ANSWERS:
            return refresh
        return f"{refresh} after-{known.run}".strip()

    def _is_retried(self, known: Known) -> bool:
        chosen = not self._job.only or known.error in self._job.only
        return self._job.retry_failed and chosen


def _name_of(row: ManifestRow) -> str:
    """The name of a row that cannot be used, as far as it has one of its own."""
    try:
        return row_name(row)
    except InputError:
        return f"row-{row.number}"


def side_by_side(
    threads: ThreadPoolExecutor,
    work: Callable[[Given], Found],
    given: Iterable[Given],
    ahead: int,
) -> Iterator[Found]:
    """``work`` on each of ``given``, in their order, ``ahead`` of them at a time at most.

    Args:
        threads: where it is done.
        work: what is done.
        given: read only as far as needed, so that it may be endless.
        ahead: how many are begun before the first of them is asked for.
    """
    waiting: deque[Future[Found]] = deque()
    try:
        for each in given:
            waiting.append(threads.submit(work, each))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
