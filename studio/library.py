"""The studio's objects in the store: one JSON file each, beside its upload and finished files.

A file without content carries each object's name in its own, so that one listing is a search.
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from pydantic import ValidationError

from mmpart_core.errors import StorageError
from mmpart_core.intake.names import comparable, slug
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.store_contents import HOLDING_FOLDER
from studio.objects import Draft, KeptObject, is_object_id

# Where the store's own maintenance looks for what must stay.
OBJECTS_FOLDER = HOLDING_FOLDER
FOLDER = OBJECTS_FOLDER.partition("/")[0]
_NAMES = f"{FOLDER}/names"


class ObjectLibrary:
    """Objects under ``<store>/studio``, in a folder or an object store.

    Args:
        store: the store that runs use as well.
    """

    def __init__(self, store: FsspecStore) -> None:
        self.store = store
        self._names = FsspecStore(f"{store.url.rstrip('/')}/{_NAMES}")
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def create(self, draft: Draft, upload: bytes, upload_px: tuple[int, int]) -> KeptObject:
        """Keep a new object and the image it is made of.

        Args:
            draft: its form.
            upload: the image as it was given, checked to be one.
            upload_px: its width and height.

        Raises:
            StorageError: the store cannot be written.
        """
        now = datetime.now(UTC)
        moment = now.strftime("%Y%m%d-%H%M%S")
        new = KeptObject(
            id=f"{moment}-{secrets.token_hex(4)}",
            created=now.isoformat(timespec="seconds"),
            draft=draft,
            upload_px=upload_px,
        )
        self.store.write_file(upload_path(new.id), upload)
        self._save(new)
        self.store.write_file(_name_path(new), b"")
        return new

    def load(self, object_id: str) -> KeptObject | None:
        """One object; None where there is none of that id.

        Raises:
            StorageError: the store cannot be read, or holds a file of another version.
        """
        if not is_object_id(object_id):
            return None
        data = self.store.read_file(f"{OBJECTS_FOLDER}/{object_id}.json")
        if data is None:
            return None
        try:
            return KeptObject.model_validate_json(data)
        except ValidationError as error:
            raise StorageError(
                f"store '{self.store.url}': {OBJECTS_FOLDER}/{object_id}.json cannot be read by "
                "this version; delete the file, and make the object again from its image"
            ) from error

    def change(
        self, object_id: str, change: Callable[[KeptObject], KeptObject]
    ) -> KeptObject | None:
        """Read, change and write one object; changes of one object wait for each other.

        Args:
            object_id: which.
            change: the object as it is -> as it shall be.

        Returns:
            As it is now; None where there is none of that id.
        """
        with self._lock_of(object_id):
            before = self.load(object_id)
            if before is None:
                return None
            after = change(before)
            if after != before:
                self._save(after)
            if _name_path(after) != _name_path(before):
                self.store.write_file(_name_path(after), b"")
                self.store.delete_file(_name_path(before))
            return after

    def writing_files(self, object_id: str) -> AbstractContextManager[object]:
        """Within: nobody else writes the object's finished files; it can be changed meanwhile."""
        return self._lock_of(files_path(object_id))

    def upload(self, object_id: str) -> bytes | None:
        """The image an object is made of, as it was given."""
        return self.store.read_file(upload_path(object_id)) if is_object_id(object_id) else None

    def delete(self, object_id: str) -> None:
        """Forget an object and its files; what stages made stays in the cache.

        Raises:
            StorageError: the store cannot be written.
        """
        if not is_object_id(object_id):
            return
        kept = self.load(object_id)
        if kept is not None:
            self.store.delete_file(_name_path(kept))
        self.store.delete_file(f"{OBJECTS_FOLDER}/{object_id}.json")
        self.store.delete_file(upload_path(object_id))
        for folder in (files_path(object_id), f"{files_path(object_id)}/parts"):
            for name in FsspecStore(f"{self.store.url.rstrip('/')}/{folder}").file_names():
                self.store.delete_file(f"{folder}/{name}")

    def ids(self, words: str = "") -> list[str]:
        """Ids of all objects whose name has all the words, newest first.

        Raises:
            StorageError: the store cannot be listed.
        """
        wanted = [word for word in comparable(slug(words)).split("-") if words.strip()]
        return [
            object_id
            for object_id, name in self.names().items()
            if all(word in comparable(name) for word in wanted)
        ]

    def names(self) -> dict[str, str]:
        """File-safe names of all objects by id, newest first.

        Raises:
            StorageError: the store cannot be listed.
        """
        found = [name.partition("~") for name in self._names.file_names()]
        return {each: name for each, _, name in sorted(found, reverse=True) if is_object_id(each)}

    def file(self, object_id: str, name: str) -> bytes | None:
        """A finished file of an object, such as ``object.glb``; None where it is not there."""
        return self.store.read_file(f"{files_path(object_id)}/{name}")

    def files_url(self, object_id: str) -> str:
        """Address of the folder with an object's finished files."""
        return f"{self.store.url.rstrip('/')}/{files_path(object_id)}"

    def _lock_of(self, what: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(what, threading.Lock())

    def _save(self, kept: KeptObject) -> None:
        text = kept.model_dump_json(indent=1)
        self.store.write_file(f"{OBJECTS_FOLDER}/{kept.id}.json", text.encode())


def _name_path(kept: KeptObject) -> str:
    return f"{_NAMES}/{kept.id}~{slug(kept.title)}"


def upload_path(object_id: str) -> str:
    """Where the image of an object lies in the store."""
    return f"{FOLDER}/uploads/{object_id}"


def files_path(object_id: str) -> str:
    """Where the finished files of an object lie in the store."""
    return f"{FOLDER}/files/{object_id}"
