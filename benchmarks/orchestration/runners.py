"""The runners side by side on one cluster, and that cluster without any of it."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.orchestration.runs import timed_run
from benchmarks.tests_modules import search_path
from deployments.cluster_settings import Local
from deployments.clusters import local_cluster

WORKERS = 2


def compare_runners(job: Any, folder: Path, count: int, tasks: int) -> dict[str, Any]:
    """Milliseconds per task of each runner, cold and then all found in the store.

    Args:
        job: the data set.
        folder: for outputs and stores.
        count: of objects.
        tasks: of each object.
    """
    told: dict[str, Any] = {}
    with search_path(), local_cluster(Local(kind="local", workers=WORKERS)) as cluster:
        cluster.wait_for_workers(WORKERS, timeout=200)
        address = cluster.scheduler_address
        side_by_side = job.concurrency * 2  # as the profile has two workers
        told["raw dask"] = raw_dask(address, count * tasks, side_by_side)
        for runner in ("threads", "dask", "dask-tasks"):
            chosen = (f"runner={runner}", f"scheduler={address}")
            made = job.model_copy(
                update={"settings": chosen if runner != "threads" else (),
                        "store": str(folder / f"{runner}-store")}
            )  # fmt: skip
            runs = {
                what: made.model_copy(update={"output": str(folder / f"{runner}-{what}")})
                for what in ("cold", "cached")
            }
            told[runner] = {
                what: timed_run(each).per_task(count * tasks) for what, each in runs.items()
            }
    return {"objects": count, "tasks": count * tasks, "workers": WORKERS, "ms_per_task": told}


def raw_dask(address: str, tasks: int, side_by_side: int) -> float:
    """Milliseconds per call of a function that does nothing, waited for in so many threads."""
    from distributed import Client

    with Client(address, set_as_default=False) as client, ThreadPoolExecutor(side_by_side) as pool:
        call = partial(_call, client)
        list(pool.map(call, range(side_by_side)))
        started = time.perf_counter()
        list(pool.map(call, range(tasks)))
        return round(1e3 * (time.perf_counter() - started) / tasks, 2)


def _call(client: Any, number: int) -> int:
    return client.submit(abs, number, resources={"GPU": 1}, pure=False).result()
