"""Clusters are described, checked, and become what their systems understand."""

import importlib
from pathlib import Path
from typing import Any

import dask.config as dask_config
import pytest
import yaml

from deployments.cluster_settings import (
    RARELY_LOOKED_AT,
    Kubernetes,
    Local,
    Slurm,
    dask_environment,
)
from deployments.clusters import kubernetes_spec, opened, read_cluster, slurm_job_options
from deployments.worker_preload import dask_setup, open_backends
from mmpart_core import backends
from mmpart_core.config import validate_config
from mmpart_core.errors import ConfigError, MMPartError

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ["--resources", "GPU=1 CPU=2 API=2", "--preload", "deployments.worker_preload"]

WITH_PASSWORD = "tcp://me:pw@host:1"  # pragma: allowlist secret


def described(tmp_path: Path, **values: Any) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def test_descriptions_are_checked(tmp_path: Path) -> None:
    local = read_cluster(described(tmp_path, kind="local", workers=3))
    assert local == Local(kind="local", workers=3)
    for values, said in (
        ({"kind": "cloud"}, "cloud"),
        ({"kind": "local", "workers": 0}, "workers"),
        ({"kind": "slurm", "walltime": "soon"}, "walltime"),
        ({"kind": "attached", "address": WITH_PASSWORD}, "address"),
        ({"kind": "kubernetes"}, "image"),
        ({"kind": "local", "wrokers": 2}, "wrokers"),
    ):
        with pytest.raises(ConfigError, match=said):
            read_cluster(described(tmp_path, **values))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_cluster(tmp_path / "nowhere.yaml")


def test_an_attached_cluster_is_its_address(tmp_path: Path) -> None:
    path = described(tmp_path, kind="attached", address="tcp://host:8786")
    with opened(read_cluster(path)) as address:
        assert address == "tcp://host:8786"


def test_options_of_workers() -> None:
    local = Local(kind="local", profile="open-weights", threads_per_stage=4)
    assert local.worker_options() == OPTIONS
    assert local.environment() == {
        "OMP_NUM_THREADS": "4",
        "MMPART_PRELOAD_PROFILE": "open-weights",
        **dask_environment(),
    }


def test_dask_looks_at_itself_rarely_wherever_it_runs() -> None:
    importlib.import_module("distributed")  # brings its defaults along

    known = {name: dask_config.get(name) for name in RARELY_LOOKED_AT}
    assert all(known[name] != value for name, value in RARELY_LOOKED_AT.items())
    with dask_config.set(dask_config.collect_env(dask_environment())):
        found = {name: dask_config.get(name) for name in RARELY_LOOKED_AT}
    assert found == RARELY_LOOKED_AT
    compose = yaml.safe_load((ROOT / "deployments" / "compose.yaml").read_text())["services"]
    for service in ("scheduler", "dask-worker", "dask-worker-gpu"):
        assert dask_environment().items() <= compose[service]["environment"].items()


def test_slurm_jobs() -> None:
    slurm = pytest.importorskip("dask_jobqueue.slurm")
    described = Slurm(
        kind="slurm", queue="gpu", account="lab", cores=8, memory="48GB", walltime="08:00:00",
        setup=("module load cuda",), profile="open-weights",
    )  # fmt: skip
    options = slurm_job_options(described)
    script = slurm.SLURMJob("tcp://127.0.0.1:8786", name="mmpart", **options).job_script()
    lines = script.splitlines()
    assert {
        "#SBATCH -p gpu", "#SBATCH -A lab", "#SBATCH --cpus-per-task=8", "#SBATCH --gres=gpu:1",
        "#SBATCH -t 08:00:00", "module load cuda", "export MMPART_PRELOAD_PROFILE=open-weights",
    } <= set(lines)  # fmt: skip
    assert "--resources 'GPU=1 CPU=2 API=2' --preload deployments.worker_preload" in lines[-1]
    assert "AWS_SECRET" not in script


def test_kubernetes_resources_are_what_the_file_says() -> None:
    folder = ROOT / "deployments" / "kubernetes"
    cluster = read_cluster(folder / "cluster.yaml")
    assert isinstance(cluster, Kubernetes)
    spec = kubernetes_spec(cluster)
    assert yaml.safe_load((folder / "dask-cluster.yaml").read_text()) == spec
    (worker,) = spec["spec"]["worker"]["spec"]["containers"]
    assert worker["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert worker["args"][-4:] == OPTIONS
    none = kubernetes_spec(cluster.model_copy(update={"gpus": 0}))
    (worker,) = none["spec"]["worker"]["spec"]["containers"]
    assert "nvidia.com/gpu" not in worker["resources"]["limits"]


def test_a_worker_opens_its_back_ends_once(
    journal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {stage: {"kind": "counting"} for stage in backends.STAGES}
    config = validate_config(data, "test")
    assert open_backends(config) == backends.STAGES
    choice = config.choice("mesh")
    first = backends.open_backend("mesh", choice.kind, choice.settings)
    profile = tmp_path / "counting.yaml"
    profile.write_text(yaml.safe_dump(data))
    monkeypatch.setenv("MMPART_PRELOAD_PROFILE", str(profile))
    dask_setup(object())
    assert backends.open_backend("mesh", choice.kind, choice.settings) is first
    monkeypatch.setenv("MMPART_PRELOAD_PROFILE", "no-such-profile")
    with pytest.raises(MMPartError, match="no-such-profile"):
        dask_setup(object())
