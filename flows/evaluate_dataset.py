"""A data set -> score rows and a report; predictions are found, or made first."""

import contextvars
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

from evaluation.dataset_scoring import (
    ScoreInputs,
    fingerprint,
    load_pair,
    score_key,
    unscored_row,
    with_cost,
)
from evaluation.objects import GroundTruthObject, Prediction
from evaluation.protocol import Protocol
from evaluation.reporting.report import ReportOptions, write_report
from evaluation.rows import ObjectScore, ScoreRow
from flows.batch_answers import batch_answers
from flows.evaluation_facts import report_command, write_run_file
from flows.evaluation_job import EvaluationJob, Round, describe_job
from flows.evaluation_progress import evaluation_listener
from flows.generate_truth import generate_prediction, label_of_step
from flows.stage_runner import CACHED
from flows.threaded_flow import threaded_flow
from mmpart_core.errors import StorageError
from mmpart_core.hosted.spending import spending
from tasks._caching import VerifiedRecords, verified_results
from tasks._score_pool import opened_pool
from tasks.score import ScoreWork, score_object, scoring_pool


@dataclass(frozen=True)
class RoundScores:
    """What came of one round.

    Attributes:
        rows: in the order of the objects.
        faults: why there is nothing to score of an object that could not be made, by its id.
    """

    rows: list[ScoreRow]
    faults: Mapping[str, str]


@threaded_flow("evaluate-dataset", "{job.dataset_name}")
def evaluate_dataset(job: EvaluationJob) -> list[ScoreRow]:
    """Score all objects, and write the report.

    An object that cannot be made, found or scored is a row that says so; the others go on. What
    was made or scored before, by whichever run on this store, is not done again.

    Args:
        job: with one round.

    Returns:
        All rows, in the order of the objects.

    Raises:
        StorageError: the store or a folder cannot be used.
        ConfigError: a back-end cannot be used at all, or no Dask scheduler answers.
    """
    chosen = job.rounds[0]
    scored = score_rounds(job)[0]
    write_run_file(job)
    options = ReportOptions(
        title=f"Evaluation of {job.dataset_name}",
        command=report_command.get(),
        notes=describe_job(job),
        load_pair=pair_loader(job, chosen, scored.faults) if job.pictures else None,
    )
    write_report(Path(job.report), scored.rows, options)
    return scored.rows


def score_rounds(job: EvaluationJob) -> list[RoundScores]:
    """What comes of each round; objects go through all rounds in turn, scoring runs beside.

    Called inside a flow.

    Raises:
        StorageError, ConfigError: as the flows say.
    """
    evaluation_listener.get().begun(len(job.object_ids) * len(job.rounds))
    stopped = Event()
    with (
        spending(job.max_cost_usd),
        batch_answers(job),
        verified_results(job.store) as records,
        opened_pool(job.pool_kind(), job.workers, job.scheduler) as pool,
        ThreadPoolExecutor(_threads(job), thread_name_prefix="score") as threads,
    ):
        token = scoring_pool.set(pool)
        futures: list[list[Future[list[ScoreRow]]]] = [[] for _ in job.rounds]
        faults: list[dict[str, str]] = [{} for _ in job.rounds]
        try:
            for object_id in job.object_ids:
                for index, chosen in enumerate(job.rounds):
                    fault = generate_prediction(job, chosen, object_id)
                    if fault is not None:
                        faults[index][object_id] = fault
                    step = partial(_score, job, chosen, object_id, fault, records, stopped)
                    futures[index].append(_submitted(threads, step))
            return [
                RoundScores([row for done in each for row in done.result()], known)
                for each, known in zip(futures, faults, strict=True)
            ]
        finally:
            stopped.set()
            scoring_pool.reset(token)


def pair_loader(
    job: EvaluationJob, chosen: Round, faults: Mapping[str, str]
) -> Callable[[str, str], tuple[GroundTruthObject, Prediction | None]]:
    """Gives both sides of an object, for the report's pictures.

    Args:
        job: what was scored.
        chosen: the round to show.
        faults: why objects were not made, by id: what lies in the folder of one of these is an
            earlier run's, and is not shown.
    """

    def load(_dataset: str, object_id: str) -> tuple[GroundTruthObject, Prediction | None]:
        return load_pair(job.inputs(chosen, object_id, faults.get(object_id)))

    return load


