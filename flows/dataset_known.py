"""What earlier runs of a data set left: the latest outcome of each object, and a refresh begun."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from flows.dataset_job import OBJECTS_FOLDER
from flows.dataset_pieces import outcome_schema
from flows.dataset_table import outcome_tables
from mmpart_core.errors import StorageError
from mmpart_core.output.manifest import MANIFEST_FILE
from mmpart_core.records import Record
from mmpart_core.storage.store_files import StoreFiles

REFRESH_FILE = "state/refresh.json"
SCENE_FILE = "object.glb"


class Known(NamedTuple):
    """An object's latest outcome, as far as later runs need it; see ``OutcomeRow``."""

    state: str
    error: str | None
    message: str | None
    run: int
    key: str | None
    image_sha256: str | None
    image_mark: str | None
    glb_bytes: int | None
    manifest_bytes: int | None
    spent_usd: float


class KnownOutcomes(Mapping[str, Known]):
    """The latest outcome of each object, by name; held in columns, a few hundred bytes each.

    Args:
        table: names (``object``) and the fields of ``Known``.
    """

    def __init__(self, table: Any) -> None:
        by_name = table.sort_by("object").combine_chunks()
        self._names: Any = _column(by_name, "object")
        self._fields = [_column(by_name, name) for name in Known._fields]

    @property
    def spent_usd(self) -> float:
        """What all of them cost."""
        return float(self._fields[Known._fields.index("spent_usd")].to_numpy().sum())

    @property
    def errors(self) -> set[str]:
        """Classes of the errors of those that failed."""
        column = self._fields[Known._fields.index("error")]
        return set(column.unique().to_pylist()) - {None}

    def __getitem__(self, name: str) -> Known:
        """Raises ``KeyError`` for an object without an outcome."""
        row = bisect_left(range(len(self)), name, key=lambda row: self._names[row].as_py())
        if row == len(self) or self._names[row].as_py() != name:
            raise KeyError(name)
        return Known(*(field[row].as_py() for field in self._fields))

    def __iter__(self) -> Iterator[str]:
        """All names, sorted."""
        return (name.as_py() for name in self._names)

    def __len__(self) -> int:
        """How many objects have an outcome."""
        return len(self._names)


def _column(table: Any, name: str) -> Any:
    """A column in one piece, as ``combine_chunks`` leaves it; an empty one has none."""
    import pyarrow

    column = table[name]
    return column.chunk(0) if column.num_chunks else pyarrow.array([], column.type)


def load_known(place: StoreFiles) -> KnownOutcomes:
    """The latest outcome of each object, by name.

    Raises:
        StorageError: the output cannot be read.
    """
    import pyarrow

    wanted = ("object", *Known._fields)
    nothing = outcome_schema(wanted).empty_table()
    objects = (
        table.filter(table["component"].is_null()).select(wanted)
        for table in outcome_tables(place, ("component", *wanted))
    )
    known = KnownOutcomes(pyarrow.concat_tables([nothing, *objects]))
    pyarrow.default_memory_pool().release_unused()  # of what was read on the way
    return known


def outputs_are_there(place: StoreFiles, name: str, known: Known) -> bool:
    """Whether the files that an outcome tells of are in the output, at their sizes.

    Raises:
        StorageError: the output cannot be read.
    """
    wanted: Mapping[str, int | None] = {
        MANIFEST_FILE: known.manifest_bytes,
        SCENE_FILE: known.glb_bytes,
    }
    return all(
        size is None or place.file_size(f"{OBJECTS_FOLDER}/{name}/{file}") == size
        for file, size in wanted.items()
    )


class Refreshing(Record):
    """Stages that are done again for all objects.

    Attributes:
        stages: where to begin.
        run: objects that this run or a later one finished are done.
    """

    stages: tuple[str, ...]
    run: int


def begin_refresh(place: StoreFiles, stages: tuple[str, ...], run: int) -> Refreshing | None:
    """What is to be done again in a run: what it is asked, else what a run broken off left.

    Raises:
        StorageError: the output cannot be used.
    """
    if stages:
        refreshing = Refreshing(stages=stages, run=run)
        place.write_file(REFRESH_FILE, refreshing.model_dump_json().encode())
        return refreshing
    content = place.read_file(REFRESH_FILE)
    if content is None:
        return None
    try:
        return Refreshing.model_validate_json(content)
    except ValidationError as error:
        raise StorageError(f"note '{REFRESH_FILE}': damaged; remove it and run again") from error


def end_refresh(place: StoreFiles) -> None:
    """All objects were done again.

    Raises:
        StorageError: the output cannot be written.
    """
    place.delete_file(REFRESH_FILE)
