"""The flow: gives what the pipeline gives, does nothing twice, and says what failed."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from flows.generate_object import generate_object
from flows.refresh import Refresh, parse_refreshes
from mmpart_core import pipeline
from mmpart_core.errors import ConfigError, MissingDependencyError, StorageError
from mmpart_core.records import ObjectResult
from mmpart_core.storage.blob_store import blob_path
from mmpart_core.storage.opening import open_store
from tasks import _options
from tasks._caching import record_path

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]


def without_cost(result: ObjectResult) -> dict[str, Any]:
    """A result without what each stage took."""
    data = result.model_dump(mode="json")
    for run in data["runs"]:
        del run["seconds"], run["cached"], run["cost_usd"]
    return data


def ran(result: ObjectResult) -> set[str]:
    """``stage:part`` of all work that was really done."""
    return {f"{run.stage}:{run.component or ''}" for run in result.runs if not run.cached}


EVERYTHING = {
    "plan:",
    *(f"{stage}:{part}" for part in ("hat", "man") for stage in
      ("isolate", "multiview", "reconstruct", "mesh")),
    "assemble:",
}  # fmt: skip
MANS_CHAIN = {"isolate:man", "multiview:man", "reconstruct:man", "mesh:man"}


def test_flow_is_pipeline(counting_config: Any, request_of: Any, store_url: str) -> None:
    config = counting_config.with_overrides({"whole_object_views": True})
    request = request_of()
    by_flow = generate_object(request, config, store_url, seed=3)
    by_pipeline = pipeline.generate_object(request, config, open_store(store_url), seed=3)
    assert by_pipeline.complete
    assert without_cost(by_flow) == without_cost(by_pipeline)
    assert generate_object(request, config, store_url, seed=3).parts == by_pipeline.parts


def test_second_run_does_nothing(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    assert first.complete
    assert ran(first) == EVERYTHING
    assert len(journal.taken()) == 10
    assert sum(run.cost_usd for run in first.runs) == pytest.approx(0.09)
    second = generate_object(request_of(), counting_config, store_url)
    assert journal.taken() == []
    assert ran(second) == set()
    assert sum(run.cost_usd for run in second.runs) == 0
    assert without_cost(second) == without_cost(first)
    assert all(run.seconds > 0 for run in second.runs)


def test_changed_words_redo_one_part(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    generate_object(request_of("hat", "man = bald"), counting_config, store_url)
    journal.taken()
    changed = generate_object(request_of("hat", "man = curly"), counting_config, store_url)
    assert ran(changed) == {"plan:", *MANS_CHAIN, "assemble:"}
    assert [call[0] for call in journal.taken()] == sorted(
        ["assemble", "isolate", "mesh", "multiview", "plan", "reconstruct"]
    )


def test_changed_mesh_setting_redoes_meshes_and_assembly(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    generate_object(request_of(), counting_config, store_url)
    journal.taken()
    config = counting_config.with_overrides({"mesh.level": 0.05})
    assert ran(generate_object(request_of(), config, store_url)) == {
        "mesh:hat", "mesh:man", "assemble:",
    }  # fmt: skip
    assert [call[0] for call in journal.taken()] == ["assemble", "mesh", "mesh"]


def test_settings_outside_the_key_redo_nothing(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    generate_object(request_of(), counting_config, store_url)
    journal.taken()
    config = counting_config.with_overrides({"reconstruct.threads": 2, "workers": 1})
    assert ran(generate_object(request_of(), config, store_url)) == set()
    assert journal.taken() == []


def test_another_seed_is_other_work(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    generate_object(request_of(), counting_config, store_url, seed=0)
    assert ran(generate_object(request_of(), counting_config, store_url, seed=1)) == EVERYTHING


def test_failed_part_is_recorded_and_only_it_is_redone(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    journal.break_down("isolate", "hat")
    broken = generate_object(request_of(), counting_config, store_url)
    assert not broken.complete
    assert [part.component for part in broken.parts] == ["man"]
    assert [(f.component, f.stage, f.error) for f in broken.failures] == [
        ("hat", "isolate", "BackendError")
    ]
    assert "out of order" in broken.failures[0].message
    assert broken.assembled is not None
    assert len(broken.assembled.placements) == 1
    journal.reset()
    mended = generate_object(request_of(), counting_config, store_url)
    assert mended.complete
    assert ran(mended) == {
        "isolate:hat", "multiview:hat", "reconstruct:hat", "mesh:hat", "assemble:",
    }  # fmt: skip


def test_failure_midway_keeps_what_was_made(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
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


def test_deleted_blob_redoes_its_stage_only(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    store = open_store(store_url)
    journal.taken()
    for ref, stage in (
        (first.parts[0].isolated.rgba, "isolate:hat"),
        (first.parts[1].field.checkpoint, "reconstruct:man"),
        (first.parts[1].mesh.mesh, "mesh:man"),
    ):
        store.delete_file(blob_path(ref.sha256))
        again = generate_object(request_of(), counting_config, store_url)
        assert ran(again) == {stage}
        assert len(journal.taken()) == 1
        assert without_cost(again) == without_cost(first)


def test_truncated_blob_redoes_its_stage_only(
    counting_config: Any, request_of: Any, store_url: str
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    store = open_store(store_url)
    assert first.assembled is not None
    glb = first.assembled.glb
    store.write_file(blob_path(glb.sha256), store.get(glb)[:-1])
    assert ran(generate_object(request_of(), counting_config, store_url)) == {"assemble:"}
    assert len(store.get(glb)) == glb.size


def test_altered_blob_is_refused_once_and_then_made_anew(
    counting_config: Any, request_of: Any, store_url: str
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    store = open_store(store_url)
    mesh = first.parts[0].mesh.mesh
    altered = bytearray(store.get(mesh))
    altered[-1] ^= 1
    store.write_file(blob_path(mesh.sha256), bytes(altered))
    other = counting_config.with_overrides({"assemble.gap": 0.3})
    refused = generate_object(request_of(), other, store_url)
    assert [failure.error for failure in refused.failures] == ["BlobCorruptError"]
    assert mesh.sha256[:12] in refused.failures[0].message
    healed = generate_object(request_of(), other, store_url)
    assert healed.complete
    assert ran(healed) == {"mesh:hat", "assemble:"}


@pytest.mark.parametrize("damage", ["truncated", "emptied", "no JSON", "old format", "other class"])
def test_damaged_record_is_a_miss(
    counting_config: Any, request_of: Any, store_url: str, damage: str
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    store = open_store(store_url)
    key = next(run.key for run in first.runs if (run.stage, run.component) == ("mesh", "hat"))
    path = record_path(key)
    assert path is not None
    content = store.read_file(path)
    assert content is not None
    store.write_file(path, damaged(content, damage))
    again = generate_object(request_of(), counting_config, store_url)
    assert ran(again) == {"mesh:hat"}
    assert without_cost(again) == without_cost(first)
    assert store.read_file(path) == content


def damaged(content: bytes, damage: str) -> bytes:
    """A record after an accident."""
    record = json.loads(content)
    result = json.loads(record["result"])
    if damage == "old format":
        del result["data"]["watertight"]
    if damage == "other class":
        result["__class__"] = "mmpart_core.records.views.ViewSet"
    record["result"] = json.dumps(result)
    simple = {"truncated": content[:40], "emptied": b"", "no JSON": b"\xff\x00"}
    return simple.get(damage, json.dumps(record).encode())


def test_unwritable_store_stops_the_run_before_any_work(
    counting_config: Any, request_of: Any, tmp_path: Path, journal: Any
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        generate_object(request_of(), counting_config, str(tmp_path / "file"))
    assert journal.taken() == []


def test_records_that_cannot_be_written_are_failures(
    counting_config: Any, request_of: Any, store_url: str
) -> None:
    request = request_of()
    (Path(store_url) / "records").mkdir(parents=True)
    (Path(store_url) / "records" / "mesh").write_text("in the way")
    result = generate_object(request, counting_config, store_url)
    assert {(f.stage, f.component, f.error) for f in result.failures} == {
        ("mesh", "hat", "StorageError"),
        ("mesh", "man", "StorageError"),
    }
    assert "record was not stored" in result.failures[0].message


def test_records_that_cannot_be_read_are_failures(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    journal.taken()
    key = next(run.key for run in first.runs if (run.stage, run.component) == ("isolate", "hat"))
    record = Path(store_url) / str(record_path(key))
    record.unlink()
    record.mkdir()
    result = generate_object(request_of(), counting_config, store_url)
    assert [(f.stage, f.component, f.error) for f in result.failures] == [
        ("isolate", "hat", "StorageError")
    ]
    assert ("isolate", "hat") not in journal.taken()


@pytest.mark.parametrize(
    ("refresh", "redone"),
    [
        ("isolate:man", {*MANS_CHAIN, "assemble:"}),
        ("mesh", {"mesh:hat", "mesh:man", "assemble:"}),
        ("assemble", {"assemble:"}),
        ("plan", EVERYTHING),
    ],
)
def test_refresh(
    counting_config: Any, request_of: Any, store_url: str, refresh: str, redone: set[str]
) -> None:
    first = generate_object(request_of(), counting_config, store_url)
    again = generate_object(request_of(), counting_config, store_url, refresh=[refresh])
    assert ran(again) == redone
    assert without_cost(again) == without_cost(first)
    assert ran(generate_object(request_of(), counting_config, store_url)) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("paint", "one of plan, isolate"),
        ("isolate:shoe", "no part 'shoe'; expected one of hat, man"),
        ("assemble:hat", "once for all parts"),
        ("mesh:", "no part ''"),
    ],
)
def test_refresh_of_nothing(request_of: Any, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_refreshes([text], request_of())


def test_whole_views_are_refreshed_with_multiview() -> None:
    assert Refresh("multiview").covers("multiview", None)
    assert Refresh("plan").covers("multiview", None)
    assert not Refresh("isolate").covers("multiview", None)
    assert not Refresh("multiview", "hat").covers("multiview", None)


def test_approved_plan_is_followed(
    counting_config: Any, request_of: Any, store_url: str, journal: Any
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
    assert [row["part"] for row in rows] == ["hat", "man"]
    assert rows[0]["faces"] > 0
    assert "out of order" in rows[1]["failure"]


def test_a_hit_is_quick(counting_config: Any, request_of: Any, store_url: str) -> None:
    request = request_of()
    generate_object(request, counting_config, store_url)
    started = time.perf_counter()
    generate_object(request, counting_config, store_url)
    assert time.perf_counter() - started < 5


def test_s3_store(counting_config: Any, picture: bytes, s3_url: str, journal: Any) -> None:
    from mmpart_core.intake.components import parse_part
    from mmpart_core.intake.request import build_request

    request = build_request(
        picture, [parse_part("hat"), parse_part("man")], store=open_store(s3_url), name="pair"
    )
    first = generate_object(request, counting_config, s3_url)
    assert first.complete
    assert len(journal.taken()) == 10
    open_store(s3_url).delete_file(blob_path(first.parts[0].field.checkpoint.sha256))
    second = generate_object(request, counting_config, s3_url)
    assert ran(second) == {"reconstruct:hat"}
    assert without_cost(second) == without_cost(first)
