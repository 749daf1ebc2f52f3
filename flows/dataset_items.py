"""A manifest's row, checked: one object to make."""

import json
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.camera import parse_camera
from flows.dataset_files import is_inline, is_remote, read_bytes, resolve
from flows.dataset_manifest import ManifestRow
from flows.inputs import Inputs, object_name
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.intake.component_files import MAX_BYTES as MAX_LIST_BYTES
from mmpart_core.intake.component_files import SUFFIXES as LIST_SUFFIXES
from mmpart_core.intake.components import (
    ComponentEntry,
    check_components,
    parse_entry,
    parse_part,
    read_components,
)
from mmpart_core.intake.image import MAX_BYTES as MAX_IMAGE_BYTES
from mmpart_core.intake.names import clean_name, says_something, slug
from mmpart_core.intake.request import build_request
from mmpart_core.quoting import kept_path, quoted
from mmpart_core.records import MAX_SEED, InputView, ObjectRequest
from mmpart_core.storage.blob_store import BlobStore

_NO_COMPONENTS = (
    "no components; name them in the column 'components', in a list beside the image, or for all "
    'rows with --components "body, wheels"'
)


@dataclass(frozen=True)
class RowDefaults:
    """What holds for rows that do not say otherwise.

    Attributes:
        base: what paths are relative to.
        components: of each object; empty where each row must name its own.
        camera: as ``--camera`` takes it.
        seed: every random choice follows from it.
    """

    base: str
    components: tuple[ComponentEntry, ...] = ()
    camera: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class DatasetItem:
    """One object to make.

    Attributes:
        number: row of the manifest, from 1.
        name: file-safe; different for each object of a data set.
        image: address of the image.
        shown: the image as the manifest names it.
        given_id: its id as the manifest gives it; None where it gives none.
        entries: the components.
        view: the input camera.
        seed: every random choice follows from it.
        where: manifest and row, for messages.
    """

    number: int
    name: str
    image: str
    shown: str
    given_id: str | None
    entries: tuple[ComponentEntry, ...]
    view: InputView
    seed: int
    where: str


@contextmanager
def told_at(where: str) -> Generator[None]:
    """Within: an InputError names the row, whichever module found it.

    Args:
        where: manifest and row.
    """
    try:
        yield
    except InputError as error:
        if str(error).startswith(where):
            raise
        raise InputError(f"{where}: {error}") from error


def check_row(row: ManifestRow, defaults: RowDefaults) -> DatasetItem:
    """A row as an object to make; its image is not read.

    Raises:
        InputError: what is wrong with it, and what to do.
        StorageError: an object store with a component list cannot be read.
    """
    if row.fault:
        raise InputError(f"{row.where}: {row.fault}")
    shown = _text(row, "image")
    if not shown:
        raise InputError(f"{row.where}: no image; the path of a PNG, JPEG or WebP file expected")
    image = resolve(shown, defaults.base, f"{row.where}, image", web=True)
    return DatasetItem(
        number=row.number,
        name=row_name(row),
        image=image,
        shown=kept_path(shown),
        given_id=given_id(row),
        entries=_entries(row, defaults),
        view=_view(row, defaults),
        seed=_seed(row, defaults.seed),
        where=row.where,
    )


def row_name(row: ManifestRow) -> str:
    """What a row's object is called, also where the rest of the row cannot be used.

    Raises:
        InputError: an id that is no name, or that no folder could be named by.
    """
    given, image = given_id(row), row.values.get("image")
    if given is not None:
        found = clean_name(given, f"{row.where}, id")
        if not says_something(found):
            raise InputError(
                f"{row.where}, id: {quoted(given)} names no folder; at least one letter, digit or "
                "underscore expected; give another id (in a folder: rename the file)"
            )
    elif isinstance(image, str) and image and "\0" not in image and not is_inline(image):
        found = object_name(Inputs(image=Path("/", *image.split("/"))))
    else:
        found = None
    return slug(found) if found else f"row-{row.number}"


def given_id(row: ManifestRow) -> str | None:
    """A row's id as the manifest gives it; None where it gives none."""
    given = row.values.get("id")
    return None if given is None else str(given)


