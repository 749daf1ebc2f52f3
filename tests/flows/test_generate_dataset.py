"""Data sets on a real Prefect server: every object has one outcome, and Prefect shows the same."""

import json
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

from flows import dataset_object, dataset_window
from flows.cli_status import read_status
from flows.dataset_attempts import Attempts
from flows.dataset_job import DatasetJob
from flows.dataset_lease import LEASE_FILE, Lease, read_lease
from flows.dataset_progress import DatasetTally
from flows.dataset_table import load_outcomes
from flows.generate_dataset import generate_dataset
from mmpart_core.errors import BudgetError, ConfigError, MissingDependencyError
from mmpart_core.storage.store_files import StoreFiles
from tests.flows.noop_datasets import picture_of

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]


def table_of(job: DatasetJob) -> pd.DataFrame:
    return load_outcomes(job.place).to_pandas()


def states_of(job: DatasetJob) -> dict[str, str]:
    table = table_of(job)
    objects = table[table["component"].isna()]
    assert objects["object"].is_unique
    return dict(zip(objects["object"], objects["state"], strict=True))


def prefect_states(job: DatasetJob) -> Counter[str]:
    """Flow runs of the latest run's objects, by the names of their states."""
    lease = read_lease(job.place)
    assert lease is not None
    parent = FlowRunFilterParentFlowRunId.model_validate({"any_": [lease.flow_run]})
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
    return Counter(run.state_name or "" for run in runs)


def retried(job: DatasetJob, **changes: Any) -> DatasetTally:
    return generate_dataset(job=job.model_copy(update={"retry_failed": True, **changes}))


def test_every_row_has_one_outcome_and_prefect_shows_the_same(
    dataset_of: Callable[..., DatasetJob], tmp_path: Path
) -> None:
    job = dataset_of(
        {"image": "good-a.png"}, {"image": "broken.png"}, {"image": "absent.png"},
        {"image": "good-b.png", "components": "seat, leg"}, {"id": "nothing"},
        {"image": "good-c.png", "components": "leg"}, {"image": "good-a.png"},
        isolate={"fails": "leg"},
        concurrency=1,  # parts of these images are alike: two at a time may find each other's work
    )  # fmt: skip
    tally = generate_dataset(job=job)
    expected = {"good-a": "made", "broken": "invalid", "absent": "invalid", "good-b": "incomplete",
                "nothing": "invalid", "good-c": "failed", "row-7": "invalid"}  # fmt: skip
    assert states_of(job) == expected
    assert tally.states == {"made": 1, "incomplete": 1, "failed": 1, "invalid": 4}
    assert (tally.rows, tally.left, tally.kept, tally.complete) == (7, 0, 0, False)
    assert tally.reasons == {"InputError": 4, "BackendError": 2}
    assert prefect_states(job) == {"Completed": 1, "Incomplete": 1, "Failed": 1}
    table = table_of(job)
    parts = table[table["component"].notna()]
    found = list(zip(parts["object"], parts["component"], parts["state"], strict=True))
    assert found == [("good-a", "seat", "made"), ("good-a", "back", "made"),
                     ("good-b", "seat", "made"), ("good-b", "leg", "failed"),
                     ("good-c", "leg", "failed")]  # fmt: skip
    made = table.iloc[0]
    glb = tmp_path / "out/objects/good-a/object.glb"
    assert glb.read_bytes()[:4] == b"glTF"
    assert made["glb_bytes"] == glb.stat().st_size
    assert (made["stages"], made["cached"], made["parts_made"], made["run"]) == (10, 0, 2, 1)
    assert not list((tmp_path / "out/state/attempts").iterdir())
    found_status = read_status(job.output)
    assert not found_status.running
    assert found_status.states == tally.states
    assert (found_status.rows, found_status.left) == (7, 0)
    assert found_status.parts == {"made": 3, "failed": 2}

    again = generate_dataset(job=job)  # nothing is begun, nothing is counted twice
    assert (again.kept, again.states) == (3, tally.states)
    assert prefect_states(job) == {}
    assert states_of(job) == expected

    with pytest.raises(ConfigError, match=r"'Typo': no object .*: BackendError, InputError"):
        retried(job, only=("BackendError", "Typo"))
    assert states_of(job) == expected

    glb.unlink()  # what was made is not there any more
    mended = generate_dataset(job=job)
    assert prefect_states(job) == {"Completed": 1}
    assert glb.is_file()
    assert mended.kept == 2
    made = table_of(job).iloc[0]
    assert made["cached"] == made["stages"]

    profile = yaml.safe_load(Path(job.profile).read_text())
    profile["workers"] = 3  # changes nothing that is made
    Path(job.profile).write_text(yaml.safe_dump(profile))
    failed = retried(job)
    assert prefect_states(job) == {"Incomplete": 1, "Failed": 1}
    assert failed.kept == 1


