"""Objects that were begun and never ended: whoever kills its process is not tried for ever.

A note is written before an object is begun and removed when it has ended, however it ended. What a
killed process leaves behind counts one death for each object it had in hand. Those are made last,
one at a time, so that after a second death there is only one that can have caused it.
"""

from pydantic import ValidationError

from mmpart_core.errors import StorageError
from mmpart_core.records import Record
from mmpart_core.storage.store_files import StoreFiles

ATTEMPTS_FOLDER = "state/attempts"
MAX_DEATHS = 3


class Attempt(Record):
    """An object that was begun.

    Attributes:
        object: its name.
        run: the run that began it.
        deaths: processes that ended before while it was being made.
    """

    object: str
    run: int
    deaths: int = 0


class Attempts:
    """The notes in a data set's output.

    Args:
        place: the output.
        run: number of this run.
        died: whether the run before ended without being told to.

    Attributes:
        deaths: of the objects that runs before left behind.

    Raises:
        StorageError: the output cannot be read.
    """

    def __init__(self, place: StoreFiles, run: int, died: bool) -> None:
        self._place = place
        self._run = run
        self.deaths: dict[str, int] = {}
        for file in list(place.files_in(ATTEMPTS_FOLDER)):
            if not file.name.endswith(".json"):
                continue
            attempt = self._read(file.path)
            if attempt is None:
                continue
            # An older note was kept by a run that did not come so far as to try it again.
            killed = died and attempt.run == run - 1
            self.deaths[attempt.object] = attempt.deaths + int(killed)
            if killed:
                self._write(attempt.object, 0)
            if not self.deaths[attempt.object]:
                self.end(attempt.object)
                del self.deaths[attempt.object]

    def begin(self, name: str) -> None:
        """Note that an object is begun.

        Raises:
            StorageError: the output cannot be written; then it must not be begun.
        """
        self._write(name, self._run)

    def end(self, name: str) -> None:
        """Note that an object has ended.

        Raises:
            StorageError: the output cannot be written.
        """
        self._place.delete_file(_path(name))

    def leave(self, name: str) -> None:
        """Note that an object was left because the run was told to stop: that is no death.

        Raises:
            StorageError: the output cannot be written.
        """
        if self.deaths.get(name):
            self._write(name, 0)
        else:
            self.end(name)

    def _write(self, name: str, run: int) -> None:
        note = Attempt(object=name, run=run, deaths=self.deaths.get(name, 0))
        self._place.write_file(_path(name), note.model_dump_json().encode())

    def _read(self, path: str) -> Attempt | None:
        content = self._place.read_file(path)
        if content is None:
            return None
        try:
            return Attempt.model_validate_json(content)
        except ValidationError as error:
            raise StorageError(f"note '{path}': damaged; remove it and run again") from error


def _path(name: str) -> str:
    return f"{ATTEMPTS_FOLDER}/{name}.json"