def _view(row: ManifestRow, defaults: RowDefaults) -> InputView:
    own = _text(row, "camera")
    try:
        return parse_camera(own or defaults.camera, InputView())
    except ConfigError as error:
        said = str(error).replace("--camera", "camera", 1) if own else str(error)
        raise InputError(f"{row.where}: {said}") from error


def _text(row: ManifestRow, column: str) -> str:
    value = row.values.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{row.where}: {column} {quoted(value)}; text expected")
    return value.strip()


def _seed(row: ManifestRow, default: int) -> int:
    given = row.values.get("seed")
    if given is None:
        return default
    text = str(given).strip().removesuffix(".0")
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or len(text) > 10:
        seed = -1
    else:
        seed = int(text)
    if not 0 <= seed <= MAX_SEED:
        raise InputError(
            f"{row.where}: seed {quoted(given)}; a whole number from 0 to {MAX_SEED} expected"
        )
    return seed


def _entries(row: ManifestRow, defaults: RowDefaults) -> tuple[ComponentEntry, ...]:
    given = row.values.get("components")
    if given is None:
        if not defaults.components:
            raise InputError(f"{row.where}: {_NO_COMPONENTS}")
        return defaults.components
    folder = Path("." if is_remote(defaults.base) else defaults.base)
    where = f"{row.where}, components"
    with told_at(where):
        return parse_components(given, where, defaults.base, folder)


def parse_components(given: Any, where: str, base: str, folder: Path) -> tuple[ComponentEntry, ...]:
    """Components as a manifest or ``--components`` names them.

    Args:
        given: a list as component lists hold, ``"hat, man = bald"`` (separated by semicolons
            where there is one), a JSON list as text, or the path of a component list.
        where: manifest, row and column, or option, for messages.
        base: what the list's path is relative to.
        folder: what masks in ``given`` itself are relative to.

    Raises:
        InputError: components that cannot be used.
        StorageError: an object store with a component list cannot be read.
    """
    if isinstance(given, str):
        text = given.strip()
        if text.lower().endswith(LIST_SUFFIXES):
            return _read_list(resolve(text, base, where))
        if not text.startswith("["):
            pieces = text.split(";" if ";" in text else ",")
            parts = [parse_part(piece.strip()) for piece in pieces if piece.strip()]
            named = [replace(part, where=f"{where}, {part.where}") for part in parts]
            return check_components(named, where)
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: {quoted(text)}; not valid JSON") from error
    if not isinstance(given, Sequence):
        raise InputError(f"{where}: {quoted(given)}; text or a list expected")
    entries = [
        parse_entry(_without_nulls(value), f"{where}, entry {number}", folder)
        for number, value in enumerate(given, start=1)
    ]
    return check_components(entries, where)


def _without_nulls(value: Any) -> Any:
    """A mapping without what Parquet adds to it: all fields of all mappings of its column."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: {name: inner for name, inner in item.items() if inner is not None}
        if isinstance(item, Mapping)
        else item
        for key, item in value.items()
        if item is not None
    }


def _read_list(address: str) -> tuple[ComponentEntry, ...]:
    if not is_remote(address):
        return read_components(Path(address))
    data = read_bytes(address, "component list", MAX_LIST_BYTES)
    with tempfile.TemporaryDirectory(prefix="mmpart-") as folder:
        # Under its own name, which messages tell; masks beside it are not fetched.
        local = Path(folder) / address.rpartition("/")[2]
        local.write_bytes(data)
        return read_components(local)


def request_of(item: DatasetItem, config: PipelineConfig, store: BlobStore) -> ObjectRequest:
    """Read the image, store it, and tie the components to it.

    Raises:
        InputError: an image or a region that cannot be used.
        StorageError: the store cannot be written, or the image's cannot be read.
    """
    source: Path | bytes = Path(item.image)
    with told_at(item.where):
        if is_remote(item.image):
            source = read_bytes(item.image, "image", MAX_IMAGE_BYTES)
        return build_request(
            source,
            item.entries,
            store=store,
            name=item.name,
            view=item.view,
            input_config=config.input,
        )
