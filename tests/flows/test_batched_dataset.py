"""``mmpart batch --batch-api``: plans and parts in batches, whatever becomes of the process."""

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from known_scene import OF_EDIT_USD, OF_PLAN_USD, KnownScene
from pydantic import SecretStr
from strict_batches import BatchServer
from strict_openai import Reply, Request, refusal, response

from flows.dataset_job import DatasetJob
from flows.dataset_progress import NobodyFollows, dataset_listener
from flows.dataset_table import load_outcomes
from flows.generate_dataset import generate_dataset
from mmpart_core.hosted import secrets
from mmpart_core.storage.codecs import encode_png
from tests.flows.conftest import OBJECTS, write_glb
from tests.flows.hosted_planning import CALL_USD, VARIABLE, plan_answer, planned_by

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]
PACKAGES = Path(__file__).resolve().parents[1] / "packages"
PARTS = {"chair": ["seat", "back"], "lamp": ["base", "shade"], "mug": ["cup", "lid"]}
PLAN_USD = 0.5 * CALL_USD
DRAWN_USD = 0.08  # what the counting isolator says that two parts cost


class Told(NobodyFollows):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the run says."""
    listener = Told()
    token = dataset_listener.set(listener)
    yield listener.lines
    dataset_listener.reset(token)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BatchServer]:
    """A server that takes batches and plans three objects, whose pictures are in ``images``."""
    pixels = np.zeros((32, 32, 4), dtype=np.uint8)
    (tmp_path / "images").mkdir()
    for name, parts in PARTS.items():
        pixels[6:26, 6:26] = [200, 60, ord(name[0]), 255]
        (tmp_path / "images" / f"{name}.png").write_bytes(encode_png(pixels))
        (tmp_path / "images" / f"{name}.yaml").write_text(yaml.safe_dump(parts))

    def planned(request: Request) -> dict[str, Any]:
        words = json.dumps(request.body["input"])
        return response(
            plan_answer(next(each for each in PARTS.values() if f'"{each[0]}' in words))
        )

    with BatchServer(looks=1) as made:
        made.answer("/responses", planned)
        secrets.provide_key(VARIABLE, SecretStr(made.api_key))
        yield made
    secrets.forget_keys()
    assert made.violations == []


@pytest.fixture
def job(server: BatchServer, tmp_path: Path, journal: Any) -> DatasetJob:
    """The three objects, two at a time; their plans are hosted."""
    (tmp_path / "hosted.yaml").write_text(
        yaml.safe_dump(planned_by(server, max_output_tokens=2000))
    )
    return DatasetJob(
        source=str(tmp_path / "images"), output=str(tmp_path / "out"), files="glb",
        profile=str(tmp_path / "hosted.yaml"), store=str(tmp_path / "store"), batch_api=True,
        batch_objects=2, batch_poll_s=0.05, max_cost_usd=5.0,
    )  # fmt: skip


def requests_of(server: BatchServer) -> Counter[str]:
    """How often each request was in a batch."""
    return Counter(line["custom_id"] for lines in server.sent() for line in lines)


def changed(job: DatasetJob, **changes: Any) -> DatasetJob:
    return job.model_copy(update=changes)


def test_a_window_of_objects_after_the_other_at_half_the_price(
    job: DatasetJob, server: BatchServer, told: list[str]
) -> None:
    tally = generate_dataset(job=job)
    assert tally.complete
    assert [len(lines) for lines in server.sent()] == [2, 1]
    assert len(server.requests) == 3  # all of them in batches
    assert tally.cost_usd == pytest.approx(3 * (PLAN_USD + DRAWN_USD))
    assert [line for line in told if line.startswith("batches: ")] == [
        "batches: 2 requests in 1 rounds", "batches: 1 requests in 1 rounds",
    ]  # fmt: skip
    again = generate_dataset(job=job)
    assert (again.kept, len(server.batches)) == (3, 2)


def test_parts_come_in_batches_too(job: DatasetJob, server: BatchServer, tmp_path: Path) -> None:
    """A part that the known scene draws is judged and taken; nothing is called."""
    write_glb(tmp_path / "post.glb", OBJECTS["post"])
    known = KnownScene((tmp_path / "post.glb").read_bytes(), size_px=96)
    (tmp_path / "post.png").write_bytes(encode_png(known.whole))
    (tmp_path / "one.jsonl").write_text(json.dumps({"image": "post.png", "components": ["pole"]}))
    known.names = ["pole"]  # the scene's first, whose box the plan tells
    server.answer("/responses", known.plan)
    server.answer("/images/edits", known.edit)
    profile = yaml.safe_load(Path(job.profile).read_text())
    there = profile["plan"]["settings"]
    profile["isolate"] = {"kind": "openai", "settings": {**there, "canvas_px": 655_360}}
    del profile["isolate"]["settings"]["max_output_tokens"]
    Path(job.profile).write_text(yaml.safe_dump(profile))
    tally = generate_dataset(job=changed(job, source=str(tmp_path / "one.jsonl")))
    assert tally.complete, load_outcomes(job.place).to_pandas()["message"].dropna().tolist()
    assert [len(lines) for lines in server.sent()] == [1, 1]
    assert len(server.requests) == 2
    assert tally.cost_usd == pytest.approx(0.5 * (OF_PLAN_USD + OF_EDIT_USD))


def test_what_failed_or_is_refreshed_is_asked_again_once(
    job: DatasetJob, server: BatchServer
) -> None:
    """An answer that is kept is no answer to "try again"; what waits is not sent a second time."""
    server.fail("/responses", Reply(200, refusal()))
    first = generate_dataset(job=job)
    assert first.reasons == {"RefusedError": 1}
    assert len(requests_of(server)) == 3
    assert generate_dataset(job=job).reasons == {"RefusedError": 1}
    assert len(requests_of(server)) == 3
    assert generate_dataset(job=changed(job, retry_failed=True)).complete
    assert len(requests_of(server)) == 4  # the plan that was refused, and no other
    assert generate_dataset(job=changed(job, refresh=("plan",))).complete
    assert len(requests_of(server)) == 7
    assert set(requests_of(server).values()) == {1}
    assert len(server.requests) == 7


def test_a_budget_ends_the_run_before_it_is_passed(job: DatasetJob, server: BatchServer) -> None:
    """Enough for one plan, not for two; more money goes on from there."""
    nothing = generate_dataset(job=changed(job, max_cost_usd=0.0))
    assert nothing.halted.startswith("BudgetError")
    assert server.batches == {}
    found = re.search(r"it may cost \$([0-9.]+)", nothing.halted)
    assert found is not None
    limit = 0.5 * float(found[1]) + 0.5 * PLAN_USD
    some = generate_dataset(job=changed(job, max_cost_usd=limit))
    assert some.halted.startswith("BudgetError")
    assert len(server.requests) == 1
    rest = generate_dataset(job=job)
    assert rest.complete
    assert set(requests_of(server).values()) == {1}
    assert len(server.requests) == 3


@pytest.fixture
def command(
    job: DatasetJob, tmp_path: Path, prefect: str, prefect_home: Path, server: BatchServer
) -> Callable[[], subprocess.Popen[str]]:
    """Starts ``mmpart batch`` on the job in a process of its own."""
    arguments = [
        "batch", job.source, "--profile", job.profile, "--output", job.output, "--store",
        str(job.store), "--files", "glb", "--batch-api", "--batch-objects", "3",
    ]  # fmt: skip
    environment = {
        **os.environ, "PYTHONPATH": str(PACKAGES), "PREFECT_API_URL": prefect,
        "PREFECT_HOME": str(prefect_home), VARIABLE: server.api_key,
    }  # fmt: skip

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments], cwd=tmp_path, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


@pytest.mark.long
def test_killed_while_it_sends_and_while_it_waits_nothing_is_sent_twice(
    job: DatasetJob, server: BatchServer, command: Callable[[], subprocess.Popen[str]]
) -> None:
    processes: list[subprocess.Popen[str]] = []

    def kill() -> None:  # the batch is made, its reply reaches nobody
        server.on_made = None
        processes[-1].kill()

    server.looks = 1_000_000  # nothing is ever done, until it is
    server.on_made = kill
    processes.append(command())
    _, said = processes[-1].communicate(timeout=120)
    assert processes[-1].returncode == -signal.SIGKILL, said
    assert [len(lines) for lines in server.sent()] == [3]

    processes.append(command())
    assert processes[-1].stderr is not None
    assert any("taken up again" in line for line in processes[-1].stderr)
    processes[-1].kill()
    processes[-1].communicate(timeout=60)

    server.finish()
    tally = generate_dataset(job=job.model_copy(update={"batch_objects": 3}))
    assert tally.complete
    assert [len(lines) for lines in server.sent()] == [3]
    assert set(requests_of(server).values()) == {1}
    assert len(server.requests) == 3
    assert tally.cost_usd == pytest.approx(3 * (PLAN_USD + DRAWN_USD))
    table = load_outcomes(job.place).to_pandas()
    assert set(table[table["component"].isna()]["deaths"]) == {0}  # no object was in hand


def test_a_signal_ends_the_wait_at_once(
    job: DatasetJob, server: BatchServer, command: Callable[[], subprocess.Popen[str]]
) -> None:
    server.looks = 1_000_000
    with command() as process:
        assert process.stderr is not None
        assert any("requests sent to" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        said = process.stderr.read()
        process.wait(timeout=120)
    assert server.looked <= 1  # the next look at the batch would have been half a minute later
    assert process.returncode == 143, said
    assert "Traceback" not in said
    assert said.rstrip().endswith("the same command goes on from there.")
    assert json.loads((Path(job.output) / "dataset.json").read_text())["batch_api"] is True


def test_batches_want_a_profile_that_asks_somebody(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"")
    said = refused("batch", "photos", "--components", "seat", "--batch-api")
    assert "profile 'local' calls no hosted model" in said
