"""Asks hosted models for the plans and parts of many objects in a few batches.

Work is run against an answer book that awaits: each piece of work gets as far as its next
unanswered request. All these requests are one batch; when it is done, the same is repeated, so that
an answer that was rejected is asked for again in the next one. Nothing of this work is kept but the
answers: the run that follows, within ``answering``, finds them in place of its calls, makes
what was not answered as single calls, and does its accounts as always.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Any

from mmpart_core import backends, stages
from mmpart_core.config import PipelineConfig
from mmpart_core.errors import AwaitedAnswerError, ConfigError, MMPartError
from mmpart_core.hosted.answer_book import (
    AnswerBook,
    AnswerCost,
    BatchRequest,
    answering,
    edition_of_answers,
)
from mmpart_core.hosted.batches import BatchDesk
from mmpart_core.hosted.settings import hosted_models
from mmpart_core.hosted.spending import Account, spending
from mmpart_core.records import ObjectRequest, PartPlan, Record, StageName
from mmpart_core.storage.blob_store import BlobStore


@dataclass(frozen=True)
class ObjectWork:
    """An object whose plan and parts are to be asked for.

    Attributes:
        request: image and components; the image is in the store.
        config: back-ends and settings.
        seed: as the run that follows has it.
        plan: an approved plan, where the run has one.
        edition: of the answers, see ``edition_of_answers``; as the run that follows has it.
    """

    request: ObjectRequest
    config: PipelineConfig
    seed: int = 0
    plan: PartPlan | None = None
    edition: str = ""


@dataclass(frozen=True)
class BatchSummary:
    """What was asked for.

    Attributes:
        rounds: how many times batches were sent or waited for.
        requests: how many requests were in them.
        unanswered: how many of these have no answer; the run that follows makes them as calls.
        unsent: how many were left out because they could pass the budget.
        held: by id, what answers cost that are there, or may cost that may come yet; set aside
            in the account until the run that follows has used them.
    """

    rounds: int = 0
    requests: int = 0
    unanswered: int = 0
    unsent: int = 0
    held: Mapping[str, AnswerCost] = field(default_factory=dict[str, AnswerCost])


def no_record(_key: str) -> Record | None:
    """Where nothing was made before."""
    return None


def never_stopped() -> bool:
    """Where nothing ends the wait."""
    return False


def prefetch_answers(
    objects: Sequence[ObjectWork],
    store: BlobStore,
    desk: BatchDesk,
    *,
    known: Callable[[str], Record | None] = no_record,
    rounds: int = 4,
    account: Account | None = None,
    is_stopped: Callable[[], bool] = never_stopped,
) -> BatchSummary:
    """Get the answers that planning and isolating objects need, in batches at half the price.

    What fails for good is left to the run that follows, which finds the same and says so.

    Args:
        objects: what to ask for.
        store: where artifacts live.
        desk: sends and keeps; its ``find`` is what the run that follows looks answers up with.
        known: the finished record of a piece of work by its key; nothing is asked for it.
        rounds: how many batches one piece of work may need; a rejected answer takes another.
            Rounds that the budget split are one.
        account: of the run that follows; bounds all batches together. What could pass it waits
            until earlier answers, which mostly cost less than they may, have come; or is not sent.
        is_stopped: asked between pieces of work.

    Raises:
        ConfigError, BackendError: a back-end or a server cannot be used, or refused a batch.
        StorageError: the store cannot be used.
        CancelledError: it was stopped.
    """
    purse = _Purse(account or Account())
    return _Asking(store, desk, known, purse, is_stopped).ask(objects, rounds)


class _Purse:
    """Money set aside in an account for answers: what each cost, or may cost.

    Args:
        account: where it is set aside.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._held: dict[str, AnswerCost] = {}

    def admit(self, requests: Sequence[BatchRequest]) -> list[BatchRequest]:
        """The requests that the account allows, in order; the most they may cost is set aside.

        What costs nobody knows how much is not allowed, as for single calls.
        """
        admitted: list[BatchRequest] = []
        for request in requests:
            left = self._account.left_usd
            if left is not None and (request.most_usd is None or request.most_usd > left):
                break
            self.hold(request.custom_id, AnswerCost(request.piece, request.most_usd or 0.0))
            admitted.append(request)
        return admitted

    def hold(self, custom_id: str, cost: AnswerCost) -> None:
        """Set so much aside for an answer, in place of what was."""
        before = self._held.get(custom_id)
        change = cost.usd - (before.usd if before else 0.0)
        if change > 0:
            self._account.hold(change)
        else:
            self._account.release(-change)
        self._held[custom_id] = cost

    def settled(self, lost: Iterable[str]) -> dict[str, AnswerCost]:
        """All that is set aside, once what will not come has been given back."""
        for custom_id in lost:
            self.hold(custom_id, AnswerCost("", 0.0))
        return {custom_id: cost for custom_id, cost in self._held.items() if cost.usd > 0.0}


