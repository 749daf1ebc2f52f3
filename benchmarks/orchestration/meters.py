"""What a run takes: time, memory, requests, and what it leaves in Prefect."""

import os
import resource
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from flows.dataset_job import DatasetJob
from mmpart_core.storage.store_files import StoreFiles


@dataclass(frozen=True)
class Taken:
    """What a run took: wall time, and processor time of this process and of the server."""

    wall_s: float
    driver_s: float
    server_s: float

    def per_task(self, tasks: int) -> dict[str, float]:
        """Milliseconds per task."""
        return {name: round(1e3 * value / tasks, 2) for name, value in asdict(self).items()}


@contextmanager
def taken() -> Generator[list[Taken]]:
    """Gives a list that holds, at the end, what was taken within."""
    found: list[Taken] = []
    begun = time.perf_counter(), time.process_time(), server_seconds()
    yield found
    ended = time.perf_counter(), time.process_time(), server_seconds()
    found.append(Taken(*(after - before for before, after in zip(begun, ended, strict=True))))


@contextmanager
def counted_requests() -> Generator[Counter[str]]:
    """Within: what is asked of stores and outputs is counted, by kind."""
    counts: Counter[str] = Counter()
    names = ("read_file", "write_file", "delete_file", "_file_facts", "_listed")
    real = {name: getattr(StoreFiles, name) for name in names}

    def counting(name: str) -> Any:
        def call(self: StoreFiles, *arguments: Any) -> Any:
            counts[name] += 1
            return real[name](self, *arguments)

        return call

    for name in names:
        setattr(StoreFiles, name, counting(name))
    try:
        yield counts
    finally:
        for name, function in real.items():
            setattr(StoreFiles, name, function)


def machine() -> dict[str, Any]:
    """How busy this machine is, of what size."""
    return {"load": round(os.getloadavg()[0], 1), "cores": os.cpu_count()}


def driver_mb() -> int:
    """The most memory that this process has had."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def server_mb() -> int:
    """Memory of the server that was started for this run."""
    return round(sum(each.memory_info().rss for each in servers()) / 2**20)


def database_kb() -> float:
    """Size of the server's database, where it is a file of this run."""
    home = Path(os.environ["PREFECT_HOME"])
    return sum(file.stat().st_size for file in home.glob("prefect.db*")) / 1024


def prefect_states(job: DatasetJob) -> dict[str, dict[str, int]]:
    """What Prefect says became of the objects and their tasks, beside what the table says."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

    from flows.dataset_lease import read_lease
    from flows.dataset_table import load_outcomes

    lease = read_lease(job.place)
    if lease is None:
        raise RuntimeError("the run left no lease")
    table = load_outcomes(job.place).to_pandas()
    objects = table[table["component"].isna()]
    told: Counter[str] = Counter()
    with get_client(sync_client=True) as client:
        parent = FlowRunFilterParentFlowRunId.model_validate({"any_": [lease.flow_run]})
        children = FlowRunFilter(parent_flow_run_id=parent)
        offset = 0
        while runs := client.read_flow_runs(flow_run_filter=children, limit=200, offset=offset):
            told.update(run.state_name or "" for run in runs)
            offset += len(runs)
    return {"prefect": dict(told), "table": objects["state"].value_counts().to_dict()}


def servers() -> list[psutil.Process]:
    """The Prefect server that was started for this run; none where there is another one."""
    children = psutil.Process().children(recursive=True)
    return [each for each in children if "flows.embedded_server" in " ".join(each.cmdline())]


def thread_seconds(name: str) -> float:
    """Processor time of this process's threads of a name, of those that run now."""
    wanted = {each.native_id for each in threading.enumerate() if each.name == name}
    found = [each for each in psutil.Process().threads() if each.id in wanted]
    return sum(each.user_time + each.system_time for each in found)


def server_seconds() -> float:
    """Processor time of that server."""
    return sum(each.cpu_times().user + each.cpu_times().system for each in servers())
