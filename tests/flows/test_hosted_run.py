"""Runs that pay for calls: the budget, what is told of the cost, and that no key is ever seen."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.events.worker import EventsWorker
from pydantic import SecretStr
from strict_openai import (
    ModelServer,
    Reply,
    moderation_blocked,
    quota_exhausted,
    rate_limited,
    response,
)

from deployments.setup import create_limits
from flows.budget import check_batches, check_priced
from flows.generate_object import generate_object
from mmpart_core import pipeline
from mmpart_core.config import PipelineConfig, validate_config
from mmpart_core.errors import ConfigError, QuotaExhaustedError
from mmpart_core.hosted import limiter, secrets
from mmpart_core.storage.opening import open_store
from tasks import _hosted
from tests.flows.hosted_planning import CALL_USD, VARIABLE, plan_answer, planned_by

pytestmark = [pytest.mark.xdist_group("prefect"), pytest.mark.usefixtures("prefect")]
PLANTED = "sk-proj-PlantedKey4Search0123456789abcdefXYZ"  # pragma: allowlist secret


@pytest.fixture(autouse=True)
def _clean(model_server: ModelServer) -> Any:
    secrets.provide_key(VARIABLE, SecretStr(model_server.api_key))
    yield
    secrets.forget_keys()
    limiter.set_gate(None)
    _hosted._known_limits.clear()


@pytest.fixture
def config(model_server: ModelServer, journal: Any) -> PipelineConfig:
    model_server.answer("/responses", lambda request: response(plan_answer(["hat", "man"])))
    return validate_config(planned_by(model_server, max_output_tokens=2000), source="test")


def test_each_call_is_counted_once_however_it_is_run(
    config: PipelineConfig, request_of: Any, store_url: str, model_server: ModelServer
) -> None:
    """A faulty answer, then one that is lost on the way and made again by Prefect, all paid."""
    left = [response("nonsense"), *[rate_limited(0.0)] * 4, response("nonsense again")]
    good = response(plan_answer(["hat", "man"]))
    model_server.answer("/responses", lambda request: left.pop(0) if left else good)
    result = generate_object(request_of(), config, store_url)
    assert result.complete
    planned = result.runs[0]
    assert planned.usage[0].calls == 3
    assert planned.cost_usd == pytest.approx(3 * CALL_USD)
    again = generate_object(request_of(), config, store_url)
    assert (again.runs[0].cost_usd, again.runs[0].usage) == (0.0, ())


def test_the_flow_and_the_pipeline_count_alike(
    config: PipelineConfig, request_of: Any, store_url: str
) -> None:
    request = request_of()
    direct = pipeline.generate_object(request, config, open_store(store_url), seed=0)
    flow = generate_object(request, config, store_url)
    assert [run.cost_usd for run in flow.runs] == [run.cost_usd for run in direct.runs]
    assert [run.usage for run in flow.runs] == [run.usage for run in direct.runs]


def test_the_budget_stops_before_the_call_and_keeps_what_is_done(
    model_server: ModelServer, config: PipelineConfig, image: Path, tmp_path: Path, mmpart: Any
) -> None:
    path = tmp_path / "hosted.yaml"
    path.write_text(yaml.safe_dump(planned_by(model_server, max_output_tokens=2000)))
    common = ["--profile", path, "--store", tmp_path / "store", "--output", tmp_path / "out"]
    command = ["generate", image, "--part", "hat", "--part", "man", *common]
    stopped = mmpart(*command, "--max-cost", "0.01")
    assert stopped.exit_code == 3, stopped.output
    assert "of $0.01 is left, so it was not made" in " ".join(stopped.stderr.split())
    assert model_server.requests == []
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"] is False
    made = mmpart(*command, "--max-cost", "$0.50")
    assert made.exit_code == 0, made.output
    assert "cost of 1 call: $0.08" in made.stdout  # the counting back-ends say 0.08 in all
    assert "whole object $0.0035" in " ".join(made.stdout.split())
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["totals"]["usage"][0]["cost_usd"] == pytest.approx(CALL_USD)
    assert manifest["stages"][0]["usage"][0]["model"] == "gpt-6.1-terra"
    # Nothing is paid for twice, so a budget of nothing is enough.
    assert mmpart(*command, "--max-cost", "0").exit_code == 0
    assert len(model_server.requests) == 1


@pytest.mark.parametrize("given", ["much", "-1", "nan"])
def test_a_budget_is_dollars(image: Path, refused: Any, given: str) -> None:
    assert "dollars expected" in refused("generate", image, "--part", "hat", f"--max-cost={given}")


def test_a_budget_needs_prices(
    model_server: ModelServer, image: Path, tmp_path: Path, refused: Any, journal: Any
) -> None:
    path = tmp_path / "hosted.yaml"
    path.write_text(yaml.safe_dump(planned_by(model_server, model="my-own")))
    command = ["generate", image, "--part", "hat", "--profile", path, "--max-cost", "1"]
    assert "plan.model 'my-own' costs is not known" in refused(*command)


def test_no_money_stops_the_run(
    config: PipelineConfig, request_of: Any, store_url: str, model_server: ModelServer
) -> None:
    model_server.fail("/responses", quota_exhausted())
    with pytest.raises(QuotaExhaustedError, match="no money left"):
        generate_object(request_of(), config, store_url)
    assert len(model_server.requests) == 1
    assert generate_object(request_of(), config, store_url).complete


def test_a_refusal_is_a_failure_with_advice(
    config: PipelineConfig, request_of: Any, store_url: str, model_server: ModelServer
) -> None:
    model_server.fail("/responses", moderation_blocked())
    result = generate_object(request_of(), config, store_url)
    assert [failure.error for failure in result.failures] == ["RefusedError"]
    assert "reword" in result.failures[0].message


def test_a_key_may_be_in_a_secret_block(
    config: PipelineConfig, request_of: Any, store_url: str, model_server: ModelServer
) -> None:
    secrets.forget_keys()
    with pytest.raises(ConfigError, match=VARIABLE):
        generate_object(request_of(), config, store_url)
    Secret(value=SecretStr(model_server.api_key)).save("mmpart-test-key", overwrite=True)  # type: ignore[call-arg]
    assert generate_object(request_of(), config, store_url).complete


@pytest.fixture
def limits() -> Iterator[SyncPrefectClient]:
    """A client of the server, which has none of our limits yet.

    A limit that is made anew has an identity of its own: no slot of an earlier one that is given
    back late counts on it. Prefect asks for slots by services that stay with the server of their
    first call, for as long as they live: they end here.
    """
    EventsWorker.drain_all(timeout=20)
    _hosted._known_limits.clear()
    with get_client(sync_client=True) as client:
        for name in _hosted.existing_limits(client):
            client.delete_global_concurrency_limit_by_name(name)
        yield client
        for name in _hosted.existing_limits(client):
            client.delete_global_concurrency_limit_by_name(name)


def test_limits_across_workers_are_held(
    config: PipelineConfig, request_of: Any, store_url: str, model_server: ModelServer,
    limits: SyncPrefectClient,
) -> None:  # fmt: skip
    assert set(create_limits(limits)) == {_hosted.CALLS_LIMIT, _hosted.RATE_LIMIT}
    assert create_limits(limits) == []
    seen: list[int] = []

    def active_slots() -> int:
        return limits.read_global_concurrency_limit_by_name(_hosted.CALLS_LIMIT).active_slots

    def look(request: Any) -> Any:
        seen.append(active_slots())
        return response(plan_answer(["hat", "man"]))

    model_server.answer("/responses", look)
    assert generate_object(request_of(), config, store_url).complete
    assert seen == [1]
    assert active_slots() == 0


def test_calls_begun_per_time_are_counted_on_the_server_for_all_processes(
    limits: SyncPrefectClient,
) -> None:
    """The rate holds wherever calls are made: each takes a slot there, which decays in its time."""
    limits.create_global_concurrency_limit(
        GlobalConcurrencyLimitCreate(name=_hosted.RATE_LIMIT, limit=5, slot_decay_per_second=1e-6)
    )

    def active_slots() -> int:
        return limits.read_global_concurrency_limit_by_name(_hosted.RATE_LIMIT).active_slots

    for count in (1, 2):
        with _hosted.allowed_call():
            assert active_slots() == count
    assert active_slots() == 2  # a call that is over does not give its slot back


def spoken(server: ModelServer, replies: list[Any]) -> None:
    """Failures whose words repeat the key, as some servers do."""
    echo = f"Incorrect API key provided: {PLANTED}. Authorization: Bearer {PLANTED}"
    body = {"error": {"message": echo, "type": "server_error", "param": None, "code": None}}
    server.fail("/responses", *[Reply(status, body) for status in replies])


@pytest.mark.parametrize(
    ("replies", "status"), [([500], 0), pytest.param([500, 503, 401], 1, marks=pytest.mark.long)]
)
def test_a_planted_key_is_nowhere(
    image: Path, tmp_path: Path, replies: list[int], status: int
) -> None:
    """A whole run in a process of its own, with its own Prefect: every byte it leaves is searched.

    The servers that fail repeat the key in their words.
    """
    with ModelServer(api_key=PLANTED) as server:
        server.answer("/responses", lambda request: response(plan_answer(["hat", "man"])))
        spoken(server, replies)
        path = tmp_path / "hosted.yaml"
        given = planned_by(server, longest_wait_s=0.01)
        path.write_text(yaml.safe_dump(given))
        done = run_command(
            "generate", str(image), "--part", "hat", "--part", "man", "--profile", str(path),
            "--store", str(tmp_path / "store"), "--output", str(tmp_path / "out"), "--verbose",
            folder=tmp_path,
        )  # fmt: skip
        assert done.returncode == status, done.stderr.decode()
        assert server.violations == []
        assert server.requests
    assert PLANTED.encode() not in done.stdout + done.stderr
    files = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert any(each.suffix == ".db" for each in files)  # Prefect's database is among them
    holding = [str(each) for each in files if PLANTED.encode() in each.read_bytes()]
    assert holding == []
    for database in (each for each in files if each.suffix == ".db"):
        with sqlite3.connect(database) as opened:
            assert PLANTED not in "\n".join(opened.iterdump())


def run_command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    """The real command, with Prefect's home and log inside a folder."""
    packages = Path(__file__).resolve().parents[1] / "packages"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")},
        VARIABLE: PLANTED,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_LEVEL": "DEBUG",
        "OPENAI_LOG": "debug",
        "PYTHONPATH": str(packages),
        "DO_NOT_TRACK": "1",
    }
    return subprocess.run(
        [str(Path(sys.executable).with_name("mmpart")), *arguments],
        env=environment, cwd=folder, capture_output=True, check=False, timeout=250,
    )  # fmt: skip


def test_neither_budget_nor_batches_where_workers_call_models(
    model_server: ModelServer, journal: Any
) -> None:
    given = planned_by(model_server, max_output_tokens=2000)
    elsewhere = {"runner": "dask-tasks", "scheduler": "tcp://127.0.0.1:1"}
    config = validate_config(given | elsewhere, source="test")
    with pytest.raises(ConfigError, match=r"--max-cost 5: with --runner dask-tasks"):
        check_priced(config, 5.0)
    with pytest.raises(ConfigError, match=r"--batch-api: with --runner dask-tasks"):
        check_batches(config, "test")
    check_priced(config, None)
    beside = validate_config(given | elsewhere | {"runner": "dask"}, source="test")
    check_batches(beside, "test")
