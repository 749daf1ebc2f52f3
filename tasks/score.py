"""Scoring one object under one protocol as a Prefect task."""

from contextvars import ContextVar

from prefect import task

from evaluation.dataset_scoring import LookOptions, ScoreInputs, score_files
from evaluation.protocol import Protocol
from evaluation.rows import ObjectScore
from mmpart_core.records import Record
from tasks._caching import raise_if_unreadable
from tasks._options import stage_options
from tasks._score_pool import ScoringHere, ScoringPool

# Where the work is done. A live pool is no parameter of a task.
_HERE = ScoringHere()
scoring_pool: ContextVar[ScoringPool] = ContextVar("mmpart_scoring_pool", default=_HERE)


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
    def name(self) -> str:
        """What to call it in the Prefect UI: ``robot/score mmpart``."""
        return f"{self.inputs.object_id}/score {self.protocol.name}"

    @property
    def tags(self) -> tuple[str, ...]:
        """What its task run can be filtered by."""
        return ("stage:score", f"protocol:{self.protocol.name}")


@task(**stage_options("score"))
def score_object(work: ScoreWork) -> ObjectScore:
    """Score one object wherever the flow has its scores computed.

    Raises:
        InputError: the truth cannot be read, or files changed meanwhile.
        StageError: the process that did it died.
        StorageError: the cache could not be read.
    """
    raise_if_unreadable(work.key)
    return scoring_pool.get().run(score_files, work.inputs, work.digest, work.protocol, work.look)
