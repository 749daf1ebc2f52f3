"""Scoring one object under one protocol as a Prefect task."""

from concurrent.futures import Executor
from contextvars import ContextVar

from prefect import task

from evaluation.dataset_scoring import LookOptions, ScoreInputs, score_files
from evaluation.protocol import Protocol
from evaluation.rows import ObjectScore
from mmpart_core.records import Record
from tasks._caching import raise_if_unreadable
from tasks._options import stage_options

# Where the work is done; None for this process. A live pool is no parameter of a task.
scoring_pool: ContextVar[Executor | None] = ContextVar("mmpart_scoring_pool", default=None)


class ScoreWork(Record):
    """One object under one protocol.

    Attributes:
        key: from ``dataset_scoring.score_key``.
        inputs: where truth and prediction lie.
        digest: of both, from ``dataset_scoring.fingerprint``.
        protocol: how to score.
        look: renders to compare; None for none.
    """

    key: str
    inputs: ScoreInputs
    digest: str
    protocol: Protocol
    look: LookOptions | None

    @property
    def label(self) -> str:
        """What to call it in the Prefect UI."""
        return f"{self.inputs.object_id} {self.protocol.name}"


@task(**stage_options("score"))
def score_object(work: ScoreWork) -> ObjectScore:
    """Score one object, in a process of the flow's pool where there is one.

    Raises:
        InputError: the truth cannot be read, or files changed meanwhile.
        StorageError: the cache could not be read.
    """
    raise_if_unreadable(work.key)
    arguments = (work.inputs, work.digest, work.protocol, work.look)
    pool = scoring_pool.get()
    if pool is None:
        return score_files(*arguments)
    return pool.submit(score_files, *arguments).result()
