"""Parts that fail, a store in which something is gone or spoiled, a new version in the middle."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mmpart_core.errors import BackendError
from tests.faults.trial import OBJECTS, PARTS, Trial

pytestmark = [pytest.mark.xdist_group("faults")]
Outputs = dict[str, bytes | None]


def test_parts_that_always_fail_are_outcomes_and_nothing_else_is_touched(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of()
    failing = ["reconstruct b2-", *(f"isolate k{part[:2]}" for part in PARTS)]
    for work in failing:
        trial.fault(work, "fail")
    tally = trial.run()
    trial.assert_sound(undisturbed, states={"b": "incomplete", "k": "failed"})
    assert tally.reasons == {BackendError.__name__: 2}
    before = trial.calls()
    assert trial.run().kept == len(OBJECTS)  # a plain second run leaves them alone
    assert trial.calls() == before
    for work in failing:
        trial.fault(work, "")
    assert trial.run(retry_failed=True).complete
    trial.assert_sound(undisturbed, again={*failing, "assemble b"})


def spoil(store: Path) -> Counter[str]:
    """Spoil a store in three ways; the stages whose work is lost."""
    fields = [path for path in store.glob("blobs/*/*") if path.read_bytes()[8:].startswith(b"{")]
    glbs = [path for path in store.glob("blobs/*/*") if path.read_bytes().startswith(b"glTF")]
    records = {
        stage: sorted(store.glob(f"records/{stage}/*.json")) for stage in ("mesh", "multiview")
    }
    named = [
        path for path in glbs if any(path.name in each.read_text() for each in records["mesh"])
    ]
    sorted(fields)[0].unlink()
    altered = bytearray(sorted(named)[0].read_bytes())
    altered[-1] ^= 1
    sorted(named)[0].write_bytes(altered)
    truncated = records["multiview"][0]
    truncated.write_bytes(truncated.read_bytes()[:-20])
    return Counter({"reconstruct": 1, "mesh": 1, "multiview": 1})


def test_what_is_gone_or_spoiled_is_made_again_and_nothing_else(
    trial_of: Callable[..., Trial], undisturbed: Outputs
) -> None:
    trial = trial_of(objects=OBJECTS[:5])
    assert trial.run(limit=4).complete
    before = trial.calls()
    for path in Path(trial.job.output).glob("objects/*/object.glb"):
        path.unlink()  # so that every object is looked at again
    lost = spoil(Path(str(trial.job.store)))
    assert trial.run().complete
    again = trial.calls() - before
    stages = Counter(
        work.split()[0] for work in again.elements() if work.split()[1][0] != OBJECTS[4]
    )
    assert stages == lost
    trial.assert_sound(undisturbed, again=set(before))


def test_a_new_version_in_the_middle_makes_only_its_stage_again(
    trial_of: Callable[..., Trial], undisturbed: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = trial_of(objects=OBJECTS[:5])
    assert trial.run(limit=2).complete
    import mmpart_noop.mesh as noop  # pyright: ignore[reportMissingImports]

    extractor: Any = noop.NoopExtractor
    monkeypatch.setattr(extractor, "VERSION", "2")
    tally = trial.run()
    assert tally.complete
    assert tally.kept == 0  # they are another version's
    redone = {f"mesh {name}{part[:2]}" for name in OBJECTS[:2] for part in PARTS}
    redone |= {f"assemble {name}" for name in OBJECTS[:2]}
    assert {work for work, count in trial.calls().items() if count == 2} >= {
        work for work in redone if work.startswith("mesh")
    }
    trial.assert_sound(undisturbed, again=redone)
