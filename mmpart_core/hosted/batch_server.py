"""One server's files and batches, through the SDK; its errors become ours."""

import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr

from mmpart_core.errors import ConfigError, MMPartError, TransientBackendError
from mmpart_core.hosted.batch_notes import Submission
from mmpart_core.hosted.client import open_sdk
from mmpart_core.hosted.failures import CallPlace, retry_after_s, translated
from mmpart_core.hosted.settings import HostedSettings

AnswerT = TypeVar("AnswerT")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 60.0
_NOT_FOUND = 404
_NAMED = "mmpart_submission"  # key of a batch's metadata
_PAGE, _CLOCKS_APART_S = 100, 3600.0


class BatchServer:
    """Uploads requests, makes batches of them, and reads what came.

    Args:
        settings: where it is and how it is called.
        stage: the stage whose settings these are, for messages.
    """

    def __init__(self, settings: HostedSettings, stage: str) -> None:
        self._settings = settings
        self._stage = stage
        self._sdk: Any = None
        self._key: SecretStr | None = None

    @property
    def base_url(self) -> str:
        """Its address."""
        return self._settings.base_url

    def open(self) -> None:
        """Find the key; nothing is sent.

        Raises:
            ConfigError: no key where one is asked for.
        """
        self._sdk, self._key = open_sdk(self._settings, f"{self._stage}.api_key_variable")

    def submit(self, endpoint: str, lines: bytes, submission: Submission) -> str:
        """Send a file of requests as a batch, and give the batch's id.

        Args:
            endpoint: of all requests.
            lines: JSON lines.
            submission: the batch carries its name.

        Raises:
            ConfigError: the server takes no batches, or not with this key.
            BackendError: it refused the file.
            TransientBackendError: it does not answer.
        """
        name = ("requests.jsonl", lines, "application/jsonl")
        file = self._call(lambda sdk: sdk.files.create(file=name, purpose="batch"), "the file of")
        batch = file and self._call(_making(endpoint, file.id, submission), "the making of")
        if batch is None:
            raise ConfigError(
                f"{self._stage}.base_url: {self.base_url} takes no batches (HTTP 404); leave "
                "--batch-api out"
            )
        return batch.id

    def find(self, submission: Submission) -> str | None:
        """The batch that a submission became; None where there is none.

        Raises:
            ConfigError, BackendError, TransientBackendError: as ``submit``.
        """
        return self._call(lambda sdk: _listed(sdk, submission), "the list of")

    def look(self, batch_id: str) -> Any:
        """A batch as it is now, None where it is gone.

        It has ``status``, ``output_file_id``, ``error_file_id`` and ``errors``.

        Raises:
            ConfigError, BackendError, TransientBackendError: as ``submit``.
        """
        return self._call(lambda sdk: sdk.batches.retrieve(batch_id), f"the state of {batch_id},")

    def read_lines(self, file_id: str) -> Iterator[str]:
        """The lines of a file that a batch left; none where the file is gone.

        Answers with pictures are large: they wait on disk, not in memory.

        Raises:
            ConfigError, BackendError, TransientBackendError: as ``submit``.
        """
        with tempfile.TemporaryDirectory(prefix="mmpart-batch-") as folder:
            path = Path(folder) / "answers.jsonl"
            path.touch()

            def download(sdk: Any) -> None:
                with sdk.files.with_streaming_response.content(file_id) as answer:
                    answer.stream_to_file(path)

            self._call(download, "the answers of")
            with path.open(encoding="utf-8") as stream:
                yield from (line for line in stream if line.strip())

    def _call(self, send: Callable[[Any], AnswerT], part: str) -> AnswerT | None:
        """Make a call; throttled, dropped and late ones are made again. None for HTTP 404."""
        settings = self._settings
        place = CallPlace(
            what=f"{part} a batch", stage=self._stage, model="the server",
            base_url=settings.base_url, key_variable=settings.api_key_variable,
            timeout_s=settings.timeout_s,
        )  # fmt: skip
        for attempt in range(1, settings.attempts + 1):
            faults: list[tuple[MMPartError | None, float | None]] = []
            with _noted(faults, place, self._key):
                return send(self._sdk)
            error, asked_s = faults[0]
            if error is None:
                return None
            if not isinstance(error, TransientBackendError) or attempt == settings.attempts:
                raise error
            backoff_s = _FIRST_WAIT_S * 2 ** (attempt - 1) if asked_s is None else asked_s
            time.sleep(min(backoff_s, _LONGEST_WAIT_S, settings.longest_wait_s))
        return None


def _making(endpoint: str, file_id: str, submission: Submission) -> Callable[[Any], Any]:
    """Makes a batch; when it is called again, looks first whether the first call made it."""
    given = {
        "endpoint": endpoint, "completion_window": "24h", "input_file_id": file_id,
        "metadata": {_NAMED: submission.name},
    }  # fmt: skip
    calls: list[None] = []

    def make(sdk: Any) -> Any:
        calls.append(None)
        made = _listed(sdk, submission) if len(calls) > 1 else None
        return sdk.batches.create(**given) if made is None else sdk.batches.retrieve(made)

    return make


def _listed(sdk: Any, submission: Submission) -> str | None:
    """The id of a submission's batch in the server's list, which begins with the latest."""
    import openai

    try:
        for batch in sdk.batches.list(limit=_PAGE):
            if (batch.metadata or {}).get(_NAMED) == submission.name:
                return batch.id
            if batch.created_at < submission.begun_at - _CLOCKS_APART_S:
                return None
    except openai.NotFoundError:  # a server without such a list
        return None
    return None


@contextmanager
def _noted(
    faults: list[tuple[MMPartError | None, float | None]],
    place: CallPlace,
    key: SecretStr | None,
) -> Generator[None]:
    """Within: an error of the SDK is noted as ours with the wait that is asked for; 404 as None.

    Ours is raised by the caller, where nothing chains it to the SDK's, which holds the request with
    its key.
    """
    import httpx2
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        if getattr(error, "status_code", None) == _NOT_FOUND:
            faults.append((None, None))
        else:
            faults.append((translated(error, place, key), retry_after_s(error)))
    except httpx2.HTTPError as error:  # while a file was read
        told = f"{place.what}: the connection to {place.base_url} failed ({type(error).__name__})"
        faults.append((TransientBackendError(f"{told}; run again"), None))
