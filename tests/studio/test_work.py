"""Chosen tries in a run's inputs, what is kept of a run, and what redoing costs."""

import pytest

from flows.profiles import find_config
from mmpart_core.errors import ConfigError, InputError
from mmpart_core.records import ObjectResult
from mmpart_core.storage.fsspec_store import FsspecStore
from studio import work
from studio.estimating import redo_cost
from studio.library import ObjectLibrary
from studio.objects import Draft, KeptObject, Try
from tests.studio.conftest import failed_part, kept_lamp


def with_try(kept: KeptObject, name: str, new: Try, chosen: bool) -> KeptObject:
    tries = (*kept.tries[name], new)
    position = len(tries) - 1 if chosen else 0
    return kept.model_copy(
        update={"tries": {**kept.tries, name: tries}, "chosen": {**kept.chosen, name: position}}
    )


def test_only_the_chosen_try_changes_a_runs_inputs(store: FsspecStore):
    kept = kept_lamp(store)
    request, plan, seeds = work.run_inputs(kept)
    assert request == kept.request
    assert plan == kept.plan
    assert set(seeds.values()) == {0}
    new = Try(begun_at="plan", prompt="a brass stem", hidden="brass all along", seed=9)
    assert work.run_inputs(with_try(kept, "stem", new, chosen=False))[:2] == (request, plan)
    redone, replanned, seeds = work.run_inputs(with_try(kept, "stem", new, chosen=True))
    assert seeds == {"foot": 0, "stem": 9, "globe <b>": 0}
    assert [each.prompt for each in replanned.prompts][1] == "a brass stem"
    assert replanned.prompts[0] == plan.prompts[0]
    assert replanned.prompts[2] == plan.prompts[2]
    assert redone.components[1].hidden == "brass all along"


def result_without(result: ObjectResult, name: str) -> ObjectResult:
    parts = tuple(part for part in result.parts if part.component != name)
    return result.model_copy(update={"parts": parts, "failures": (failed_part(name),)})


def test_a_try_that_failed_leaves_the_object_as_it_was(store: FsspecStore):
    kept = kept_lamp(store)
    library = ObjectLibrary(store)
    assert kept.result is not None
    trial = with_try(kept, "stem", Try(prompt="no stem", seed=4), chosen=True)
    work.keep_redone(library, trial, "stem", result_without(kept.result, "stem"))
    after = library.load(kept.id)
    assert after is not None
    assert after.result == kept.result
    assert after.chosen["stem"] == 0
    first, second = after.tries["stem"]
    assert first.part is not None
    assert second.part is None
    assert second.failure == failed_part("stem")


def test_a_try_that_was_made_is_in_the_object(store: FsspecStore):
    kept = kept_lamp(store)
    library = ObjectLibrary(store)
    assert kept.result is not None
    trial = with_try(kept, "stem", Try(prompt="a stem", seed=4), chosen=True)
    work.keep_redone(library, trial, "stem", kept.result)
    after = library.load(kept.id)
    assert after is not None
    assert after.chosen["stem"] == 1
    assert after.tries["stem"][1].part == kept.result.parts[1]
    assert after.tries["foot"] == kept.tries["foot"]


def test_a_first_run_keeps_what_failed_at_its_part(store: FsspecStore):
    kept = kept_lamp(store)
    library = ObjectLibrary(store)
    assert kept.result is not None
    work.keep_result(library, kept.id, result_without(kept.result, "stem"))
    after = library.load(kept.id)
    assert after is not None
    assert after.result is not None
    assert not after.result.complete
    assert after.tries["stem"][0].failure == failed_part("stem")
    assert library.file(kept.id, "parts/stem.glb") is None
    assert library.file(kept.id, "parts/foot.glb") is not None


def test_what_cannot_be_run_says_what_to_do(store: FsspecStore):
    library = ObjectLibrary(store)
    kept = library.create(Draft(name="lamp"), b"", (1, 1))
    with pytest.raises(ConfigError, match="plan it first"):
        work.run_inputs(kept)
    store.delete_file(f"studio/uploads/{kept.id}")
    with pytest.raises(InputError, match="start a new object"):
        work.checked_job(library, kept)


def test_redoing_costs_what_its_back_ends_say():
    assert redo_cost(find_config("local"), "plan") == "nothing"
    hosted = find_config("openai")
    isolate, plan = (float(redo_cost(hosted, stage)[1:]) for stage in ("isolate", "plan"))
    assert 0 < isolate <= plan
