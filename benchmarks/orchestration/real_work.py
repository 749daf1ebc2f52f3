"""Real objects on one Dask worker and on two: what two gain, and what orchestration takes."""

import json
from pathlib import Path
from typing import Any

import psutil

from benchmarks.orchestration.meters import servers, taken, thread_seconds
from deployments.cluster_settings import Local
from deployments.clusters import local_cluster

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = ("hat-on-head", "mug-with-lid")
PARTS = 2
_DASK_THREAD = "IO loop"  # of a cluster and of its clients in this process


def compare_workers(folder: Path, count: int, concurrency: int) -> dict[str, Any]:
    """Seconds of the same objects on one worker and on two, of one thread each.

    Orchestration's share is the processor time of this process (flow; Dask's scheduler and
    nannies, told apart as ``dask_s``) and of Prefect's server, of all processor time; pictures of
    results, which the flow's process would draw, are not made. What is paid once, imports and
    connections, is in a first run of an object per worker that is not counted. The efficiency of
    two workers is the time of one over twice the time of two; the machine needs two idle cores for
    it.

    Args:
        folder: for outputs and stores.
        count: of objects; each has a seed of its own, so that none is found in the store.
        concurrency: objects at a time.
    """
    told: dict[int, dict[str, Any]] = {}
    for workers in (1, 2):
        place = folder / f"{workers}-workers"
        place.mkdir(parents=True)
        settings = Local(kind="local", workers=workers, cpu_slots=1, profile="local")
        with local_cluster(settings) as cluster:
            cluster.wait_for_workers(workers, timeout=300)
            made = _Made(place, cluster.scheduler_address, concurrency)
            first = made.seconds("first", workers, 1000, ("reconstruct.preset=preview",))
            told[workers] = {
                **made.seconds("timed", count),
                "first_run": {name: first[name] for name in ("driver_s", "server_s")},
            }
    one, two = told[1], told[2]
    return {
        "objects": count,
        "parts": count * PARTS,
        "one_worker": one,
        "two_workers": two,
        "efficiency": round(one["wall_s"] / (2 * two["wall_s"]), 3),
        "efficiency_by_processor_time": round(one["workers_s"] / two["workers_s"], 3),
    }


class _Made:
    """Data sets made on one cluster.

    Args:
        folder: for manifests, outputs and the store.
        scheduler: its address.
        concurrency: objects at a time.
    """

    def __init__(self, folder: Path, scheduler: str, concurrency: int) -> None:
        self._folder = folder
        self._scheduler = scheduler
        self._concurrency = concurrency

    def seconds(
        self, name: str, count: int, first_seed: int = 0, settings: tuple[str, ...] = ()
    ) -> dict[str, float]:
        """Wall time, processor time by process, and orchestration's share of it.

        Raises:
            RuntimeError: not all were made.
        """
        from flows.dataset_job import DatasetJob
        from flows.generate_dataset import generate_dataset

        job = DatasetJob(
            source=str(self._manifest(name, count, first_seed)),
            output=str(self._folder / name),
            store=str(self._folder / "store"),
            settings=("runner=dask", f"scheduler={self._scheduler}", *settings),
            concurrency=self._concurrency,
            files="glb",
        )
        workers_s, dask_s = _workers_seconds(), thread_seconds(_DASK_THREAD)
        with taken() as found:
            tally = generate_dataset(job=job)
        if not tally.complete:
            raise RuntimeError(f"not all were made: {tally}")
        workers_s, dask_s = _workers_seconds() - workers_s, thread_seconds(_DASK_THREAD) - dask_s
        run = found[0]
        orchestration = run.driver_s + run.server_s
        return {
            "wall_s": round(run.wall_s, 1),
            "workers_s": round(workers_s, 1),
            "driver_s": round(run.driver_s, 2),
            "dask_s": round(dask_s, 2),
            "server_s": round(run.server_s, 2),
            "orchestration_share": round(orchestration / (orchestration + workers_s), 4),
        }

    def _manifest(self, name: str, count: int, first_seed: int) -> Path:
        rows: list[dict[str, Any]] = []
        for index in range(count):
            example = EXAMPLES / NAMES[index % len(NAMES)]
            rows.append({
                "id": f"object-{index}",
                "image": str(example / "image.png"),
                "components": str(example / "components.yaml"),
                "seed": first_seed + index,
            })  # fmt: skip
        path = self._folder / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        return path


def _workers_seconds() -> float:
    """Processor time of this process's children, apart from Prefect's server."""
    apart = {each.pid for each in servers()}
    times = [
        each.cpu_times()
        for each in psutil.Process().children(recursive=True)
        if each.pid not in apart
    ]
    return sum(each.user + each.system for each in times)
