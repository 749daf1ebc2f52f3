"""What is kept of batches on a shelf (a store): which request is in which, and each answer.

A request's note is written before its batch is made, and names the submission; the submission's
note, written after, names the batch. A process that dies between the two leaves notes of a
submission without a batch: whether the server made it is then asked there, by the name that the
batch carries.
"""

import json
import re
import time
import uuid
from collections.abc import Iterable
from typing import NamedTuple, Protocol, runtime_checkable

from pydantic import ValidationError

from mmpart_core.hosted.answer_book import BatchAnswer

FOLDER = "batches"
_CUSTOM_ID = re.compile(r"mmpart-[0-9a-f]{64}")


@runtime_checkable
class Shelf(Protocol):
    """Files by path; ``FsspecStore`` is one."""

    def read_file(self, path: str) -> bytes | None:
        """A file's content; None where there is none."""
        ...

    def write_file(self, path: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        ...

    def delete_file(self, path: str) -> None:
        """Delete a file, if it is there."""
        ...


class Submission(NamedTuple):
    """Requests that were, or were about to be, made into one batch.

    Attributes:
        name: which its batch carries.
        begun_at: in seconds since 1970.
    """

    name: str
    begun_at: float


class BatchNotes:
    """Reads and writes the notes.

    Args:
        shelf: where they are.

    Raises:
        StorageError: by its methods: the shelf cannot be used.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def answer(self, custom_id: str) -> BatchAnswer | None:
        """The answer to a request; None where it has not come, or what is kept is unreadable."""
        content = self._shelf.read_file(_answer_path(custom_id))
        if content is None:
            return None
        try:
            return BatchAnswer.model_validate_json(content)
        except ValidationError:
            return None

    def keep_answer(self, custom_id: str, answer: BatchAnswer) -> bool:
        """Keep an answer; False where its id is none of ours."""
        if not _CUSTOM_ID.fullmatch(custom_id):
            return False
        self._shelf.write_file(_answer_path(custom_id), answer.model_dump_json().encode())
        return True

    def begin(self, custom_ids: Iterable[str]) -> Submission:
        """Note that requests are about to be made into a batch."""
        submission = Submission(f"mmpart-{uuid.uuid4().hex}", time.time())
        content = json.dumps(submission._asdict()).encode()
        for custom_id in custom_ids:
            self._shelf.write_file(_waiting_path(custom_id), content)
        return submission

    def begun(self, custom_id: str) -> Submission | None:
        """The submission that a request waits in; None where it was not sent."""
        content = self._shelf.read_file(_waiting_path(custom_id))
        try:
            return None if content is None else Submission(**json.loads(content))
        except (ValueError, TypeError):
            return None

    def note_batch(self, submission: Submission, batch_id: str) -> None:
        """Note which batch a submission became."""
        content = json.dumps({"batch": batch_id}).encode()
        self._shelf.write_file(_sent_path(submission), content)

    def batch_of(self, submission: Submission) -> str | None:
        """The batch of a submission; None where it is not known whether there is one."""
        content = self._shelf.read_file(_sent_path(submission))
        try:
            return None if content is None else str(json.loads(content)["batch"])
        except (ValueError, KeyError, TypeError):
            return None

    def end(self, custom_ids: Iterable[str]) -> None:
        """Note that requests wait no longer, answered or not."""
        for custom_id in custom_ids:
            self._shelf.delete_file(_waiting_path(custom_id))


def _answer_path(custom_id: str) -> str:
    return f"{FOLDER}/answers/{custom_id}.json"


def _waiting_path(custom_id: str) -> str:
    return f"{FOLDER}/waiting/{custom_id}.json"


def _sent_path(submission: Submission) -> str:
    return f"{FOLDER}/sent/{submission.name}.json"
