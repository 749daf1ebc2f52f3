"""Processes that are killed, batches that meet, clocks that differ: with the real command."""

from collections.abc import Callable

import pytest

from flows.dataset_attempts import MAX_DEATHS
from mmpart_core.errors import ProcessKilledError
from tests.faults import disturbances
from tests.faults.servers import PrefectServer
from tests.faults.trial import OBJECTS, Trial
from tests.faults.verdict import assert_sound

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.long,
    pytest.mark.timeout(1800),
]
Outputs = dict[str, bytes]
REFUSED = "another batch writes there"


def test_a_killed_run_is_resumed(trial_of: Callable[..., Trial], undisturbed: Outputs) -> None:
    trial = trial_of()
    in_hand = disturbances.kill_flow(trial)
    assert 0 < len(in_hand) <= trial.job.concurrency
    verdict = assert_sound(trial, undisturbed)
    assert {work.split()[1][0] for work in verdict.repeated} <= set(in_hand)


def test_the_prefect_server_is_killed_and_comes_back(
    trial_of: Callable[..., Trial], undisturbed: Outputs, prefect: PrefectServer
) -> None:
    trial = trial_of()
    disturbances.kill_server(trial, prefect)
    assert assert_sound(trial, undisturbed, unheard=True).repeated == []


def test_the_prefect_server_stays_away_for_the_rest_of_a_run(
    trial_of: Callable[..., Trial], undisturbed: Outputs, prefect: PrefectServer
) -> None:
    trial = trial_of(objects=OBJECTS[:4])
    disturbances.kill_server_for_good(trial, prefect)
    assert assert_sound(trial, undisturbed, unheard=True).repeated == []


def test_an_object_that_kills_its_process_ends_as_a_failure(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of()
    said = disturbances.kill_by_image(trial, "isolate c1-")
    assert ProcessKilledError.__name__ in said
    assert trial.calls()["isolate c1-"] == MAX_DEATHS
    assert_sound(trial, undisturbed, states={"c": "failed"})


def test_two_identical_batches_at_once(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:6])
    assert REFUSED in disturbances.two_at_once(trial)
    assert assert_sound(trial, undisturbed).repeated == []


def test_a_clock_that_is_ahead_lets_nobody_in_and_keeps_nobody_out(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:6])
    assert REFUSED in disturbances.kill_ahead(trial, ahead_s=3600)
    assert_sound(trial, undisturbed)


def test_a_clock_that_is_behind_takes_nothing_over(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:6])
    assert REFUSED in disturbances.two_at_once(trial, ahead_s=-3600)
    assert assert_sound(trial, undisturbed).repeated == []