class _Asking:
    """Runs work against the answers that are there; what ended, well or not, is not run again.

    Args:
        store: where artifacts live.
        desk: where answers are.
        known: finished records by key.
        purse: for what answers cost.
        is_stopped: asked between pieces of work.
    """

    def __init__(
        self,
        store: BlobStore,
        desk: BatchDesk,
        known: Callable[[str], Record | None],
        purse: _Purse,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._store = store
        self._desk = desk
        self._known = known
        self._is_stopped = is_stopped
        self._ended: dict[tuple[str, str], Record | None] = {}
        self._purse = purse
        self._sent: set[str] = set()

    def ask(self, objects: Sequence[ObjectWork], rounds: int) -> BatchSummary:
        """Send what work awaits and wait for it, round after round; see ``prefetch_answers``."""
        done = full = unsent = 0
        while full < rounds:
            wanted = self._awaited(objects)
            admitted = self._purse.admit(wanted)
            unsent = len(wanted) - len(admitted)
            if not admitted:
                break
            self._sent |= {each.custom_id for each in admitted}
            full += int(not unsent)
            batches = self._desk.send(admitted)
            del wanted, admitted  # their pictures are not needed while they are waited for
            self._desk.wait(batches)
            done += 1
        lost = {each for each in self._sent if self._desk.find(each) is None}
        return BatchSummary(done, len(self._sent), len(lost), unsent, self._purse.settled(lost))

    def _awaited(self, objects: Iterable[ObjectWork]) -> list[BatchRequest]:
        """The requests that work stops for and that were not sent here."""
        with answering(AnswerBook(self._desk.find, awaits=True)) as book, spending(apart=True):
            for work in objects:
                with edition_of_answers(work.edition):
                    self._run(work)
        for custom_id, cost in book.used.items():
            self._purse.hold(custom_id, cost)
        return [each for name, each in book.awaited.items() if name not in self._sent]

    def _run(self, work: ObjectWork) -> None:
        plan = work.plan or self._finished(work, "plan", {"request": work.request})
        if not isinstance(plan, PartPlan) or not _is_hosted(work.config, "isolate"):
            return
        for prompt in plan.prompts:
            self._finished(work, "isolate", {"image": work.request.image, "prompt": prompt})

    def _finished(
        self, work: ObjectWork, stage: StageName, inputs: dict[str, Any]
    ) -> Record | None:
        """The record of a piece of work; None where it awaits an answer, or failed."""
        if self._is_stopped():
            raise CancelledError
        choice = work.config.choice(stage)
        key = stages.work_key(stage, inputs, choice, work.seed)
        place = (work.edition, key)
        if place not in self._ended:
            try:
                made = self._known(key) or stages.run_stage(
                    stage, inputs, choice, self._store, work.seed, key=key
                )
                self._ended[place] = made
            except AwaitedAnswerError:
                return None
            except ConfigError:
                raise
            except MMPartError:  # the run that follows fails like this, and says why
                self._ended[place] = None
        return self._ended[place]


def _is_hosted(config: PipelineConfig, stage: StageName) -> bool:
    choice = config.choice(stage)
    return bool(hosted_models(backends.check_settings(stage, choice.kind, choice.settings)))