def test_a_run_ends_for_money_or_failures_and_goes_on_later(
    dataset_of: Callable[..., DatasetJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"image": f"good-{name}.png"} for name in "abcd"]
    job = dataset_of(*rows, isolate={"fails": "seat"}, stop_after_failures=1.0, concurrency=1)
    monkeypatch.setattr(dataset_window, "LEAST_OUTCOMES", 2)
    tally = generate_dataset(job=job)
    assert (tally.states, tally.left) == ({"incomplete": 2}, 2)
    assert "2 of the latest 2 objects failed or lack parts" in tally.halted
    assert not tally.complete

    real = dataset_object.ObjectWork._made
    budget: list[str] = []

    def without_money(self: Any) -> Any:
        from mmpart_core.records import PartFailure

        result = real(self)
        if not budget:
            return result
        failure = PartFailure(
            component="seat", stage="plan", error=BudgetError.__name__, message=budget[0]
        )
        return result.model_copy(update={"failures": (failure,)})

    monkeypatch.setattr(dataset_object.ObjectWork, "_made", without_money)
    budget.append("it may cost $1, $0.50 of $2 is left")
    job = dataset_of(*rows, concurrency=1)
    tally = generate_dataset(job=job)
    assert tally.states == {"skipped": 1}
    assert tally.halted == f"BudgetError: {budget[0]}"
    assert prefect_states(job) == {"Skipped": 1}
    budget.clear()
    assert generate_dataset(job=job).complete
    assert states_of(job) == {f"good-{name}": "made" for name in "abcd"}
    order = table_of(job)
    order = order[order["component"].isna()].sort_values("order")
    assert list(order["object"]) == ["good-b", "good-c", "good-d", "good-a"]  # tried again: last


