"""Parts that fail, a store in which something is gone or spoiled, a new version in the middle."""

from collections.abc import Callable

import pytest

from mmpart_core.errors import BackendError
from tests.faults import disturbances, store_disturbances
from tests.faults.trial import OBJECTS, PARTS, Trial
from tests.faults.verdict import assert_sound

pytestmark = [pytest.mark.xdist_group("faults")]
Outputs = dict[str, bytes]


def test_parts_that_always_fail_are_outcomes_and_nothing_else_is_touched(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of()
    failing = ["reconstruct b2-", *(f"isolate k{part[:2]}" for part in PARTS)]
    for work in failing:
        trial.fault(work, "fail")
    tally = trial.run()
    assert_sound(trial, undisturbed, states={"b": "incomplete", "k": "failed"})
    assert tally.reasons == {BackendError.__name__: 2}
    before = trial.calls()
    assert trial.run().kept == len(OBJECTS)  # a plain second run leaves them alone
    assert trial.calls() == before
    for work in failing:
        trial.fault(work, "")
    assert trial.run(retry_failed=True).complete
    assert_sound(trial, undisturbed, again={*failing, "assemble b"})


def test_what_is_gone_or_spoiled_is_made_again_and_nothing_else(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:5])
    assert trial.run(limit=4).complete
    before = trial.calls()
    lost = {"gone": "reconstruct", "altered": "mesh", "truncated": "multiview"}
    for how in lost:
        store_disturbances.spoil(trial, how)
    assert trial.run().complete
    again = set((trial.calls() - before).keys()) & set(before)
    assert sorted(work.split()[0] for work in again) == sorted(lost.values())
    assert_sound(trial, undisturbed, again=again)


@pytest.mark.long
def test_what_is_gone_before_its_object_is_assembled_is_made_again_when_asked(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:4])
    lost = store_disturbances.lose_mesh_at_work(trial)
    assert_sound(trial, undisturbed, again=lost)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_redeployment_in_the_middle_ends_with_the_new_version_alone(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:6])
    older = disturbances.redeploy(trial)
    assert older
    assert assert_sound(trial, undisturbed, again=older).repeated == []


@pytest.mark.long
def test_a_new_version_in_the_middle_makes_only_its_stage_again(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:5])
    assert trial.run(limit=2).complete
    with disturbances.newer_meshes():
        tally = trial.run()
    assert tally.complete
    assert tally.kept == 0  # they are another version's
    redone = {f"mesh {name}{part[:2]}" for name in OBJECTS[:2] for part in PARTS}
    redone |= {f"assemble {name}" for name in OBJECTS[:2]}
    twice = {work for work, count in trial.calls().items() if count == 2}
    assert {work for work in redone if work.startswith("mesh")} <= twice <= redone
    assert_sound(trial, undisturbed, again=twice)
