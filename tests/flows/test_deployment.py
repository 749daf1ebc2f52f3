"""The deployments in prefect.yaml: their values fit, and one runs on a real server and worker."""

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import flow
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from flows.dataset_events import tell_out_of_money
from flows.server_setup import (
    WORK_POOLS,
    automations,
    bring_automations_up_to_date,
    create_work_pools,
    set_up,
)
from mmpart_core.backends import STAGES

pytestmark = [pytest.mark.xdist_group("prefect")]
ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ROOT / "tests" / "packages"
PAUSED_WITHIN_S = 90.0
PLACES = ("MMPART_STORE", "MMPART_MANIFEST", "MMPART_OUTPUT", "MMPART_TRUTH", "MMPART_REPORT")
# What whoever starts a run of that deployment has to say.
NEEDED = {"generate-object": {"image": "x.png", "output": "out"}}
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_entrypoint_and_values_fit(deployment: dict[str, Any]) -> None:
    path, _, name = deployment["entrypoint"].partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    flow = getattr(module, name)
    known = flow.parameters.model_dump()["properties"]
    schedules = [each.get("parameters", {}) for each in deployment.get("schedules", [])]
    for given in (deployment["parameters"], *schedules):
        assert set(given) <= set(known)
        needed = NEEDED.get(deployment["name"], {})
        flow.validate_parameters({**needed, **deployment["parameters"], **given})
    slugs = [each["slug"] for each in deployment.get("schedules", [])]
    assert len(set(slugs)) == len(slugs)  # a schedule without one is added anew each time
    assert deployment["work_pool"]["name"] in WORK_POOLS


def test_setup_can_be_repeated(prefect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "planted-for-setup")
    names = {"mmpart-zombie-runs", "mmpart-failure-rate", "mmpart-budget"}
    with get_client(sync_client=True) as client:
        set_up(client, secrets=True)
        assert set_up(client, secrets=True) == []
        assert client.read_work_pool("mmpart-cpu").type == "process"
        found = {
            each.name: each for name in names for each in client.read_automations_by_name(name)
        }
        assert set(found) == names
        assert all(each.enabled for each in found.values())
        for wanted in automations():
            assert found[wanted.name].actions == wanted.actions
            assert found[wanted.name].trigger == wanted.trigger
    assert Secret.load("openai-api-key").get() == "planted-for-setup"


def test_a_deployment_without_money_is_paused(prefect: str) -> None:
    @flow(name="pays")
    def pays() -> None:
        tell_out_of_money("nightly.csv", "BudgetError: planted")

    with get_client(sync_client=True) as client:
        bring_automations_up_to_date(client)
        nightly, weekly = (
            client.create_deployment(client.create_flow_from_name("pays"), name)
            for name in ("nightly", "weekly")
        )
        run_flow(pays, flow_run=client.create_flow_run_from_deployment(nightly))
        deadline = time.monotonic() + PAUSED_WITHIN_S
        while not client.read_deployment(nightly).paused and time.monotonic() < deadline:
            time.sleep(0.2)
        assert client.read_deployment(nightly).paused
        assert not client.read_deployment(weekly).paused


@pytest.mark.slow
def test_deployed_flow_runs_on_a_worker(
    prefect: str, picture: bytes, tmp_path: Path, prefect_home: Path
) -> None:
    with get_client(sync_client=True) as client:
        create_work_pools(client)
    (tmp_path / "pair.png").write_bytes(picture)
    profile = tmp_path / "counting.yaml"
    profile.write_text(yaml.safe_dump({stage: {"kind": "counting"} for stage in STAGES}))
    run = runner_of(prefect, prefect_home)
    run("deploy", "--all")
    values = {
        "image": tmp_path / "pair.png",
        "output": tmp_path / "out",
        "store": tmp_path / "store",
        "profile": profile,
    }
    parameters = [f"--param={name}={value}" for name, value in values.items()]
    run("deployment", "run", "make-object/generate-object", *parameters, '--param=parts=["hat"]')
    run("worker", "start", "--pool", "mmpart-cpu", "--run-once")
    assert (tmp_path / "out" / "object.glb").read_bytes()[:4] == b"glTF"
    with get_client(sync_client=True) as client:
        names = {each.name for each in client.read_deployments()}
        (after,) = client.read_automations_by_name("evaluate-after-generate")
    assert names >= {each["name"] for each in DEPLOYMENTS}
    assert after.enabled


def runner_of(server: str, home: Path) -> Any:
    """Runs the prefect command against a server, in the checkout."""
    environment = {
        **os.environ,
        "PREFECT_API_URL": server,
        "PREFECT_HOME": str(home),
        "MMPART_CHECKOUT": str(ROOT),
        **{name: f"/nowhere/{name.lower()}" for name in PLACES},
        "PYTHONPATH": str(PACKAGES),
    }
    prefect = str(Path(sys.executable).with_name("prefect"))

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [prefect, "--no-prompt", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return run
