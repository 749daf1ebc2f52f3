"""Requests of many pieces of work sent at once, at half the price: OpenAI's Batch API.

A batch is a JSON-lines file of requests; its answers come within a day, most much sooner, as a file
of answers and one of errors. Which batch a request is in, and each answer, is kept on a shelf (a
store), so that a run that was stopped, or killed, goes on waiting for the same batch, and nothing
is paid for twice. Source: developers.openai.com, guide to the Batch API.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmpart_core.errors import BackendError, TransientBackendError
from mmpart_core.hosted.answer_book import BatchAnswer, BatchRequest
from mmpart_core.hosted.batch_notes import BatchNotes, Shelf, Submission
from mmpart_core.hosted.batch_server import BatchServer

# Of one file, by the guide; a margin is left for what surrounds the bodies.
MOST_LINES, MOST_BYTES = 50_000, 190_000_000
_FINAL = ("completed", "failed", "expired", "cancelled")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How a batch is waited for.

    Attributes:
        poll_s: between two looks at a batch.
        longest_s: until it is given up for now; the same command goes on waiting later.
    """

    poll_s: float = 30.0
    longest_s: float = 26 * 3600.0


@dataclass(frozen=True)
class SentBatch:
    """A batch that is waited for.

    Attributes:
        server: where it is.
        batch_id: its name there.
        custom_ids: of those of its requests that somebody waits for.
    """

    server: BatchServer
    batch_id: str
    custom_ids: tuple[str, ...]