def test_what_no_object_would_fare_better_with_breaks_off(
    dataset_of: Callable[..., DatasetJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = dataset_of({"image": "good-a.png"}, {"image": "good-b.png"}, concurrency=1)
    import mmpart_noop.isolate as noop  # pyright: ignore[reportMissingImports]

    def missing(self: Any, task: Any, seed: int) -> Any:
        raise MissingDependencyError("isolate: a package is not installed; install it")

    with monkeypatch.context() as broken:
        broken.setattr(noop.NoopIsolator, "isolate", missing)
        with pytest.raises(MissingDependencyError, match="install it"):
            generate_dataset(job=job)
    assert states_of(job) == {}
    assert not list(Path(job.output, "state/attempts").iterdir())
    with pytest.raises(ConfigError, match="holds the data set of"):
        generate_dataset(job=job.model_copy(update={"source": str(Path(job.source).parent)}))
    refreshed = generate_dataset(job=job)
    assert refreshed.complete
    before = table_of(job)
    again = generate_dataset(job=job.model_copy(update={"refresh": ("mesh",), "limit": 1}))
    assert (again.rows, again.kept) == (1, 0)
    after = table_of(job)
    assert list(after["cached"])[:3] == [7, 3, 3]  # all but mesh and assembly
    assert list(after["run"])[3:] == list(before["run"])[3:]


def test_what_kills_its_process_ends_as_a_failure(
    dataset_of: Callable[..., DatasetJob], prefect: str
) -> None:
    job = dataset_of({"image": "good-a.png"}, {"image": "good-b.png"}, {"image": "good-c.png"})
    died_with(job, "good-a", "good-c")
    for _ in range(2):
        died_with(job, "good-a")
    tally = generate_dataset(job=job)
    assert states_of(job) == {"good-a": "failed", "good-b": "made", "good-c": "made"}
    assert tally.reasons == {"ProcessKilledError": 1}
    table = table_of(job)
    killer = table[table["object"] == "good-a"].iloc[0]
    assert killer["deaths"] == 3
    assert "died 3 times" in killer["message"]
    order = table[table["component"].isna()].sort_values("order")
    assert list(order["object"]) == ["good-a", "good-b", "good-c"]  # the suspect: last, alone
    assert generate_dataset(job=job).kept == 3
    assert retried(job).complete


def died_with(job: DatasetJob, *names: str) -> None:
    """As a process leaves an output that was killed while it made these objects."""
    place = StoreFiles(job.output)
    before = read_lease(place)
    run = before.run + 1 if before else 1
    attempts = Attempts(place, run, died=before is not None and not before.ending)
    for name in names:
        attempts.begin(name)
    lease = Lease(run=run, holder="gone", host=socket.gethostname(), pid=2**22 + 1,
                  renewed_at=time.time())  # fmt: skip
    place.write_file(LEASE_FILE, lease.model_dump_json().encode())
    if not place.read_file("dataset.json"):
        from flows.dataset_job import write_job

        write_job(job)


def test_the_command_and_its_status(
    dataset_of: Callable[..., DatasetJob], mmpart: Any, tmp_path: Path
) -> None:
    job = dataset_of({"image": "good-a.png", "id": "good: a"}, {"image": "absent.png"})
    common = ["--store", job.store, "--profile", job.profile, "--files", "glb"]
    out = ["--output", job.output]
    first = mmpart("batch", job.source, "--components", "seat", *common, *out)
    assert first.exit_code == 3, first.output
    assert "good-a: made: 1 parts in" in first.stderr
    assert (tmp_path / "out/objects/good-a/object.glb").is_file()
    assert "absent: invalid: InputError: data.jsonl, row 2: image '…/absent.png'" in first.stderr
    assert "1 id is changed to name a folder" in first.stderr
    assert list(table_of(job)["id"].dropna()) == ["good: a"]
    assert "outcomes.parquet" in first.stdout
    (tmp_path / "absent.png").write_bytes(picture_of(9))
    second = mmpart("batch", "--resume", job.output)
    assert second.exit_code == 0, second.output
    assert "good-a: made" not in second.stderr
    assert "1 finished before" in second.stdout
    told = mmpart("status", job.output, "--json")
    status = json.loads(told.stdout)
    assert (status["states"], status["left"], status["running"]) == ({"made": 2}, 0, False)
    assert "made" in mmpart("status", job.output).stdout
    for arguments, words in (
        ((), "no manifest"),
        ((job.source, "--resume", job.output), "leave out the manifest"),
        (("--resume", tmp_path / "none"), "no batch was ever run there"),
        ((job.source, "--only", "X", *out), "--only: chooses among"),
        ((job.source, "--refresh", "paint", *out), "--refresh 'paint'"),
        ((job.source, "--stop-after-failures", "2", *out), "a share above 0"),
        ((tmp_path / "none.csv", "--output", tmp_path / "new"), "cannot be read"),
        ((job.source, "--output", tmp_path), "holds files that are no result"),
    ):
        refused = mmpart("batch", *arguments)
        assert refused.exit_code == 2, refused.output
        assert words in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
    assert mmpart("status", tmp_path / "none").exit_code == 2
    assert sys.modules["flows.generate_dataset"]
