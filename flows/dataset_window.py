"""A bounded window over the objects of a data set: so many are made at a time, never more."""

import asyncio
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import httpx
from prefect.context import AsyncClientContext

from flows.dataset_attempts import Attempts
from flows.dataset_items import DatasetItem, request_of
from flows.dataset_known import Known
from flows.dataset_object import (
    Making,
    ObjectWork,
    make_dataset_object,
    make_tagged,
    work_threads,
)
from flows.dataset_outcomes import OutcomeRow, row_of_item
from flows.dataset_progress import Counter, DatasetListener
from flows.dataset_scan import Todo
from flows.dataset_table import OutcomeWriter
from flows.runner_binding import bound_flow
from mmpart_core.errors import (
    BudgetError,
    ConfigError,
    InputError,
    MMPartError,
    ProcessKilledError,
    QuotaExhaustedError,
)
from mmpart_core.quoting import first_line
from mmpart_core.storage.opening import open_store

# The share of failures is looked at over the latest outcomes, once there are a few.
LATEST_OUTCOMES, LEAST_OUTCOMES = 20, 10
# How often an object's flow run is asked for while Prefect's server answers that it is busy.
BUSY_TRIES = 4
OUT_OF_MONEY_ERRORS = (BudgetError.__name__, QuotaExhaustedError.__name__)


class Brake:
    """Ends a run that spends too much or fails too often, before it begins more.

    Args:
        most_failures: share of the latest outcomes that may be failures; None for any.

    Attributes:
        halted: why; empty as long as it goes on.
        out_of_money: what said that the budget, or the provider's account, is used up.
    """

    def __init__(self, most_failures: float | None) -> None:
        self._most = most_failures
        self._latest: deque[bool] = deque(maxlen=LATEST_OUTCOMES)
        self.halted = ""
        self.out_of_money = ""

    def see(self, row: OutcomeRow) -> None:
        """An object that was begun has an outcome."""
        if row.state == "skipped":
            self.halted = self.halted or f"{row.error}: {row.message}"
            if row.error in OUT_OF_MONEY_ERRORS:
                self.out_of_money = self.halted
            return
        self._latest.append(row.state != "made")
        failed, seen = sum(self._latest), len(self._latest)
        if self._most is not None and seen >= LEAST_OUTCOMES and failed / seen >= self._most:
            self.halted = self.halted or (
                f"{failed} of the latest {seen} objects failed or lack parts, which "
                f"--stop-after-failures {self._most:g} does not allow; the latest: {row.object}: "
                f"{row.error}: {row.message}"
            )