def _threads(job: EvaluationJob) -> int:
    """Threads that wait for scores: one where they are computed in this process."""
    kind = job.pool_kind()
    if kind == "here":
        return 1
    return 2 * job.workers if kind == "processes" else 8 * (os.cpu_count() or 1)


def _submitted(
    threads: ThreadPoolExecutor, step: Callable[[], list[ScoreRow]]
) -> Future[list[ScoreRow]]:
    return threads.submit(contextvars.copy_context().run, step)


def _score(
    job: EvaluationJob,
    chosen: Round,
    object_id: str,
    fault: str | None,
    records: VerifiedRecords,
    stopped: Event,
) -> list[ScoreRow]:
    """Rows of one object of one round under all protocols."""
    if stopped.is_set():
        return []
    inputs = job.inputs(chosen, object_id, fault)
    rows, cached = _rows_of(job, inputs, records)
    evaluation_listener.get().scored(label_of_step(chosen, object_id), rows, cached)
    return rows


def _rows_of(
    job: EvaluationJob, inputs: ScoreInputs, records: VerifiedRecords
) -> tuple[list[ScoreRow], bool]:
    try:
        mark = scoring_pool.get().run(fingerprint, inputs)
    except Exception as error:  # noqa: BLE001 - one object's failure never stops the others
        return _unscored(job, inputs.object_id, _in_words(error)), False
    if mark.fault is not None:
        return _unscored(job, inputs.object_id, mark.fault), False
    rows: list[ScoreRow] = []
    all_cached = True
    for protocol in job.protocols:
        work = ScoreWork(
            key=score_key(mark.digest, protocol, job.look),
            inputs=inputs, digest=mark.digest, protocol=protocol, look=job.look,
        )  # fmt: skip
        score, cached = _outcome(work, records)
        if isinstance(score, ObjectScore):
            rows += [with_cost(row, mark.cost) for row in score.rows]
        else:
            rows.append(_unscored_row(job, inputs.object_id, protocol, _in_words(score)))
        all_cached &= cached
    return rows, all_cached


def _outcome(work: ScoreWork, records: VerifiedRecords) -> tuple[ObjectScore | Exception, bool]:
    """The rows, or the error that scoring ended with; and whether they were stored before.

    Raises:
        StorageError: rows that could not be looked up or stored: the next run would silently
            compute them again.
    """
    future = score_object.submit(work=work)
    future.wait()
    state = future.state
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, StorageError):
        raise outcome
    cached = state.name == CACHED
    if state.is_completed() and not cached and not getattr(state.data, "is_persisted", False):
        reason = records.write_fault(work.key) or "the result storage gave no reason"
        raise StorageError(f"the score of {work.name} was not stored: {reason}")
    return outcome, cached


def _unscored(job: EvaluationJob, object_id: str, reason: str) -> list[ScoreRow]:
    return [_unscored_row(job, object_id, protocol, reason) for protocol in job.protocols]


def _unscored_row(job: EvaluationJob, object_id: str, protocol: Protocol, reason: str) -> ScoreRow:
    return unscored_row(job.dataset_name, object_id, protocol, reason)


def _in_words(error: Exception) -> str:
    return f"scoring failed: {type(error).__name__}: {error}"


def incomplete_objects(job: EvaluationJob, rows: Sequence[ScoreRow]) -> list[str]:
    """What a user must look at, a line each: objects that failed, were not scored, or lack parts.

    Missing parts count only where the objects were made here: other methods may cut differently.
    """
    lines: list[str] = []
    made_here = any(each.generation is not None for each in job.rounds)
    for row in rows:
        if row.level != "object":
            continue
        if row.state != "scored":
            lines.append(f"{row.object_id}: {row.state}: {row.reason}")
        elif made_here and row.missing:
            lines.append(f"{row.object_id}: not made: {', '.join(row.missing)}")
    return list(dict.fromkeys(lines))
