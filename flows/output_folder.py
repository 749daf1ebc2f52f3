"""Where a result may be written: one folder (or prefix) per object, and nothing lost in it."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from flows.log_file import LOG_FILE
from mmpart_core.errors import ConfigError, StorageError
from mmpart_core.output.bundle import SINGLE_FILES, own_files
from mmpart_core.output.manifest import MANIFEST_FILE, SCHEMA
from mmpart_core.output.naming import part_slugs
from mmpart_core.records import ObjectRequest
from mmpart_core.storage.fsspec_store import FsspecStore

_SHOWN = 3


def check_output(
    output: str,
    store_url: str,
    request: ObjectRequest,
    overwrite: bool,
    *,
    example: str | None = None,
) -> None:
    """Refuse a destination that cannot be written, or that holds something else.

    A destination holds the files of one object. The same object (name and source are equal) is
    replaced in place. Hidden files, sub-folders other than ``parts`` and the log of a run that
    broke off do not count as something else, nor does another object's run that made no part, nor
    do files beside the same object's that would not be written over.

    Args:
        output: a folder, or an address that fsspec knows.
        store_url: the store, which must not be mixed with results.
        request: the object to come.
        overwrite: write there although it holds another object, or other files.
        example: the ``--output`` to advise where this one is taken; a folder in it by default.

    Raises:
        ConfigError: it cannot be a destination; says what to do.
    """
    check_place(output, store_url, "--output")
    if overwrite:
        return
    advice = example or f"{output.rstrip('/')}/{request.name}"
    try:
        _check_content(output, request, advice)
    except StorageError as error:
        reason = str(error).replace(f"store '{target_name(output)}': ", "")
        raise ConfigError(f"--output '{output}': {reason}") from error


def check_place(place: str, store_url: str, option: str) -> None:
    """Refuse a place that cannot be written, or that lies in the store.

    Args:
        place: a folder, or an address that fsspec knows.
        store_url: the store, which must not be mixed with results.
        option: the option that named the place, for the message.

    Raises:
        ConfigError: says what to do.
    """
    if not place.strip():
        raise ConfigError(f"{option} '{place}': a folder or address expected; name one")
    _check_apart_from_store(place, store_url, option)
    if is_local(place):
        check_folder(place, option)
        return
    try:
        FsspecStore(place).probe()
    except StorageError as error:
        reason = str(error).replace(f"store '{target_name(place)}': ", "")
        raise ConfigError(f"{option} '{place}': {reason}") from error


def is_local(output: str) -> bool:
    """Whether a destination is a folder of this machine."""
    return "://" not in output


def target_name(output: str) -> str:
    """What the storage layer calls a destination in its messages."""
    return output if is_local(output) else output.partition("?")[0]


def local_folder(output: str) -> Path | None:
    """The folder, or None for an address."""
    return Path(output).expanduser() if is_local(output) else None


def _check_apart_from_store(output: str, store_url: str, option: str) -> None:
    if is_local(output) != is_local(store_url):
        return
    if is_local(output):
        folder, store = Path(output).expanduser().resolve(), Path(store_url).expanduser().resolve()
        mixed = folder.is_relative_to(store)
    else:
        address, store_address = output.rstrip("/") + "/", store_url.rstrip("/") + "/"
        mixed = address.startswith(store_address)
    if mixed:
        raise ConfigError(
            f"{option} '{output}': is or lies in the store '{store_url}', a place of its own "
            "expected; choose another folder"
        )


def check_folder(place: str, option: str) -> None:
    """Refuse a folder that neither exists and can be written, nor can be made.

    Args:
        place: the folder.
        option: the option that named it, for the message.

    Raises:
        ConfigError: says what is in the way and what to do.
    """
    folder = Path(place).expanduser().absolute()
    found = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not found.is_dir():
        what = "this is a file" if found == folder else f"'{found.name}' above it is a file"
        raise ConfigError(f"{option} '{place}': a folder expected, {what}; choose another folder")
    try:
        with TemporaryFile(dir=found):
            pass
    except OSError as error:
        raise ConfigError(
            f"{option} '{place}': nothing can be written to '{found}' ({error.strerror}); choose "
            "another folder, or change its permissions"
        ) from error


def refuse_foreign(place: str, option: str, foreign: Sequence[str], advice: str) -> None:
    """Refuse a folder that holds files which are no result of MMPart.

    Args:
        place: the folder or address.
        option: the option that named it.
        foreign: these files; none is no fault.
        advice: what to give instead.

    Raises:
        ConfigError: there are any.
    """
    if not foreign:
        return
    rest = len(foreign) - _SHOWN
    listed = ", ".join(foreign[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
    raise ConfigError(
        f"{option} '{place}': holds files that are no result of MMPart ({listed}), an empty or new "
        f"folder expected; choose another, such as '{advice}', or write there all the same with "
        "--overwrite"
    )


def names_in(place: str) -> tuple[str, ...]:
    """Files directly in a folder or prefix; hidden ones and the log of a run do not count.

    Raises:
        StorageError: it cannot be listed.
    """
    names = FsspecStore(place).file_names()
    return tuple(name for name in names if not name.startswith(".") and name != LOG_FILE)


def _check_content(output: str, request: ObjectRequest, advice: str) -> None:
    content = FsspecStore(output).read_file(MANIFEST_FILE)
    earlier = _read_manifest(content) if content is not None else None
    parts = f"{output.rstrip('/')}/parts"
    found = [*names_in(output), *(f"parts/{name}" for name in names_in(parts))]
    if earlier is None:
        refuse_foreign(output, "--output", found, advice)
        return
    made = [name for name in own_files(content) & set(found) if name.endswith(".glb")]
    difference = _difference(earlier, request)
    if made and difference:
        raise ConfigError(
            f"--output '{output}': holds another object ({difference}), one folder per object "
            f"expected; choose another folder, such as '{advice}', or replace what is there with "
            "--overwrite"
        )
    coming = _files_of(request) - own_files(content)
    refuse_foreign(output, "--output", [name for name in found if name in coming], advice)


def _files_of(request: ObjectRequest) -> set[str]:
    """All that a bundle of an object may be written to, its manifest apart."""
    slugs = part_slugs([component.name for component in request.components])
    return {*SINGLE_FILES, *(f"parts/{slug}.glb" for slug in slugs.values())}


def _read_manifest(content: bytes) -> dict[str, Any] | None:
    """An earlier result's manifest; None where it is not one of ours."""
    try:
        data = json.loads(content)
    except ValueError:
        return None
    ours = isinstance(data, dict) and data.get("schema") == SCHEMA
    return data if ours and isinstance(data.get("request"), dict) else None


def _difference(earlier: dict[str, Any], request: ObjectRequest) -> str:
    """In what an earlier result is of another object; empty where it is the same."""
    if earlier.get("name") != request.name:
        return f"'{earlier.get('name')}', not '{request.name}'"
    scene = earlier["request"].get("truth_scene")
    if scene != (request.truth.scene.sha256 if request.truth else None):
        return f"'{request.name}' of another known scene, or of an image"
    image = earlier["request"].get("image")
    digest = image.get("sha256") if isinstance(image, dict) else None
    if request.truth is None and digest != request.image.sha256:
        return f"'{request.name}' from another image"
    return ""
