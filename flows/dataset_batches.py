"""Plans and parts of a data set in batches at half the price, a window of objects ahead."""

import contextvars
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import islice
from threading import Event

from flows.batch_rounds import HeldMoney, prepare_keys, summary_line
from flows.dataset_items import request_of
from flows.dataset_job import PreparedJob
from flows.dataset_known import Refreshing
from flows.dataset_progress import dataset_listener
from flows.dataset_scan import Todo
from flows.dataset_window import Brake
from mmpart_core.batch_rounds import ObjectWork, prefetch_answers
from mmpart_core.errors import InputError
from mmpart_core.hosted.answer_book import AnswerBook, answering
from mmpart_core.hosted.batches import BatchDesk, Patience
from mmpart_core.hosted.spending import current_account
from mmpart_core.records import Record
from mmpart_core.storage.opening import open_store
from tasks._caching import stored_record

Todos = Generator[Todo]
_LOOKS_UP_EVERY_S = 0.5


@contextmanager
def answers_ahead(
    prepared: PreparedJob, refreshing: Refreshing | None, stopped: Event, brake: Brake
) -> Generator[Callable[[Todos], Todos]]:
    """Within: what hosted models answered in batches takes the place of calls.

    Nothing happens where the job wants no batches.

    Args:
        prepared: the job.
        refreshing: what is done again; nothing that was made of it before is known.
        stopped: once set, nothing more is asked for.
        brake: once it has ended the run, neither.

    Yields:
        What objects pass through on their way to being made: they come out when their answers are
        there.

    Raises:
        ConfigError: a key cannot be looked for.
        StorageError: the store cannot be used.
    """
    if not prepared.job.batch_api:
        yield lambda todos: todos
        return
    prepare_keys(prepared.config)
    ahead = AnswersAhead(prepared, refreshing, stopped, brake)
    with answering(AnswerBook(ahead.desk.find, awaits=False, watcher=ahead.held)):
        yield ahead.answered


class AnswersAhead:
    """Asks for the answers of one window of objects while those of the window before are made.

    Args:
        prepared: the job.
        refreshing: what is done again.
        stopped: once set, nothing more is asked for.
        brake: once it has ended the run, neither.

    Attributes:
        desk: where answers are.
        held: what answers cost that are not used yet.
    """

    def __init__(
        self, prepared: PreparedJob, refreshing: Refreshing | None, stopped: Event, brake: Brake
    ) -> None:
        job = prepared.job
        self._prepared = prepared
        self._refreshed = refreshing.stages if refreshing else ()
        self._stopped = stopped
        self._brake = brake
        self._closed = Event()
        self._store = open_store(prepared.store_url)
        self._news = dataset_listener.get()
        # What accounts and flow run there are is known to this thread, not to those of the window.
        self._context = contextvars.copy_context()
        patience = Patience(poll_s=job.batch_poll_s)
        self.desk = BatchDesk(self._store, patience, self._news.said, self._pause)
        self.held = HeldMoney(current_account())

    def answered(self, todos: Todos) -> Todos:
        """Objects whose answers are there, in their order.

        Raises:
            ConfigError: a back-end or a server cannot be used at all.
            BackendError: a server refused a batch, or gave no answer for too long; a resumed run
                goes on waiting.
            InputError, StorageError: see ``Scan.todos``.
        """
        with closing(todos), ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
            try:
                coming = thread.submit(self._context.run, self._next_window, todos)
                while window := coming.result():
                    coming = thread.submit(self._context.run, self._next_window, todos)
                    yield from window
            except CancelledError:
                return
            finally:
                self._closed.set()

    def _next_window(self, todos: Todos) -> list[Todo]:
        window = list(islice(todos, self._prepared.job.batch_objects))
        summary = prefetch_answers(
            list(self._works(window)),
            self._store,
            self.desk,
            known=self._known,
            account=self.held.account,
            is_stopped=self._is_stopped,
        )
        self.held.add(summary)
        if summary.requests or summary.unsent:
            self._news.said(summary_line(summary))
        return window

    def _works(self, window: list[Todo]) -> Iterator[ObjectWork]:
        """What to ask for; what cannot be read is told when it is made."""
        for todo in window:
            if self._is_stopped():
                raise CancelledError
            try:
                request = request_of(todo.item, self._prepared.config, self._store)
            except InputError:
                continue
            yield ObjectWork(request, self._prepared.config, todo.item.seed, edition=todo.edition)

    def _known(self, key: str) -> Record | None:
        """A finished piece of work, unless it is done again."""
        stage = key.partition("-")[0]
        if "plan" in self._refreshed or stage in self._refreshed:
            return None
        return stored_record(self._store, key)

    def _is_stopped(self) -> bool:
        over = self._closed.is_set() or self._stopped.is_set()
        return over or bool(self._brake.halted)

    def _pause(self, seconds: float) -> None:
        """Wait between two looks at a batch; not to the end where nothing is asked for any more.

        Raises:
            CancelledError: nothing is.
        """
        while seconds > 0 and not self._is_stopped():
            self._closed.wait(min(seconds, _LOOKS_UP_EVERY_S))
            seconds -= _LOOKS_UP_EVERY_S
        if self._is_stopped():
            raise CancelledError
