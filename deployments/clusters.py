"""Dask clusters for the runners on Dask: on this machine, on its GPUs, under SLURM, on Kubernetes.

A cluster is described by a small checked object; ``opened(cluster)`` starts it and gives its
scheduler's address for ``--scheduler``. Workers offer the resources ``GPU`` and ``CPU`` that
stages ask for (``tasks/_cluster.py``), the GPU once, so that it holds one piece of GPU work at a
time. ``python -m deployments.clusters FILE.yaml`` keeps one until Ctrl-C.
"""

import importlib
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from deployments.cluster_settings import (
    PRELOAD,
    RARELY_LOOKED_AT,
    Attached,
    Cluster,
    Kubernetes,
    Local,
    LocalCuda,
    Slurm,
)
from mmpart_core.backends import faults_of
from mmpart_core.errors import ConfigError, MissingDependencyError
from mmpart_core.plain_yaml import parse_yaml

_EXTRA = "pip install 'mmpart[cluster]'"


def read_cluster(path: Path) -> Cluster:
    """A cluster's description from a YAML file.

    Raises:
        ConfigError: it cannot be read, or something in it does not fit.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cluster '{path}': cannot be read ({error})") from error
    data = parse_yaml(text, f"cluster '{path.name}'", ConfigError)
    try:
        return TypeAdapter[Cluster](Cluster).validate_python(data)
    except ValidationError as error:
        said = "; ".join(f"{place}: {fault}" for place, fault in faults_of(error))
        raise ConfigError(f"cluster '{path.name}': {said}") from error


@contextmanager
def opened(cluster: Cluster) -> Generator[str]:
    """Within: the cluster runs; gives its scheduler's address.

    Raises:
        MissingDependencyError: the package that starts such clusters is not installed.
    """
    if isinstance(cluster, Attached):
        yield cluster.address
        return
    with _start(cluster) as running:
        yield running.scheduler_address


def _start(cluster: Local | LocalCuda | Slurm | Kubernetes) -> Any:
    if isinstance(cluster, Local):
        return local_cluster(cluster)
    if isinstance(cluster, LocalCuda):
        return cuda_cluster(cluster)
    if isinstance(cluster, Slurm):
        started = slurm_cluster(cluster)
        started.scale(jobs=cluster.workers)
        return started
    made: Any = _package("dask_kubernetes.operator", "kubernetes")
    return made.KubeCluster(custom_cluster_spec=kubernetes_spec(cluster))


def local_cluster(cluster: Local) -> Any:
    """A ``distributed.LocalCluster`` of processes, each under a nanny that starts it again."""
    distributed: Any = importlib.import_module("distributed")
    with _rarely_looked_at():
        return distributed.LocalCluster(
            n_workers=cluster.workers,
            threads_per_worker=cluster.cpu_slots,
            processes=True,
            dashboard_address=":0",
            resources=cluster.resources(),
            preload=[PRELOAD],
            env=cluster.environment(),
        )


def _rarely_looked_at() -> Any:
    """Within: a scheduler and nannies of this process begin with ``RARELY_LOOKED_AT``."""
    config: Any = importlib.import_module("dask.config")
    return config.set(RARELY_LOOKED_AT)


def cuda_cluster(cluster: LocalCuda) -> Any:
    """A ``dask_cuda.LocalCUDACluster``: each worker sees one GPU.

    Raises:
        MissingDependencyError: dask-cuda is not installed.
    """
    made: Any = _package("dask_cuda", "cuda")
    with _rarely_looked_at():
        return made.LocalCUDACluster(
            CUDA_VISIBLE_DEVICES=cluster.gpus,
            threads_per_worker=1,
            resources=cluster.resources(),
            preload=[PRELOAD],
            env=cluster.environment(),
        )


def slurm_cluster(cluster: Slurm) -> Any:
    """A ``dask_jobqueue.SLURMCluster``, no job started yet.

    Raises:
        MissingDependencyError: dask-jobqueue is not installed.
    """
    made: Any = _package("dask_jobqueue", "slurm")
    quiet = {"dashboard_address": ":0"}
    return made.SLURMCluster(**slurm_job_options(cluster), scheduler_options=quiet)


def slurm_job_options(cluster: Slurm) -> dict[str, Any]:
    """What a job of SLURM is made of, as arguments of dask-jobqueue."""
    exports = [f"export {name}={value}" for name, value in cluster.environment().items()]
    return {
        "queue": cluster.queue,
        "account": cluster.account,
        "cores": cluster.cores,
        "processes": 1,
        "memory": cluster.memory,
        "walltime": cluster.walltime,
        "interface": cluster.interface,
        "job_extra_directives": [f"--gres=gpu:{cluster.gpus}"] if cluster.gpus else [],
        "job_script_prologue": [*cluster.setup, *exports],
        "worker_command": "distributed.cli.dask_worker",
        "worker_extra_args": _quoted(cluster.worker_options()),
    }


def kubernetes_spec(cluster: Kubernetes) -> dict[str, Any]:
    """The ``DaskCluster`` resource of the Dask operator.

    Its form is that of ``kubernetes.dask.org/en/latest/operator_resources.html``.
    """
    limits = {"cpu": cluster.cpus, "memory": cluster.memory}
    if cluster.gpus:
        limits["nvidia.com/gpu"] = str(cluster.gpus)
    environment = [{"name": name, "value": value} for name, value in cluster.environment().items()]
    threads = ["--nthreads", str(cluster.cpu_slots)]
    worker = {
        "name": "worker",
        "image": cluster.image,
        "args": ["dask", "worker", "--name", "$(DASK_WORKER_NAME)", *threads,
                 *cluster.worker_options()],
        "env": environment,
        "envFrom": [{"secretRef": {"name": cluster.secret}}],
        "resources": {"requests": dict(limits), "limits": limits},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108 - a mount, no file
    }  # fmt: skip
    shared_memory = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}
    ports = [{"name": "tcp-comm", "containerPort": 8786, "protocol": "TCP"}]
    scheduler = {
        "name": "scheduler",
        "image": cluster.image,
        "args": ["dask", "scheduler", "--no-dashboard"],
        "ports": ports,
        "readinessProbe": {"tcpSocket": {"port": "tcp-comm"}, "periodSeconds": 10},
        "resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "4Gi"}},
    }
    selector = {
        "dask.org/cluster-name": cluster.name,
        "dask.org/component": "scheduler",
    }
    service_port = {"name": "tcp-comm", "port": 8786, "targetPort": "tcp-comm", "protocol": "TCP"}
    return {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskCluster",
        "metadata": {"name": cluster.name, "namespace": cluster.namespace},
        "spec": {
            "worker": {
                "replicas": cluster.workers,
                "spec": {"containers": [worker], "volumes": [shared_memory]},
            },
            "scheduler": {
                "spec": {"containers": [scheduler]},
                "service": {"type": "ClusterIP", "selector": selector, "ports": [service_port]},
            },
        },
    }


def _quoted(options: list[str]) -> list[str]:
    """Options for a shell's line."""
    return [f"'{option}'" if " " in option else option for option in options]


def _package(name: str, kind: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"cluster of kind '{kind}': needs the package {error.name}, which is not installed; "
            f"{_EXTRA}"
        ) from error


def main() -> None:
    """Keep a cluster until Ctrl-C or SIGTERM; its scheduler's address goes to stdout."""
    try:
        cluster = read_cluster(Path(sys.argv[1]))
        with opened(cluster) as address:
            sys.stdout.write(f"{address}\n")
            sys.stdout.flush()
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    except (ConfigError, IndexError) as error:
        said = error if isinstance(error, ConfigError) else "name a cluster's YAML file"
        sys.exit(f"mmpart: {said}")


if __name__ == "__main__":
    main()
