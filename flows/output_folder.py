"""Where a result may be written: one folder (or prefix) per object, and nothing lost in it."""

import json
import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from mmpart_core.errors import ConfigError, StorageError
from mmpart_core.output.manifest import MANIFEST_FILE, SCHEMA
from mmpart_core.records import ObjectRequest
from mmpart_core.storage.fsspec_store import FsspecStore

LOG_FILE = "mmpart.log"
_SHOWN = 3


def check_output(output: str, store_url: str, request: ObjectRequest, overwrite: bool) -> None:
    """Refuse a destination that cannot be written, or that holds something else.

    A destination holds the files of one object. The same object (name and source are equal) is
    replaced in place. Hidden files, sub-folders and the log of a run that broke off do not count
    as something else.

    Args:
        output: a folder, or an address that fsspec knows.
        store_url: the store, which must not be mixed with results.
        request: the object to come.
        overwrite: write there although it holds another object, or other files.

    Raises:
        ConfigError: it cannot be a destination; says what to do.
    """
    _check_apart_from_store(output, store_url)
    try:
        target = FsspecStore(output)
        if is_local(output):
            _check_folder(output)
        else:
            target.probe()
        if not overwrite:
            _check_content(output, target, request)
    except StorageError as error:
        reason = str(error).replace(f"store '{target_name(output)}': ", "")
        raise ConfigError(f"--output '{output}': {reason}") from error


def is_local(output: str) -> bool:
    """Whether a destination is a folder of this machine."""
    return "://" not in output


def target_name(output: str) -> str:
    """What the storage layer calls a destination in its messages."""
    return output if is_local(output) else output.partition("?")[0]


def local_folder(output: str) -> Path | None:
    """The folder, or None for an address."""
    return Path(output).expanduser() if is_local(output) else None


def _check_apart_from_store(output: str, store_url: str) -> None:
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
            f"--output '{output}': is or lies in the store '{store_url}', a place of its own "
            "expected; choose another folder"
        )


def _check_folder(output: str) -> None:
    """A folder that exists and can be written, or that can be made."""
    folder = Path(output).expanduser().absolute()
    found = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not found.is_dir():
        what = "this is a file" if found == folder else f"'{found.name}' above it is a file"
        raise ConfigError(f"--output '{output}': a folder expected, {what}; choose another folder")
    try:
        with TemporaryFile(dir=found):
            pass
    except OSError as error:
        raise ConfigError(
            f"--output '{output}': nothing can be written to '{found}' ({error.strerror}); choose "
            "another folder, or change its permissions"
        ) from error


def _check_content(output: str, target: FsspecStore, request: ObjectRequest) -> None:
    content = target.read_file(MANIFEST_FILE)
    if content is not None and (earlier := _read_manifest(content)) is not None:
        difference = _difference(earlier, request)
        if difference:
            raise ConfigError(
                f"--output '{output}': holds another object ({difference}), one folder per object "
                f"expected; choose another folder, such as '{output.rstrip('/')}/{request.name}', "
                "or replace what is there with --overwrite"
            )
        return
    foreign = [
        name for name in target.file_names() if not name.startswith(".") and name != LOG_FILE
    ]
    if foreign:
        rest = len(foreign) - _SHOWN
        listed = ", ".join(foreign[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        raise ConfigError(
            f"--output '{output}': holds files that are no result of MMPart ({listed}), an empty "
            f"or new folder expected; choose another, such as '{output.rstrip('/')}/"
            f"{request.name}', or write beside them with --overwrite"
        )


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
