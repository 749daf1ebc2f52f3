"""Compose, Kubernetes and Docker files: their own schemas, and what they say of MMPart."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.server_setup import WORK_POOLS

FOLDER = Path(__file__).resolve().parents[2] / "deployments"
SECRET = re.compile(r"(PASSWORD|SECRET|KEY)[A-Z_]*$")
DCLINT = FOLDER.parent / "viewer" / "node_modules" / "dclint" / "bin" / "dclint.cjs"
# Style (the order of keys) is our own; an image that is built is named, too.
STYLE = "|".join(["alphabetical", "order", "quotes", "build-and-image"])


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "compose.yaml").read_text())


def filled(value: Any, variables: dict[str, Any]) -> Any:
    """A job template with its variables put in, as Prefect does."""
    if isinstance(value, str):
        whole = re.fullmatch(r"\{\{ (\w+) \}\}", value)
        if whole:
            return variables[whole[1]]
        return re.sub(r"\{\{ (\w+) \}\}", lambda found: str(variables[found[1]]), value)
    if isinstance(value, dict):
        return {name: filled(item, variables) for name, item in value.items()}
    return [filled(item, variables) for item in value] if isinstance(value, list) else value


def test_every_service_has_what_it_depends_on(compose: dict[str, Any]) -> None:
    services, volumes = compose["services"], compose["volumes"]
    assert {"postgres", "redis", "prefect-server", "s3", "scheduler", "pool-worker"} <= set(
        services
    )
    for name, service in services.items():
        assert "image" in service, name
        for other, condition in service.get("depends_on", {}).items():
            wanted = condition["condition"]
            assert other in services
            assert wanted != "service_healthy" or "healthcheck" in services[other], (name, other)
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in volumes
        if "build" in service:
            assert (FOLDER.parent / service["build"]["dockerfile"]).is_file()


def test_the_compose_file_follows_the_specification(tmp_path: Path) -> None:
    if shutil.which("node") is None or not DCLINT.is_file():
        pytest.skip("dclint is not installed; run npm ci in viewer/")
    text = (FOLDER / "compose.yaml").read_text()
    assert compose_faults(tmp_path, text) == set()
    wrong = text.replace("restart: unless-stopped", "restarts: always")
    assert compose_faults(tmp_path, wrong) == {"invalid-schema"}
    assert compose_faults(tmp_path, text.replace('["127.0.0.1:4200:', '["4200:')) == {
        "no-unbound-port-interfaces"
    }


def compose_faults(folder: Path, text: str) -> set[str]:
    """The rules that a compose file breaks."""
    (folder / "compose.yaml").write_text(text)
    done = subprocess.run(
        ["node", str(DCLINT), "--formatter=json", "compose.yaml"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    found = {message["rule"] for file in json.loads(done.stdout) for message in file["messages"]}
    return {rule for rule in found if not re.search(STYLE, rule)}


def test_no_secret_is_written_down_and_no_port_is_open_to_the_world(
    compose: dict[str, Any],
) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable):
                assert value.startswith("${"), (name, variable)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_compose_names_our_pool_preload_and_resources(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["pool-worker"]["command"][-1] in WORK_POOLS
    command = services["dask-worker"]["command"]
    assert "deployments.worker_preload" in command
    assert "GPU=1 CPU=2 API=2" in command
    assert services["prefect-server"]["environment"] == services["prefect-services"]["environment"]


def test_settings_of_the_server_are_prefects(compose: dict[str, Any]) -> None:
    """A name that Prefect does not know would be ignored without a word."""
    from prefect.settings import Settings

    names = set(Settings().to_environment_variables())
    tuned = {
        name
        for name in compose["services"]["prefect-server"]["environment"]
        if name.startswith("PREFECT_SERVER_SERVICES")
    }
    assert len(tuned) == 5
    assert tuned <= names


def test_job_template_is_a_valid_job() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    template = json.loads((FOLDER / "kubernetes" / "work-pool.json").read_text())
    properties = template["variables"]["properties"]
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert used == set(properties)
    values = {name: each.get("default") for name, each in properties.items()}
    values |= {"command": ["prefect", "flow-run", "execute"], "name": "run", "gpu_count": 2}
    job = filled(template["job_configuration"]["job_manifest"], values)
    job["spec"]["template"]["spec"]["containers"][0]["env"] = []  # Prefect makes it a list
    kubernetes_validate.validate(job, "1.31", strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 2


def test_pods_of_the_dask_cluster_are_valid() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    spec = yaml.safe_load((FOLDER / "kubernetes" / "dask-cluster.yaml").read_text())["spec"]
    for name in ("worker", "scheduler"):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}}
        kubernetes_validate.validate({**pod, "spec": spec[name]["spec"]}, "1.31", strict=True)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "scheduler"}}
    kubernetes_validate.validate(
        {**service, "spec": spec["scheduler"]["service"]}, "1.31", strict=True
    )
    spec["worker"]["spec"]["containers"][0]["ressources"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="ressources"):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "wrong"},
             "spec": spec["worker"]["spec"]},
            "1.31",
            strict=True,
        )  # fmt: skip


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_images_are_made_as_hadolint_wants(kind: str) -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), "--format=json",
               "--ignore=DL3008"]  # Debian keeps no older package to be pinned  # fmt: skip
    file = FOLDER / "docker" / f"{kind}.Dockerfile"
    done = subprocess.run([*command, str(file)], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_images_run_as_nobody_special_and_from_the_lock(kind: str) -> None:
    text = (FOLDER / "docker" / f"{kind}.Dockerfile").read_text()
    instructions = [line.split()[0] for line in text.replace("\\\n", " ").splitlines()
                    if line and not line.startswith("#")]  # fmt: skip
    assert instructions[0] == "FROM"
    assert set(instructions) <= {
        "FROM", "RUN", "WORKDIR", "COPY", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD"
    }  # fmt: skip
    assert instructions.index("USER") < instructions.index("CMD")
    assert "--requirement requirements.lock" in text
    assert "ARG" not in instructions