class Window:
    """Makes objects side by side, and keeps what becomes of each.

    Args:
        making: what they have in common.
        attempts: notes of objects that are begun.
        writer: where outcomes go.
        counter: counts them.
        brake: ends the run early.
        news: who is told.

    Raises:
        ConfigError: the profile's runner cannot work.
    """

    def __init__(
        self,
        making: Making,
        attempts: Attempts,
        writer: OutcomeWriter,
        counter: Counter,
        brake: Brake,
        news: DatasetListener,
    ) -> None:
        self._making = making
        self._attempts = attempts
        self._writer = writer
        self._counter = counter
        self._brake = brake
        self._news = news
        self._fatal: BaseException | None = None
        self._make_object: Any = bound_flow(make_dataset_object, making.prepared.config)

    def stop(self) -> None:
        """Begin nothing more; objects at hand end with the stages they are in."""
        self._making.stopped.set()

    def kept(self, known: Known) -> None:
        """An outcome of an earlier run stands."""
        self._counter.keep(known.state, known.error)

    def settled(self, row: OutcomeRow, new: bool) -> None:
        """An object has an outcome without having been begun.

        Raises:
            StorageError: the output cannot be written.
        """
        if new:
            self._writer.add([row], at_once=False)
        if row.error == ProcessKilledError.__name__:
            self._writer.close()
            self._attempts.end(row.object)
        self._counter.add(row)

    async def make_all(self, todos: Iterator[Todo]) -> None:
        """Make all objects, ``concurrency`` at a time; suspects one at a time.

        Raises:
            ConfigError: a back-end cannot be used at all, or Prefect's server went away.
            InputError: the manifest broke off.
            StorageError: the store or the output cannot be used.
        """
        work_threads.set(self._making.threads)
        running: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="manifest") as reader:
            async with AsyncClientContext.get_or_create():
                try:
                    while not self._is_over():
                        todo = await loop.run_in_executor(reader, next, todos, None)
                        if todo is None:
                            break
                        await self._room(running, alone=bool(todo.deaths))
                        if self._is_over():
                            break
                        running.add(asyncio.create_task(self._make(todo)))
                        if todo.deaths:
                            await self._room(running, alone=True)
                finally:
                    await asyncio.gather(*running)
        if self._fatal is not None:
            raise self._fatal

    def _is_over(self) -> bool:
        return self._making.stopped.is_set() or bool(self._brake.halted)

    async def _room(self, running: set[asyncio.Task[None]], *, alone: bool) -> None:
        """Wait until another object may be begun."""
        most = 0 if alone else self._making.prepared.job.concurrency - 1
        while len(running) > most:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            running -= done

    async def _make(self, todo: Todo) -> None:
        """One object from its note to its outcome; never raises."""
        try:
            rows = await self._rows_of(todo)
            await self._in_thread(self._end, todo, rows)
        except MMPartError as error:
            self._break_off(error)
        except httpx.HTTPError as error:
            self._break_off(
                ConfigError(
                    "Prefect's server cannot be reached any more "
                    f"({first_line(error) or error!r}); what was finished is kept: run again "
                    "when it answers"
                )
            )

    async def _rows_of(self, todo: Todo) -> list[OutcomeRow]:
        item = todo.item
        self._news.started(item.name)
        try:
            request = await self._in_thread(self._begin, todo)
        except InputError as error:
            row = row_of_item(item, "invalid", error)
            return [row.model_copy(update={"spent_usd": todo.spent_usd})]
        work = ObjectWork(self._making, todo, request)
        await self._flow_run_of(work, item)
        if work.fatal is not None:
            self._break_off(work.fatal)
        return work.rows

    async def _flow_run_of(self, work: ObjectWork, item: DatasetItem) -> None:
        """Make an object in a flow run of its own, also where the server is too busy at first.

        A server on sqlite that many write to answers 503 for longer than Prefect's client tries,
        a minute each time; nothing was begun then.
        """
        parts = [entry.name for entry in item.entries]
        for left in reversed(range(BUSY_TRIES)):
            try:
                await make_tagged(self._make_object, work, item.name, item.shown, parts)
            except httpx.HTTPStatusError as error:
                busy = error.response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
                if work.begun or not busy or not left or self._is_over():
                    raise
            else:
                return

    def _begin(self, todo: Todo) -> Any:
        self._attempts.begin(todo.item.name)
        prepared = self._making.prepared
        return request_of(todo.item, prepared.config, open_store(prepared.store_url))

    def _end(self, todo: Todo, rows: list[OutcomeRow]) -> None:
        """Keep the outcome, then take the note away."""
        if not rows:
            self._attempts.leave(todo.item.name)
            return
        self._writer.add(rows)
        self._attempts.end(todo.item.name)
        self._counter.add(rows[0])
        if rows[0].state != "invalid":
            self._brake.see(rows[0])

    def _break_off(self, error: BaseException) -> None:
        if isinstance(error, QuotaExhaustedError):
            self._brake.out_of_money = first_line(error)
        self._fatal = self._fatal or error
        self.stop()

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            result = loop.run_in_executor(self._making.threads, work, *arguments)
        except RuntimeError as error:  # the run has ended without waiting for this object
            raise asyncio.CancelledError from error
        return await result