class BatchDesk:
    """Sends requests in batches, waits, and keeps what came.

    Args:
        shelf: where answers, and which batch a request is in, are kept.
        patience: how long is waited.
        told: is given a line when a batch was sent and when one is done.
        sleep: waits so many seconds; what it raises ends the wait.
    """

    def __init__(
        self,
        shelf: Shelf,
        patience: Patience = Patience(),
        told: Callable[[str], None] = _log.info,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._notes = BatchNotes(shelf)
        self._patience = patience
        self._told = told
        self._sleep = sleep

    def find(self, custom_id: str) -> BatchAnswer | None:
        """The answer to a request; None where it has not come, or what is kept is unreadable.

        Raises:
            StorageError: the shelf cannot be read.
        """
        return self._notes.answer(custom_id)

    def prefetch(self, requests: Sequence[BatchRequest]) -> dict[str, BatchAnswer]:
        """Send what was not sent before, wait for all of it, and give the answers by id.

        Args:
            requests: see ``send``.

        Returns:
            Answers, refusals of single requests among them; all of them in memory. Requests that
            expired, or failed in a way that may pass, are missing: they may be sent again or called
            alone.

        Raises:
            ConfigError, BackendError, StorageError: see ``send`` and ``wait``.
        """
        self.wait(self.send(requests))
        found = ((each.custom_id, self.find(each.custom_id)) for each in requests)
        return {custom_id: answer for custom_id, answer in found if answer is not None}

    def send(self, requests: Sequence[BatchRequest]) -> list[SentBatch]:
        """Send what was not sent before, and give the batches to wait for.

        Args:
            requests: each with an id of its own; several servers and endpoints may be among them,
                each gets batches of its own. Bodies are not needed while they are waited for.

        Raises:
            ConfigError, BackendError: a server takes no batches, or refused one.
            TransientBackendError: a server does not answer.
            StorageError: the shelf cannot be used.
        """
        open_requests = [each for each in requests if self.find(each.custom_id) is None]
        return [
            SentBatch(server, batch_id, tuple(members))
            for server, group in _by_server(open_requests)
            for batch_id, members in self._batches_of(server, group).items()
        ]

    def wait(self, batches: Sequence[SentBatch]) -> None:
        """Wait until the answers of batches are on the shelf.

        Raises:
            ConfigError, BackendError: a server refused a batch.
            TransientBackendError: no server answers, or the wait was too long; what was sent is
                kept, the same call goes on waiting.
            StorageError: the shelf cannot be used.
        """
        left_s = self._patience.longest_s
        waiting = list(batches)
        while True:
            waiting = [each for each in waiting if not self._is_collected(each)]
            if not waiting:
                return
            if left_s <= 0:
                raise TransientBackendError(
                    f"batch {', '.join(each.batch_id for each in waiting)}: not done within "
                    f"{self._patience.longest_s:g} s; run the same command again, it goes on "
                    "waiting for the same batch"
                )
            self._sleep(min(self._patience.poll_s, left_s))
            left_s -= self._patience.poll_s

    def _batches_of(
        self, server: BatchServer, requests: Sequence[BatchRequest]
    ) -> dict[str, list[str]]:
        """The batches that requests are in, with their ids; those that are in none are sent."""
        batches: dict[str, list[str]] = {}
        known: dict[Submission, str | None] = {}
        fresh: list[BatchRequest] = []
        for request in requests:
            begun = self._notes.begun(request.custom_id)
            if begun is not None and begun not in known:
                known[begun] = self._known_batch(server, begun)
            batch_id = None if begun is None else known[begun]
            if batch_id is None:
                fresh.append(request)
            else:
                batches.setdefault(batch_id, []).append(request.custom_id)
        for lines in _files(fresh):
            members = [request.custom_id for request, _ in lines]
            batches[self._submitted(server, lines)] = members
        return batches

    def _known_batch(self, server: BatchServer, submission: Submission) -> str | None:
        """The batch of a submission that an earlier process began, if it came to be one."""
        batch_id = self._notes.batch_of(submission)
        if batch_id is None:
            batch_id = server.find(submission)
            if batch_id is not None:
                self._notes.note_batch(submission, batch_id)
                self._told(f"batch {batch_id}: sent before to {server.base_url}, taken up again")
        return batch_id

    def _submitted(self, server: BatchServer, lines: list[tuple[BatchRequest, bytes]]) -> str:
        members = [request.custom_id for request, _ in lines]
        submission = self._notes.begin(members)
        content = b"".join(line for _, line in lines)
        batch_id = server.submit(lines[0][0].endpoint, content, submission)
        self._notes.note_batch(submission, batch_id)
        self._told(f"batch {batch_id}: {len(members)} requests sent to {server.base_url}")
        return batch_id

    def _is_collected(self, sent: SentBatch) -> bool:
        """Whether a batch is over; its answers are kept then, and its requests wait no longer."""
        batch = sent.server.look(sent.batch_id)
        if batch is not None and batch.status not in _FINAL:
            return False
        files = () if batch is None else (batch.output_file_id, batch.error_file_id)
        lines = (line for each in files if each for line in sent.server.read_lines(each))
        count = sum(self._notes.keep_answer(name, answer) for name, answer in _answers(lines))
        self._notes.end(sent.custom_ids)
        if batch is None:
            where = sent.server.base_url
            self._told(f"batch {sent.batch_id}: gone from {where}; its requests may be sent again")
        elif batch.status == "failed":
            raise BackendError(
                f"batch {batch.id}: {sent.server.base_url} refused it ({_faults(batch)}); check "
                "the models, send fewer requests at a time, or run without batches"
            )
        else:
            asked = getattr(batch.request_counts, "total", None) or len(sent.custom_ids)
            self._told(f"batch {batch.id}: {batch.status}, {count} of {asked} requests answered")
        return True


def _by_server(
    requests: Sequence[BatchRequest],
) -> Iterator[tuple[BatchServer, list[BatchRequest]]]:
    """Requests that can be in one batch: of one server, key, endpoint and model."""
    groups: dict[tuple[str, str, str, str], list[BatchRequest]] = {}
    for each in requests:
        place = (each.settings.base_url, each.settings.api_key_variable, each.endpoint,
                 str(each.body.get("model")))  # fmt: skip
        groups.setdefault(place, []).append(each)
    for group in groups.values():
        server = BatchServer(group[0].settings, group[0].stage)
        server.open()
        yield server, group


def _files(requests: Sequence[BatchRequest]) -> Iterator[list[tuple[BatchRequest, bytes]]]:
    """Requests with their lines, in files that are not too large."""
    lines: list[tuple[BatchRequest, bytes]] = []
    size = 0
    for request in requests:
        line = _line(request)
        if lines and (len(lines) == MOST_LINES or size + len(line) > MOST_BYTES):
            yield lines
            lines, size = [], 0
        lines.append((request, line))
        size += len(line)
    if lines:
        yield lines


def _line(request: BatchRequest) -> bytes:
    asked = {
        "custom_id": request.custom_id, "method": "POST", "url": request.endpoint,
        "body": request.body,
    }  # fmt: skip
    return json.dumps(asked, ensure_ascii=False).encode() + b"\n"


def _answers(lines: Iterator[str]) -> Iterator[tuple[str, BatchAnswer]]:
    """Answers that are final; what may pass when it is asked again is left out."""
    for line in lines:
        try:
            told: Any = json.loads(line)
            reply: Any = told["response"]
            if reply is None or _may_pass(reply["status_code"]):
                _log.info("request %s of a batch was not answered", told["custom_id"])
                continue
            answer = BatchAnswer(status=reply["status_code"], body=reply["body"])
        except (ValueError, KeyError, TypeError) as error:
            _log.warning("a line of a batch's answers cannot be read (%s)", type(error).__name__)
            continue
        yield str(told["custom_id"]), answer


def _may_pass(status: int) -> bool:
    return status in (408, 409, 425, 429) or status >= 500


def _faults(batch: Any) -> str:
    listed = getattr(batch.errors, "data", None) or ()
    told = [f"line {each.line}: {each.message}" if each.line else str(each.message)
            for each in listed[:3]]  # fmt: skip
    return "; ".join(told) or "it does not say why"
