"""What earlier runs of a data set left: the latest outcome of each object, and a refresh begun."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from flows.dataset_job import OBJECTS_FOLDER
from flows.dataset_table import load_outcomes
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


def load_known(place: StoreFiles) -> dict[str, Known]:
    """The latest outcome of each object, by name.

    Raises:
        StorageError: the output cannot be read.
    """
    return known_of(load_outcomes(place))


def known_of(table: Any) -> dict[str, Known]:
    """As ``load_known``, of a table of outcomes."""
    objects = table.filter(table["component"].is_null())
    names = objects["object"].to_pylist()
    columns = [objects[name].to_pylist() for name in Known._fields]
    return {
        name: Known(*values) for name, values in zip(names, zip(*columns, strict=True), strict=True)
    }


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
