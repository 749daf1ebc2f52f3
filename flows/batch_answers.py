"""Plans and parts of an evaluation's objects, asked for in batches at half the price."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

from evaluation.dataset_scoring import opened_dataset
from flows.batch_rounds import HeldMoney, prepare_keys, summary_line
from flows.drawn_objects import draw_object
from flows.evaluation_job import EvaluationJob
from flows.evaluation_progress import evaluation_listener
from mmpart_core.batch_rounds import ObjectWork, prefetch_answers
from mmpart_core.errors import InputError
from mmpart_core.hosted.answer_book import AnswerBook, answering
from mmpart_core.hosted.batches import BatchDesk, Patience
from mmpart_core.hosted.spending import current_account
from mmpart_core.storage.fsspec_store import FsspecStore
from mmpart_core.storage.opening import open_store
from tasks._caching import stored_record


@contextmanager
def batch_answers(job: EvaluationJob) -> Generator[None]:
    """Within: what hosted models answered in batches takes the place of calls.

    Before, all objects' plans and then their parts are asked for, and waited for; what has no
    answer then is a call like any other. Nothing happens where the job wants no batches.

    Raises:
        ConfigError: a back-end or a server cannot be used at all.
        BackendError: a server refused a batch, or gave no answer for too long; the same job goes on
            waiting.
        StorageError: the store cannot be used.
    """
    if job.batch_poll_s is None:
        yield
        return
    store = open_store(job.store)
    news = evaluation_listener.get()
    desk = BatchDesk(store, Patience(poll_s=job.batch_poll_s), news.said)
    held = HeldMoney(current_account())
    summary = prefetch_answers(
        list(_works(job, store)),
        store,
        desk,
        known=lambda key: stored_record(store, key),
        account=held.account,
    )
    held.add(summary)
    news.said(summary_line(summary))
    with answering(AnswerBook(desk.find, awaits=False, watcher=held)):
        yield


def _works(job: EvaluationJob, store: FsspecStore) -> Iterator[ObjectWork]:
    """The objects of all rounds that are made here; those that cannot be drawn are told later."""
    dataset = opened_dataset(job.dataset, job.layout)
    rounds = [each.generation for each in job.rounds if each.generation is not None]
    for made in rounds:
        prepare_keys(made.config)
    for object_id in job.object_ids:
        for made in rounds:
            try:
                request = draw_object(dataset.load(object_id), made, store)
            except InputError:
                continue
            yield ObjectWork(request, made.config, made.seed)
