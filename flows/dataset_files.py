"""Files that a data set names: paths of this machine, and addresses of object stores."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flows.dataset_urls import check_url, fetch_image, is_web
from mmpart_core.errors import InputError
from mmpart_core.intake.files import read_limited
from mmpart_core.quoting import quoted, shown_path
from mmpart_core.storage.store_files import StoreFiles, without_credentials

# What fsspec reads with credentials of this machine, from places that its owner names.
OBJECT_STORES = ("s3", "gs", "gcs", "az", "abfs", "abfss")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
SIDECAR_SUFFIXES = (".yaml", ".yml", ".json")
_MASK_FOLDERS = ("masks",)
_INLINE = re.compile(r"data:[\w.+/-]*(?:;[\w.=-]+)*,", re.IGNORECASE)


@dataclass(frozen=True)
class FileState:
    """What tells two states of a file apart without reading it.

    Attributes:
        size: in bytes.
        written_at: seconds since 1970; None where the place does not tell.
    """

    size: int
    written_at: float | None

    @property
    def mark(self) -> str:
        """Both as text; empty where the time is not known, as nothing is told apart then."""
        return "" if self.written_at is None else f"{self.size}:{self.written_at:.6f}"


def is_remote(address: str) -> bool:
    """Whether an address names something beyond this machine's folders."""
    return "://" in address


def is_inline(given: str) -> bool:
    """Whether a manifest gives an image itself where it should name one.

    Example:
        >>> is_inline("data:image/png;base64,iVBORw0KGgo="), is_inline("data/a.png")
        (True, False)
    """
    return _INLINE.match(given) is not None


def parent_of(address: str) -> str:
    """The folder or prefix that a file lies in."""
    if is_remote(address):
        return address.rpartition("/")[0]
    return str(Path(address).expanduser().absolute().parent)


def resolve(given: str, base: str, where: str, *, web: bool = False) -> str:
    """The address of a file that a manifest names.

    Args:
        given: a path, relative to ``base`` or absolute, or an address of an object store.
        base: folder or prefix of the manifest.
        where: manifest and row, for messages.
        web: also an address of the web, where its host is allowed, see ``dataset_urls``.

    Raises:
        InputError: a web address that is not allowed or another scheme, credentials in an address,
            or a path of this machine (or one that leaves the prefix) in a manifest that lies in an
            object store.
    """
    scheme, found, _ = given.partition("://")
    if is_inline(given):
        raise InputError(
            f"{where}: {quoted(given, 40)}: a data: address; a path or an address of "
            f"{', '.join(OBJECT_STORES)} expected: save what it holds as a file and name that"
        )
    if given.lower().startswith("file:/"):
        raise InputError(f"{where}: {shown_path(given)}: name the path itself, without file://")
    if web and is_web(given):
        return check_url(given, where)
    if found:
        return _checked_address(given, scheme.lower(), where)
    if "\0" in given:
        raise InputError(f"{where}: {quoted(given)} holds a null character; correct the path")
    if not is_remote(base):
        return str(Path(base) / Path(given).expanduser())
    if given.startswith(("/", "~")) or ".." in given.replace("\\", "/").split("/"):
        raise InputError(
            f"{where}: {quoted(given)} leaves '{base}', where this manifest lies; a path below it "
            "or an address such as s3://bucket/photo.png expected"
        )
    return f"{base}/{given}"


def _checked_address(given: str, scheme: str, where: str) -> str:
    if scheme not in OBJECT_STORES:
        raise InputError(
            f"{where}: {quoted(given)}: files are not fetched from {scheme} addresses, as whoever "
            "writes a manifest could reach this machine's network through them; download it and "
            f"name the file, or an address of {', '.join(OBJECT_STORES)}"
        )
    bare = without_credentials(given)
    if bare != given:
        raise InputError(
            f"{where}: address {shown_path(bare)} holds a user, a password or options; give the "
            "bare address, and credentials in the environment"
        )
    return given


@lru_cache(maxsize=64)
def _place(folder: str) -> StoreFiles:
    return StoreFiles(folder)


def _split(address: str) -> tuple[StoreFiles, str]:
    """An object store's bucket, and the path in it: one connection for all files of a bucket."""
    scheme, _, rest = address.partition("://")
    bucket, _, path = rest.partition("/")
    return _place(f"{scheme}://{bucket}"), path


def state_of(address: str, what: str) -> FileState:
    """Size and time of a file.

    Raises:
        InputError: it is not there, or is no file.
        StorageError: the object store cannot be read.
    """
    if is_web(address):  # nothing is told of it that could be trusted
        return FileState(0, None)
    if is_remote(address):
        place, path = _split(address)
        size = place.file_size(path)
        if size is None:
            raise InputError(f"{what} {shown_path(address)}: no such file; check the address")
        return FileState(size, place.written_at(path))
    try:
        found = Path(address).stat()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{what} {shown_path(address)}: cannot be read ({reason}); check the path"
        ) from error
    return FileState(found.st_size, found.st_mtime)


def read_bytes(address: str, what: str, max_bytes: int) -> bytes:
    """The content of a file, refused by its size before it is read.

    Raises:
        InputError: absent, a folder, unreadable, or larger than ``max_bytes``.
        StorageError: the object store cannot be read.
    """
    if not is_remote(address):
        return read_limited(Path(address), what, max_bytes, "is it the right file?")
    if is_web(address):
        return fetch_image(address, max_bytes)
    size = state_of(address, what).size
    if size > max_bytes:
        raise InputError(
            f"{what} {shown_path(address)}: {size} bytes, at most {max_bytes} expected; is it the "
            "right file?"
        )
    place, path = _split(address)
    data = place.read_file(path)
    if data is None:
        raise InputError(f"{what} {shown_path(address)}: no such file; check the address")
    return data


@dataclass(frozen=True)
class FoundImage:
    """An image in a folder.

    Attributes:
        path: below the folder, with slashes.
        sidecar: path of the component list beside it; empty where there is none.
    """

    path: str
    sidecar: str


def images_in(folder: str) -> Iterator[FoundImage]:
    """The images of a folder or prefix and the folders in it, in the order of their names.

    Left out: hidden files and folders, those that begin with an underscore, and folders called
    ``masks``.

    Raises:
        StorageError: it cannot be listed.
    """
    place = StoreFiles(folder)
    waiting = [""]
    while waiting:
        below = waiting.pop()
        prefix = f"{below}/" if below else ""
        names = sorted(file.name for file in place.files_in(below))
        known = set(names)
        for name in names:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith((".", "_")):
                stem = name.rpartition(".")[0]
                beside = (f"{stem}{suffix}" for suffix in SIDECAR_SUFFIXES)
                sidecar = next((each for each in beside if each in known), "")
                yield FoundImage(f"{prefix}{name}", f"{prefix}{sidecar}" if sidecar else "")
        inner = [
            name
            for name in place.folder_names(below)
            if not name.startswith((".", "_")) and name not in _MASK_FOLDERS
        ]
        waiting += [f"{prefix}{name}" for name in reversed(inner)]
