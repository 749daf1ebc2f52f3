"""The flow: gives what the pipeline gives, part beside part, and says what failed."""

import json
from typing import Any

import pytest

from flows.generate_object import generate_object
from mmpart_core import pipeline
from mmpart_core.errors import MissingDependencyError
from mmpart_core.storage.opening import open_store
from tasks import _options

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]


def test_flow_is_pipeline(
    counting_config: Any, request_of: Any, store_url: str, without_cost: Any, changed: Any
) -> None:
    config = changed(counting_config, {"whole_object_views": True, "input_view": "always"})
    request = request_of()
    by_flow = generate_object(request, config, store_url, seed=3)
    by_pipeline = pipeline.generate_object(request, config, open_store(store_url), seed=3)
    assert by_pipeline.complete
    assert without_cost(by_flow) == without_cost(by_pipeline)
    assert generate_object(request, config, store_url, seed=3).parts == by_pipeline.parts


def test_failed_part_is_recorded_and_only_it_is_redone(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any
) -> None:
    journal.break_down("isolate", "hat")
    broken = generate_object(request_of(), counting_config, store_url)
    assert not broken.complete
    assert [part.component for part in broken.parts] == ["man"]
    assert [(f.component, f.stage, f.error) for f in broken.failures] == [
        ("hat", "isolate", "BackendError")
    ]
    assert "out of order" in broken.failures[0].message
    (failed,) = (run for run in broken.runs if run.failed)
    assert (failed.stage, failed.component, failed.cached) == ("isolate", "hat", False)
    assert failed.seconds > 0
    assert broken.assembled is not None
    assert len(broken.assembled.placements) == 1
    journal.reset()
    mended = generate_object(request_of(), counting_config, store_url)
    assert mended.complete
    assert failed.key in {run.key for run in mended.runs}
    assert ran(mended) == {
        "isolate:hat", "multiview:hat", "reconstruct:hat", "mesh:hat", "assemble:",
    }  # fmt: skip


def test_failure_midway_keeps_what_was_made(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any
) -> None:
    journal.break_down("assemble", "hat+man")
    broken = generate_object(request_of(), counting_config, store_url)
    assert broken.assembled is None
    assert [(f.component, f.stage) for f in broken.failures] == [(None, "assemble")]
    journal.reset()
    assert ran(generate_object(request_of(), counting_config, store_url)) == {"assemble:"}


def test_failed_plan_is_a_failure_of_the_object(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    journal.break_down("plan", "pair")
    result = generate_object(request_of(), counting_config, store_url)
    assert (result.plan, result.parts, result.assembled) == (None, (), None)
    assert [failure.stage for failure in result.failures] == ["plan"]


def test_unexpected_error_is_the_failure_of_one_part(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    journal.break_down("isolate", "hat", ZeroDivisionError)
    result = generate_object(request_of(), counting_config, store_url)
    assert [part.component for part in result.parts] == ["man"]
    assert result.failures[0].error == "ZeroDivisionError"
    assert "unexpected ZeroDivisionError" in result.failures[0].message


def test_backend_that_cannot_be_used_stops_the_run(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    journal.break_down("isolate", "hat", MissingDependencyError)
    with pytest.raises(MissingDependencyError):
        generate_object(request_of(), counting_config, store_url)
    with pytest.raises(MissingDependencyError):
        pipeline.generate_object(request_of(), counting_config, open_store(store_url), seed=0)


def test_transient_failures_are_retried_and_no_others(
    counting_config: Any,
    request_of: Any,
    store_url: str,
    journal: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tasks.isolate import isolate_part

    assert isolate_part.retries == _options.RETRIES
    monkeypatch.setattr(isolate_part, "retry_delay_seconds", [0.01])
    journal.flaky[("isolate", "hat")] = 2
    journal.break_down("isolate", "man")
    result = generate_object(request_of(), counting_config, store_url)
    calls = journal.taken()
    assert calls.count(("isolate", "hat")) == 3
    assert calls.count(("isolate", "man")) == 1
    assert [part.component for part in result.parts] == ["hat"]


def test_approved_plan_is_followed(
    counting_config: Any, request_of: Any, store_url: str, journal: Any, ran: Any
) -> None:
    request = request_of()
    plan = generate_object(request, counting_config, store_url).plan
    assert plan is not None
    prompts = (plan.prompts[0].model_copy(update={"prompt": "a red hat"}), plan.prompts[1])
    journal.taken()
    edited = plan.model_copy(update={"prompts": prompts})
    result = generate_object(request, counting_config, store_url, plan=edited)
    assert ran(result) == {
        "isolate:hat", "multiview:hat", "reconstruct:hat", "mesh:hat", "assemble:",
    }  # fmt: skip
    assert result.plan == edited
    assert all(call[0] != "plan" for call in journal.taken())


def test_parts_run_side_by_side(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    """Two parts meet at a barrier: neither gets through alone."""
    journal.meeting = journal.barrier(2)
    try:
        assert generate_object(request_of(), counting_config, store_url).complete
    finally:
        journal.meeting = None


def test_table_of_parts_is_published(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    from prefect.artifacts import Artifact

    journal.break_down("isolate", "man")
    generate_object(request_of(), counting_config, store_url)
    artifact = Artifact.get("object-parts")
    assert artifact is not None
    rows = json.loads(artifact.data)
    assert [row["part"] for row in rows] == ["hat", "man", "whole object"]
    assert rows[0]["faces"] > 0
    assert "out of order" in rows[1]["failure"]
