"""Descriptions of Dask clusters, checked before anything is started."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

PRELOAD = "deployments.worker_preload"
PROFILE_VARIABLE = "MMPART_PRELOAD_PROFILE"
# Dask looks at itself up to a hundred times a second in each process, for pages that nobody opens
# here: 2 to 3 % of a core, also while nothing happens. Memory it still looks at twice a second.
RARELY_LOOKED_AT: dict[str, str | bool] = {
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.worker.profile.enabled": False,
}


def dask_environment() -> dict[str, str]:
    """``RARELY_LOOKED_AT`` as Dask's processes find it in their environment."""
    return {
        f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": str(value)
        for name, value in RARELY_LOOKED_AT.items()
    }


class ClusterSettings(BaseModel):
    """What all clusters have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=1, ge=1, le=4096, description="Worker processes.")
    cpu_slots: int = Field(
        default=2, ge=1, le=256, description="Pieces of CPU work that one worker may hold at once."
    )
    profile: str | None = Field(
        default=None,
        description="Profile whose back-ends each worker opens as it starts, see worker_preload.",
    )
    threads_per_stage: int = Field(
        default=1, ge=1, le=256, description="OMP_NUM_THREADS of the workers."
    )

    def resources(self) -> dict[str, float]:
        """What one worker offers."""
        return {"GPU": 1, "CPU": self.cpu_slots, "API": self.cpu_slots}

    def environment(self) -> dict[str, str]:
        """What the workers' processes find in their environment; no keys."""
        found = {"OMP_NUM_THREADS": str(self.threads_per_stage), **dask_environment()}
        return {**found, PROFILE_VARIABLE: self.profile} if self.profile else found

    def worker_options(self) -> list[str]:
        """Options of ``dask worker`` for all that."""
        offered = " ".join(f"{name}={count:g}" for name, count in self.resources().items())
        return ["--resources", offered, "--preload", PRELOAD]


class Attached(BaseModel):
    """A scheduler that somebody else started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["attached"]
    address: str = Field(pattern=r"^[a-z]+://[^@/\s]+$", description="tcp://host:8786.")


class Local(ClusterSettings):
    """Worker processes on this machine."""

    kind: Literal["local"]


class LocalCuda(ClusterSettings):
    """One worker process per GPU of this machine (dask-cuda); ``workers`` is not used."""

    kind: Literal["cuda"]
    gpus: str | None = Field(
        default=None, pattern=r"^\d+(,\d+)*$", description="Which GPUs: 0,1. Default: all."
    )


class Slurm(ClusterSettings):
    """Jobs of SLURM (dask-jobqueue), one worker with one GPU each."""

    kind: Literal["slurm"]
    queue: str | None = Field(default=None, description="Partition.")
    account: str | None = Field(default=None, description="Account that is charged.")
    cores: int = Field(default=8, ge=1, le=512, description="CPU cores of a job.")
    memory: str = Field(default="48GB", description="Memory of a job.")
    walltime: str = Field(
        default="08:00:00",
        pattern=r"^(\d+-)?\d{1,3}:\d\d:\d\d$",
        description="Longest time of a job.",
    )
    gpus: int = Field(default=1, ge=0, le=1, description="GPUs of a job.")
    setup: tuple[str, ...] = Field(
        default=(), description="Shell lines before the worker starts: modules, environment."
    )
    interface: str | None = Field(default=None, description="Network interface, such as ib0.")


class Kubernetes(ClusterSettings):
    """Pods of the Dask operator (dask-kubernetes), one worker with one GPU each."""

    kind: Literal["kubernetes"]
    image: str = Field(description="Image with MMPart, see deployments/docker.")
    name: str = Field(default="mmpart", pattern=r"^[a-z]([-a-z0-9]{0,40}[a-z0-9])?$",
                      description="Name of the cluster.")  # fmt: skip
    namespace: str = Field(default="default", description="Where it runs.")
    memory: str = Field(default="48Gi", description="Memory of a worker.")
    cpus: str = Field(default="8", description="CPUs of a worker.")
    gpus: int = Field(default=1, ge=0, le=1, description="GPUs of a worker.")
    secret: str = Field(
        default="mmpart-store", description="Secret with the store's keys as AWS_* variables."
    )


Cluster = Annotated[Attached | Local | LocalCuda | Slurm | Kubernetes, Field(discriminator="kind")]
