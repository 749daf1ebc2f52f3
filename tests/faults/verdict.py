"""What became of a disturbed data set, in objects, work, bytes, states and files."""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.events.worker import EventsWorker

from flows.dataset_table import load_outcomes
from mmpart_core import pipeline
from mmpart_core.backends import STAGES
from mmpart_core.config import PipelineConfig, validate_config
from mmpart_core.intake.components import parse_part
from mmpart_core.intake.request import build_request
from mmpart_core.storage.memory_store import MemoryStore
from mmpart_core.storage.opening import open_store
from mmpart_core.storage.store_files import StoreFiles
from mmpart_core.storage.whole_files import TEMPORARY_PREFIX
from tests.faults.trial import JOURNAL, OBJECTS, Trial, parts_of, picture_of

UNENDED = {"type": {"any_": ["RUNNING", "PENDING", "SCHEDULED", "CANCELLING"]}}
# The type of state that an object's flow run ends in, by the object's outcome.
STATE_TYPES = {"made": "COMPLETED", "incomplete": "COMPLETED", "failed": "FAILED"}
HEARD_S = 60.0


def true_outputs(stages: Mapping[str, Any] | None = None) -> dict[str, bytes]:
    """The file of each object, as the pipeline makes it in one process, without any flow.

    No trial's journal tells of it.

    Args:
        stages: back-ends in the place of ``noop``.
    """
    noop: dict[str, Any] = {stage: {"kind": "noop"} for stage in STAGES}
    config = validate_config({**noop, **(stages or {})}, "noop")
    with patch.dict(os.environ):
        os.environ.pop(JOURNAL, None)
        return {name: _true_output(name, config) for name in OBJECTS}


def _true_output(name: str, config: PipelineConfig) -> bytes:
    store = MemoryStore()
    parts = [parse_part(part) for part in parts_of(name)]
    request = build_request(picture_of(name), parts, store=store, name=name)
    assembled = pipeline.generate_object(request, config, store, seed=0).assembled
    if assembled is None:
        raise RuntimeError(f"object {name} was not made")
    return store.get(assembled.glb)


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a data set after its last run; all empty where nothing is.

    Attributes:
        outcomes: how many outcomes each object has.
        states: the outcome of each object.
        lost: work of objects that were made which nobody ever began.
        repeated: work that was in hand when something went wrong, and was begun again.
        paid_twice: work that was begun again without that: it was finished, or nothing went wrong.
        differing: objects that were made whose file is not the true one.
        untrue: runs in Prefect that go on, or whose end is not the object's outcome.
        leftovers: temporary files, probes and notes of work under way.
    """

    outcomes: dict[str, int]
    states: dict[str, str]
    lost: list[str]
    repeated: list[str]
    paid_twice: list[str]
    differing: list[str]
    untrue: list[str]
    leftovers: list[str]


def judge(
    trial: Trial, truth: Mapping[str, bytes] | None = None, again: Collection[str] = ()
) -> Verdict:
    """Look at everything that a trial left.

    Args:
        trial: its last run has ended.
        truth: from ``true_outputs``; None where the bytes are not those.
        again: work that was to be begun again although it was finished.
    """
    table = load_outcomes(trial.job.place).to_pandas()
    objects = table[table["component"].isna()]
    states = dict(zip(objects["object"], objects["state"], strict=True))
    made = [name for name, state in states.items() if state == "made"]
    calls = trial.calls()
    twice = {work for work, count in calls.items() if count > 1}
    excused = set(again).union(*(mark.in_hand for mark in trial.marks))
    paid = twice - excused
    for mark in trial.marks:
        redone = {work for work in mark.finished if calls[work] > mark.calls[work]}
        paid |= redone - set(again)
    outputs = trial.outputs()
    return Verdict(
        outcomes={name: int((objects["object"] == name).sum()) for name in trial.objects},
        states=states,
        lost=trial.never_begun(made),
        repeated=sorted(twice - paid - set(again)),
        paid_twice=sorted(paid),
        differing=[name for name in made if truth is not None and outputs[name] != truth[name]],
        untrue=untrue_runs(zip(objects["object"], objects["state"], objects["flow_run"],
                               strict=True)),
        leftovers=leftovers(trial),
    )  # fmt: skip


def assert_sound(
    trial: Trial,
    truth: Mapping[str, bytes] | None,
    *,
    again: Collection[str] = (),
    states: Mapping[str, str] | None = None,
    unheard: bool = False,
) -> Verdict:
    """One true outcome for each object, nothing finished done twice, the right bytes, nothing left.

    Args:
        trial: its last run has ended.
        truth: from ``true_outputs``; None where the bytes are not those.
        again: work that had to be begun again although it was finished, all of it.
        states: of objects that were not made.
        unheard: Prefect's server was away: it may know runs as crashed whose end it never heard of.
    """
    verdict = judge(trial, truth, again)
    expected = dict.fromkeys(trial.objects, "made") | dict(states or {})
    calls = trial.calls()
    wrong = {
        "outcomes": {name: n for name, n in verdict.outcomes.items() if n != 1},
        "states": set(verdict.states.items()) ^ set(expected.items()),
        "lost": verdict.lost,
        "paid twice": verdict.paid_twice,
        "not begun again": [work for work in again if calls[work] < 2],
        "differing": verdict.differing,
        "untrue": [each for each in verdict.untrue if not (unheard and each.endswith("CRASHED"))],
        "left over": verdict.leftovers,
    }
    found = {name: each for name, each in wrong.items() if each}
    if found:
        raise AssertionError(str(found))
    return verdict


def leftovers(trial: Trial) -> list[str]:
    """Temporary files, probes and notes of work under way that nobody took away."""
    return [
        f"{place.url}/{path}"
        for place in (open_store(str(trial.job.store)), trial.job.place)
        for path in _all_files(place)
        if path.startswith(("probes/", "state/attempts/"))
        or path.rpartition("/")[2].startswith(TEMPORARY_PREFIX)
    ]


def _all_files(place: StoreFiles, folder: str = "") -> Iterator[str]:
    yield from (file.path for file in place.files_in(folder))
    for name in place.folder_names(folder):
        yield from _all_files(place, f"{folder}/{name}".lstrip("/"))


def untrue_runs(objects: Iterable[tuple[str, str, Any]]) -> list[str]:
    """Runs that the server believes to go on, and objects whose run ended in another state.

    Args:
        objects: name, outcome and flow run of each object.
    """
    EventsWorker.drain_all(timeout=10)
    with get_client(sync_client=True) as client:
        found = _unended(client)
        for name, outcome, flow_run in objects:
            if not isinstance(flow_run, str):  # it was never begun in the last run
                continue
            state = client.read_flow_run(UUID(flow_run)).state_type
            told = state.value if state else "none"
            if told != STATE_TYPES[outcome]:
                found.append(f"object {name} {outcome}: {told}")
    return found


def _unended(client: SyncPrefectClient) -> list[str]:
    """Runs that go on, once the server had time to hear of their end."""
    tasks = TaskRunFilter.model_validate({"state": UNENDED})
    flows = FlowRunFilter.model_validate({"state": UNENDED})
    deadline = time.monotonic() + HEARD_S
    while True:
        runs = [
            *client.read_task_runs(task_run_filter=tasks),
            *client.read_flow_runs(flow_run_filter=flows),
        ]
        if not runs or time.monotonic() > deadline:
            return sorted(f"{run.name}: {run.state_name}" for run in runs)
        time.sleep(0.2)
