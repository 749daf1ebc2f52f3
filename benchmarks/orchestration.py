"""What orchestration costs: objects per second, memory, requests, and whether states are true.

    python -m benchmarks.orchestration [--objects 100 1000] [--parts 5] [--concurrency 4]
    python -m benchmarks.orchestration --finished 10000

The stages do nothing (``tests/packages/mmpart_noop``); flow, tasks, store and table are the real
ones, with Prefect's server at PREFECT_API_URL or one of this run. Four runs per number of objects:

- cold: nothing is stored;
- cached: all outcomes are removed and all stages are found in the store;
- finished: every object has its outcome, so that none is begun;
- pipeline: the same work without Prefect, store look-ups or table, as the alternative.

Printed as one line of JSON per number: objects per second, milliseconds per task (wall time, and
processor time of this process and of the server, which other work on the machine does not change),
memory of both, requests to store and output per object, and how many flow runs Prefect has in each
state beside the table's.

``--finished`` measures only how fast a run goes past objects that are finished: their files and
outcomes are written as a run would have left them, and none is begun.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import psutil
import yaml

from flows.cli_prefect import import_prefect, prefect_session
from flows.dataset_job import DatasetJob
from mmpart_core import pipeline
from mmpart_core.backends import STAGES
from mmpart_core.config import PipelineConfig, read_profile
from mmpart_core.intake.components import parse_part
from mmpart_core.intake.request import build_request
from mmpart_core.storage.codecs import encode_png
from mmpart_core.storage.memory_store import MemoryStore
from mmpart_core.storage.store_files import StoreFiles

PACKAGES = Path(__file__).resolve().parents[1] / "tests" / "packages"
IMAGE_PX = 32


def main() -> None:
    """Measure and print."""
    arguments = read_arguments()
    sys.path.insert(0, str(PACKAGES))
    import_prefect(verbose=False)
    with tempfile.TemporaryDirectory() as folder, prefect_session(verbose=False, log_folder=None):
        for count in arguments.finished:
            print(json.dumps(measure_finished(Path(folder), count, arguments)), flush=True)
        for count in () if arguments.finished else arguments.objects:
            print(json.dumps(measure(Path(folder) / str(count), count, arguments)), flush=True)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[100])
    parser.add_argument("--finished", type=int, nargs="+", default=[])
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--store", help="an empty store, such as s3://bucket/prefix; a folder else")
    return parser.parse_args()


@dataclass(frozen=True)
class Taken:
    """What a run took: wall time, and processor time of this process and of the server."""

    wall_s: float
    driver_s: float
    server_s: float

    def per_task(self, tasks: int) -> dict[str, float]:
        """Milliseconds per task."""
        return {name: round(1e3 * value / tasks, 2) for name, value in asdict(self).items()}


def measure(folder: Path, count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """All runs over one number of objects."""
    job = write_dataset(folder, count, arguments)
    tasks = count * (4 * arguments.parts + 2)
    with counted_requests() as requests:
        cold = timed_run(job)
        cold_requests = requests.total() / count
    states = prefect_states(job)
    shutil.rmtree(folder / "out")
    with counted_requests() as requests:
        cached = timed_run(job)
        cached_requests = requests.total() / count
    finished = timed_run(job)
    direct = direct_run(job, min(count, 20))
    return {
        "objects": count,
        "tasks": tasks,
        "ms_per_task": {
            "cold": cold.per_task(tasks),
            "cached": cached.per_task(tasks),
            "pipeline": direct.per_task(tasks // count),
        },
        "objects_per_s": {
            "cold": round(count / cold.wall_s, 2),
            "cached": round(count / cached.wall_s, 2),
            "finished": round(count / finished.wall_s, 1),
            "finished_by_processor_time": round(count / finished.driver_s, 1),
            "pipeline": round(1 / direct.wall_s, 2),
        },
        "store_requests_per_object": {"cold": cold_requests, "cached": cached_requests},
        "driver_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "server_mb": round(sum(each.memory_info().rss for each in servers()) / 2**20),
        "states": states,
    }


def measure_finished(folder: Path, count: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """One run over objects that are all finished."""
    from flows.generate_dataset import generate_dataset

    job = write_dataset(folder / f"finished-{count}", count, arguments)
    write_outcomes(job)
    with counted_requests() as requests, taken() as found:
        tally = generate_dataset(job=job)
    if (tally.kept, tally.complete) != (count, True):
        raise RuntimeError(f"not all were finished: {tally}")
    return {
        "finished": count,
        "objects_per_s": round(count / found[0].wall_s, 1),
        "objects_per_s_by_processor_time": round(count / found[0].driver_s, 1),
        "requests_per_object": round(requests.total() / count, 2),
        "driver_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def write_outcomes(job: DatasetJob) -> None:
    """What a run leaves that has made all objects: a file each, and the table."""
    from flows.dataset_items import check_row
    from flows.dataset_job import check_job, write_job
    from flows.dataset_keys import config_identity, image_digest, image_mark, item_key
    from flows.dataset_known import SCENE_FILE
    from flows.dataset_manifest import read_rows
    from flows.dataset_outcomes import OutcomeRow
    from flows.dataset_table import OutcomeWriter, compact
    from mmpart_core.output.manifest import MANIFEST_FILE

    prepared = check_job(job)
    config, defaults = config_identity(prepared.config), prepared.defaults()
    writer = OutcomeWriter(job.place, run=1)
    for row in read_rows(job.source):
        item = check_row(row, defaults)
        digest = image_digest(item)
        for name in (SCENE_FILE, MANIFEST_FILE):
            job.place.write_file(f"objects/{item.name}/{name}", b"x")
        told = OutcomeRow(
            object=item.name, number=item.number, state="made", image=item.shown,
            key=item_key(item, digest, config), image_sha256=digest, image_mark=image_mark(item),
            glb_bytes=1, manifest_bytes=1, parts=len(item.entries), parts_made=len(item.entries),
        )  # fmt: skip
        parts = [
            OutcomeRow(object=item.name, component=entry.name, number=item.number, state="made")
            for entry in item.entries
        ]
        writer.add([told, *parts], at_once=False)
    writer.close()
    write_job(job)
    compact(job.place)


def write_dataset(folder: Path, count: int, arguments: argparse.Namespace) -> DatasetJob:
    """Images that all differ, their manifest and a profile of back-ends that do nothing."""
    images = folder / "images"
    images.mkdir(parents=True)
    pixels = np.zeros((IMAGE_PX, IMAGE_PX, 4), dtype=np.uint8)
    pixels[6:26, 6:26] = [200, 60, 40, 255]
    for index in range(count):
        pixels[10, 10, :3] = [index % 256, index // 256 % 256, index // 65536]
        (images / f"{index:06d}.png").write_bytes(encode_png(pixels))
    profile: dict[str, Any] = {stage: {"kind": "noop"} for stage in STAGES}
    (folder / "noop.yaml").write_text(yaml.safe_dump({**profile, "workers": 2}))
    names = ", ".join(f"part {index}" for index in range(arguments.parts))
    return DatasetJob(
        source=str(images),
        output=str(folder / "out"),
        components=names,
        profile=str(folder / "noop.yaml"),
        store=arguments.store or str(folder / "store"),
        files="glb",
        concurrency=arguments.concurrency,
    )


def timed_run(job: DatasetJob) -> Taken:
    """What one run takes; all objects must be made."""
    from flows.generate_dataset import generate_dataset

    with taken() as found:
        tally = generate_dataset(job=job)
    if not tally.complete:
        raise RuntimeError(f"not all were made: {tally}")
    return found[0]


def direct_run(job: DatasetJob, count: int) -> Taken:
    """What one object takes without Prefect, in memory."""
    config: PipelineConfig = read_profile(Path(job.profile))
    entries = [parse_part(name) for name in (job.components or "").split(",")]
    images = sorted(Path(job.source).iterdir())[:count]
    with taken() as found:
        for image in images:
            store = MemoryStore()
            request = build_request(image, entries, store=store)
            pipeline.generate_object(request, config, store, seed=0)
    return Taken(*(value / count for value in asdict(found[0]).values()))


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


def server_seconds() -> float:
    """Processor time of that server."""
    return sum(each.cpu_times().user + each.cpu_times().system for each in servers())


if __name__ == "__main__":
    main()
