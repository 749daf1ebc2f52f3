"""Processes that are killed, batches that meet, clocks that differ: with the real command."""

import signal
import time
from collections.abc import Callable

import pytest

from flows.dataset_attempts import MAX_DEATHS
from mmpart_core.errors import ProcessKilledError
from tests.faults.conftest import PrefectServer
from tests.faults.trial import OBJECTS, Trial, works_of

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.long,
    pytest.mark.timeout(1800),
]
Outputs = dict[str, bytes | None]
OTHER_MACHINE = """
import socket, time
real = time.time
time.time = lambda: real() + {ahead_s}
socket.gethostname = lambda: "elsewhere"
"""


def test_a_killed_run_is_resumed(trial_of: Callable[..., Trial], undisturbed: Outputs) -> None:
    trial = trial_of()
    trial.fault("reconstruct", "sleep:0.3")
    process = trial.start()
    trial.wait_for("reconstruct", 14)
    process.kill()
    trial.ended(process)
    in_hand = [
        file.name.removesuffix(".json") for file in trial.job.place.files_in("state/attempts")
    ]
    assert 0 < len(in_hand) <= trial.job.concurrency
    begun = trial.calls()
    status, said = trial.ended(trial.start())
    assert status == 0, said
    twice = {work for work, count in trial.calls().items() if count > 1}
    most = trial.job.concurrency * 2  # as many stages are under way at once
    assert len(twice) <= most
    assert twice <= set(begun) & {work for name in in_hand for work in works_of(name)}
    trial.assert_sound(undisturbed, again=twice)


def test_the_prefect_server_is_killed_and_comes_back(
    trial_of: Callable[..., Trial], undisturbed: Outputs, prefect: PrefectServer
) -> None:
    trial = trial_of()
    trial.fault("reconstruct", "sleep:0.3")
    process = trial.start()
    trial.wait_for("reconstruct", 10)
    prefect.kill()
    time.sleep(2.0)
    prefect.start()
    status, said = trial.ended(process, timeout_s=900.0)
    if status:  # it may go on or break off, with one line that says so
        assert "Prefect's server cannot be reached any more" in said, said
        status, said = trial.ended(trial.start(), timeout_s=900.0)
    assert status == 0, said
    trial.assert_sound(undisturbed)


def test_the_prefect_server_stays_away_for_the_rest_of_a_run(
    trial_of: Callable[..., Trial], undisturbed: Outputs, prefect: PrefectServer
) -> None:
    trial = trial_of(objects=OBJECTS[:4], environment={"PREFECT_CLIENT_MAX_RETRIES": "1"})
    trial.fault("reconstruct", "sleep:0.3")
    process = trial.start()
    trial.wait_for("reconstruct", 3)
    prefect.kill()
    status, said = trial.ended(process, timeout_s=900.0)
    prefect.start()
    assert status in (0, 1), said
    status, said = trial.ended(trial.start(), timeout_s=900.0)
    assert status == 0, said
    trial.assert_sound(undisturbed)


def test_an_object_that_kills_its_process_ends_as_a_failure(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of()
    trial.fault("isolate c1-", "kill")
    statuses: list[int] = []
    while not statuses or statuses[-1] == -signal.SIGKILL:
        assert len(statuses) <= MAX_DEATHS, statuses
        status, said = trial.ended(trial.start())
        statuses.append(status)
    assert statuses[-1] == 3, said
    assert ProcessKilledError.__name__ in said
    assert trial.calls()["isolate c1-"] == MAX_DEATHS
    twice = {work for work, count in trial.calls().items() if count > 1}
    assert {work.split()[1][0] for work in twice} <= set(OBJECTS[:5])  # were beside it
    trial.assert_sound(undisturbed, again=twice, states={"c": "failed"})


def test_two_identical_batches_at_once(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:6])
    trial.fault("reconstruct", "sleep:0.3")
    both = [trial.start(), trial.start()]
    ends = sorted(trial.ended(process) for process in both)
    (won, _), (refused, said) = ends
    assert (won, refused in (1, 2)) == (0, True), ends
    assert "another batch writes there" in said
    trial.assert_sound(undisturbed)


def test_a_clock_that_is_ahead_lets_nobody_in_and_keeps_nobody_out(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:6])
    trial.fault("reconstruct", "sleep:4")
    ahead = trial.start(bootstrap=OTHER_MACHINE.format(ahead_s=3600))
    trial.wait_for("reconstruct", 2)
    status, said = trial.ended(trial.start())
    assert status in (1, 2), said
    assert "another batch writes there" in said
    ahead.kill()
    trial.ended(ahead)
    trial.fault("reconstruct", "")
    begun = trial.calls()
    status, said = trial.ended(trial.start())
    assert status == 0, said
    trial.assert_sound(undisturbed, again=begun)


def test_a_clock_that_is_behind_takes_nothing_over(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:6])
    trial.fault("reconstruct", "sleep:4")
    behind = trial.start(bootstrap=OTHER_MACHINE.format(ahead_s=-3600))
    trial.wait_for("reconstruct", 2)
    status, said = trial.ended(trial.start())
    assert status in (1, 2), said
    assert "another batch writes there" in said
    trial.fault("reconstruct", "")
    status, said = trial.ended(behind)
    assert status == 0, said
    trial.assert_sound(undisturbed)
