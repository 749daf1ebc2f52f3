"""``mmpart batch`` stopped and killed: nothing finished is lost, and the next run goes on."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

from flows.dataset_job import read_job
from flows.dataset_lease import Lease, read_lease
from flows.dataset_table import load_outcomes
from flows.generate_dataset import generate_dataset
from mmpart_core.backends import STAGES
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.store_files import StoreFiles

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]
PACKAGES = Path(__file__).resolve().parents[1] / "packages"


@pytest.fixture
def begun(
    tmp_path: Path, prefect: str, prefect_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[subprocess.Popen[str]]:
    """A batch of two objects in a process of its own, in the middle of the first part's stage."""
    monkeypatch.syspath_prepend(PACKAGES)
    pixels = np.zeros((32, 32, 4), dtype=np.uint8)
    pixels[6:26, 6:26] = [200, 60, 40, 255]
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        pixels[10, 10, 0] = ord(name)
        (tmp_path / "images" / f"{name}.png").write_bytes(encode_png(pixels))
    profile: dict[str, Any] = {stage: {"kind": "noop"} for stage in STAGES}
    profile["isolate"]["settings"] = {"sleeps": "seat"}
    (tmp_path / "noop.yaml").write_text(yaml.safe_dump({**profile, "workers": 1}))
    command = ["batch", "images", "--components", "seat", "--profile", "noop.yaml", "--output",
               "out", "--store", "store", "--files", "glb", "--concurrency", "1"]  # fmt: skip
    with subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(PACKAGES),
            "PREFECT_API_URL": prefect,
            "PREFECT_HOME": str(prefect_home),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert any("noop: isolate goes on" in line for line in process.stderr)
        yield process
        process.kill()


def resumed(folder: Path) -> Lease:
    """What the process left; then the batch is run to its end, and both objects are made."""
    place = StoreFiles(str(folder / "out"))
    left, job = read_lease(place), read_job(str(folder / "out"))
    assert left is not None
    assert job is not None
    assert generate_dataset(job=job).complete
    return left


def states_of_run(lease: Lease) -> Counter[str]:
    """Flow runs of a run's objects, by the names of their states."""
    parent = FlowRunFilterParentFlowRunId.model_validate({"any_": [lease.flow_run]})
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
        own = client.read_flow_run(lease.flow_run)  # pyright: ignore[reportArgumentType]
    assert own.state is not None
    assert own.state.is_final()
    return Counter(run.state_name or "" for run in runs)


def deaths(folder: Path) -> dict[str, int]:
    table = load_outcomes(StoreFiles(str(folder / "out"))).to_pandas()
    objects = table[table["component"].isna()]
    return dict(zip(objects["object"], objects["deaths"], strict=True))


def test_sigterm_lets_the_stage_end_and_counts_no_death(
    begun: subprocess.Popen[str], tmp_path: Path
) -> None:
    begun.send_signal(signal.SIGTERM)
    _, said = begun.communicate(timeout=60)
    assert begun.returncode == 143, said
    assert "Traceback" not in said
    assert said.rstrip().endswith("the same command goes on from there.")
    stored = {path.parent.name for path in tmp_path.glob("store/records/*/*.json")}
    assert stored == {"plan", "isolate"}
    assert not list(tmp_path.glob("out/state/attempts/*"))
    left = resumed(tmp_path)
    assert left.ending == "ended"
    assert states_of_run(left) == {"Cancelled": 1}
    assert deaths(tmp_path) == {"a": 0, "b": 0}


def test_what_a_killed_process_left_is_made_and_told(
    begun: subprocess.Popen[str], tmp_path: Path
) -> None:
    begun.kill()
    begun.communicate(timeout=60)
    assert [path.name for path in tmp_path.glob("out/state/attempts/*")] == ["a.json"]
    left = resumed(tmp_path)
    assert left.ending == ""
    assert states_of_run(left) == {"Crashed": 1}
    assert deaths(tmp_path) == {"a": 1, "b": 0}
