"""A manifest -> many objects; one outcome row per object and part, failures included."""

import asyncio
import contextvars
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from prefect.context import FlowRunContext
from prefect.exceptions import TerminationSignal
from prefect.states import Completed

from flows.dataset_aftermath import report_dead
from flows.dataset_attempts import Attempts
from flows.dataset_batches import Todos, answers_ahead
from flows.dataset_events import tell_out_of_money
from flows.dataset_job import DatasetJob, PreparedJob, check_job, write_job
from flows.dataset_known import begin_refresh, end_refresh, load_known
from flows.dataset_lease import HeldLease
from flows.dataset_manifest import count_rows
from flows.dataset_object import Making
from flows.dataset_progress import Counter, DatasetTally, Published, dataset_listener
from flows.dataset_scan import Scan
from flows.dataset_table import OutcomeWriter, compact
from flows.dataset_window import Brake, Window
from flows.generate_object import run_tags
from flows.threaded_flow import threaded_flow
from mmpart_core.errors import ConfigError
from mmpart_core.hosted.spending import spending
from mmpart_core.quoting import quoted_list
from mmpart_core.storage.opening import open_store
from tasks._artifacts import tag_flow_run

_SHOWN_EVERY_S = 1.0


@threaded_flow("generate-dataset", "{job.output}")
def generate_dataset(job: DatasetJob, overwrite: bool = False) -> DatasetTally:
    """Make all objects of a data set; what was finished before, by whichever run, stays.

    An object that cannot be made is an outcome; the others go on. Each outcome is in the output
    before the next object takes its place, so that a run may end at any time, however it ends: the
    same call goes on from there.

    Args:
        job: manifest, profile and destination.
        overwrite: write to the output although it holds another data set or other files.

    Returns:
        Counts by state; the rows themselves are in ``outcomes.parquet`` of the output.

    Raises:
        ConfigError: something given cannot be used, another run writes to this output, or a
            back-end cannot be used at all.
        InputError: the manifest cannot be read.
        StorageError: the store or the output cannot be used.
    """
    prepared = check_job(job, overwrite=overwrite)
    tag_flow_run(run_tags(prepared.config, job.profile))
    open_store(prepared.store_url).probe()
    rows = count_rows(job.source, job.limit)
    stopped = Event()
    with _held(job, rows, stopped) as lease:
        write_job(job)
        tally = _run(prepared, lease, Counter(rows, dataset_listener.get()), stopped)
    return _as_state(tally)


def _as_state(tally: DatasetTally) -> Any:
    """The flow's result, as a state that shows where some objects were not made."""
    if tally.complete:
        return tally
    made = f"{tally.states.get('made', 0)} of {tally.rows} objects made"
    said = f"{made}; {tally.halted}" if tally.halted else made
    return Completed(name="Incomplete", message=said, data=tally)


@contextmanager
def _held(job: DatasetJob, rows: int, stopped: Event) -> Generator[HeldLease]:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    lease = HeldLease(job.place, stopped.set, rows, str(run.id) if run else "")
    if lease.previous is not None:
        report_dead(lease.previous.flow_run)
    try:
        yield lease
    finally:
        lease.give_back()


def _run(prepared: PreparedJob, lease: HeldLease, counter: Counter, stopped: Event) -> DatasetTally:
    job, place = prepared.job, prepared.job.place
    known = load_known(place)
    _check_only(job, known.errors)
    died = lease.previous is not None and not lease.previous.ending
    attempts = Attempts(place, lease.run, died)
    refreshing = begin_refresh(place, job.refresh, lease.run)
    writer = OutcomeWriter(place, lease.run)
    brake = Brake(job.stop_after_failures)
    published = Published(Path(job.source).name)
    with (
        spending(_left_of(job.max_cost_usd, known.spent_usd)),
        answers_ahead(prepared, refreshing, stopped, brake) as answered,
        ThreadPoolExecutor(job.concurrency, thread_name_prefix="object") as threads,
    ):
        making = Making(prepared, refreshing.stages if refreshing else (), threads, stopped)
        news = dataset_listener.get()
        window = Window(making, attempts, writer, counter, brake, news)
        scan = Scan(prepared, known, attempts.deaths, refreshing, stopped,
                    window.kept, window.settled, news.said)  # fmt: skip
        published.begin()
        todos = answered(scan.todos())
        try:
            _drive(window, todos, lease, lambda: published.show(counter.tally()))
        finally:
            writer.close()
            tally = counter.tally(brake.halted)
            published.end(tally)
            if brake.out_of_money:
                tell_out_of_money(Path(job.source).name, brake.out_of_money)
    if lease.fault:
        raise ConfigError(lease.fault)
    if refreshing is not None and not tally.left:
        end_refresh(place)
    compact(place)
    return tally


def _check_only(job: DatasetJob, errors: set[str]) -> None:
    """An error that no object ended with would choose nothing, silently."""
    unknown = [name for name in job.only if name not in errors]
    if unknown:
        raise ConfigError(
            f"--only {quoted_list(unknown)}: no object ended with that error; those there are: "
            f"{', '.join(sorted(errors)) or 'none'}"
        )


def _left_of(max_cost_usd: float | None, spent_usd: float) -> float | None:
    return None if max_cost_usd is None else max(max_cost_usd - spent_usd, 0.0)


def _drive(window: Window, todos: Todos, lease: HeldLease, show: Any) -> None:
    """Make the objects in a thread with an event loop; this thread waits, and hears of signals.

    Prefect handles SIGTERM in the main thread alone, for each of its flow runs; in another thread
    the objects' runs leave that to this one.

    Raises:
        KeyboardInterrupt, TerminationSignal: the run was told to stop; the objects at hand have
            ended the stages they were in.
    """
    context = contextvars.copy_context()
    with (
        closing(todos),
        ThreadPoolExecutor(1, thread_name_prefix="dataset") as thread,
    ):
        future = thread.submit(context.run, asyncio.run, window.make_all(todos))
        try:
            _wait(future, show)
        except (KeyboardInterrupt, TerminationSignal):
            window.stop()
            lease.stopping()
            raise


def _wait(future: Future[None], show: Any) -> None:
    while True:
        try:
            future.result(timeout=_SHOWN_EVERY_S)
        except NotYet:
            if future.done():
                raise
            show()
        else:
            return
