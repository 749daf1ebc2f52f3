"""What orchestration costs: objects per second, memory, requests, and whether states are true.

    python -m benchmarks.orchestration [--objects 100 1000] [--parts 5] [--concurrency 4] [--s3]
    python -m benchmarks.orchestration --objects 10000 --minutes 12
    python -m benchmarks.orchestration --finished 10000
    python -m benchmarks.orchestration --objects 20 --task-runs 440000
    python -m benchmarks.orchestration --runners [--objects 10]
    python -m benchmarks.orchestration --real --objects 6

The stages do nothing (``tests/packages/mmpart_noop``); flow, tasks, store and table are the real
ones, with Prefect's server at PREFECT_API_URL or one of this run, with a database of its own. Four
runs per number of objects:

- cold: nothing is stored;
- cached: all outcomes are removed and all stages are found in the store;
- finished: every object has its outcome, so that none is begun;
- pipeline: the same work without Prefect, store look-ups or table, as the alternative.

Printed as one line of JSON per number: objects per second, milliseconds per task (wall time, and
processor time of this process and of the server, which other work on the machine does not change),
memory of both, requests to store and output per object, what the server's database grows by, and
how many flow runs Prefect has in each state beside the table's; and the load of the machine.

``--s3`` keeps the store in a real S3 server of this machine (``rclone serve s3``); the output stays
in a folder. ``--minutes`` tells the cold run to stop, as Ctrl-C does, and looks at what there is
then; nothing else is run. ``--finished`` measures only how fast a run goes past objects that are
finished: their files and outcomes are written as a run would have left them, and none is begun.
``--task-runs`` are in the server's database (sqlite) before, as after a long time.
``--runners`` makes the objects with each runner, and calls the same cluster without any of it.
``--real`` makes the examples by the profile ``local`` on one worker and on two, of one thread each.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.orchestration.grown_database import grow_database
from benchmarks.orchestration.meters import (
    Taken,
    counted_requests,
    database_kb,
    driver_mb,
    machine,
    prefect_states,
    server_mb,
    taken,
)
from benchmarks.orchestration.noop_dataset import write_dataset, write_outcomes
from benchmarks.orchestration.real_work import compare_workers
from benchmarks.orchestration.runners import compare_runners
from benchmarks.orchestration.runs import direct_run, run_for, timed_run
from benchmarks.tests_modules import provide_packages, tests_module
from flows.cli_prefect import import_prefect, prefect_session


def main() -> None:
    """Measure and print."""
    arguments = read_arguments()
    provide_packages()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PREFECT_HOME"] = str(folder / "prefect")
        import_prefect(verbose=False)
        with prefect_session(verbose=False, log_folder=None), store_of(arguments, folder) as store:
            if arguments.task_runs:
                grow_database(arguments.task_runs)
            for count in arguments.finished or arguments.objects:
                told = measure(folder / str(count), count, store, arguments)
                print(json.dumps(told | machine()), flush=True)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, nargs="+", default=[100])
    parser.add_argument("--minutes", type=float, help="only a cold run, told to stop after these")
    parser.add_argument("--finished", type=int, nargs="+", default=[])
    parser.add_argument("--task-runs", type=int, default=0, help="in the database before")
    parser.add_argument("--runners", action="store_true", help="compare the runners")
    parser.add_argument("--real", action="store_true", help="real objects, one worker and two")
    parser.add_argument("--parts", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--store", help="an empty store, such as s3://bucket/prefix; a folder else")
    parser.add_argument("--s3", action="store_true", help="a store in an S3 server of this machine")
    return parser.parse_args()


@contextmanager
def store_of(arguments: argparse.Namespace, folder: Path) -> Generator[str | None]:
    """Within: the store that was asked for; None for a folder beside each data set."""
    if not arguments.s3:
        yield arguments.store
        return
    with tests_module("real_s3").real_s3(folder / "s3") as bucket:
        yield f"{bucket}/store"


def measure(
    folder: Path, count: int, store: str | None, arguments: argparse.Namespace
) -> dict[str, Any]:
    """What was asked for, of one number of objects."""
    if arguments.real:
        return compare_workers(folder, count, arguments.concurrency)
    job = write_dataset(folder, count, store, arguments.parts, arguments.concurrency)
    tasks = 4 * arguments.parts + 2
    if arguments.finished:
        return measure_finished(job, count)
    if arguments.runners:
        return compare_runners(job, folder, count, tasks)
    if arguments.minutes is not None:
        return measure_for(job, tasks, arguments.minutes)
    return measure_all(job, count, tasks)


def measure_all(job: Any, count: int, tasks: int) -> dict[str, Any]:
    """All runs over one number of objects.

    Args:
        job: the data set.
        count: its objects.
        tasks: of each.
    """
    before_kb = database_kb()
    with counted_requests() as requests:
        cold = timed_run(job)
        tell("cold", cold.per_task(count * tasks) | machine())
        cold_requests = requests.total() / count
    states = prefect_states(job)
    grown_kb = database_kb() - before_kb
    shutil.rmtree(job.output)
    with counted_requests() as requests:
        cached = timed_run(job)
        tell("cached", cached.per_task(count * tasks) | machine())
        cached_requests = requests.total() / count
    finished = timed_run(job)
    direct = direct_run(job, min(count, 20))
    return {
        "objects": count,
        "tasks": count * tasks,
        "ms_per_task": {
            "cold": cold.per_task(count * tasks),
            "cached": cached.per_task(count * tasks),
            "pipeline": direct.per_task(tasks),
        },
        "objects_per_s": {
            "cold": round(count / cold.wall_s, 2),
            "cached": round(count / cached.wall_s, 2),
            "finished": round(count / finished.wall_s, 1),
            "finished_by_processor_time": round(count / finished.driver_s, 1),
            "pipeline": round(1 / direct.wall_s, 2),
        },
        "store_requests_per_object": {"cold": cold_requests, "cached": cached_requests},
        "database_kb_per_task": round(grown_kb / (count * tasks), 1),
        "driver_mb": driver_mb(),
        "server_mb": server_mb(),
        "states": states,
    }


def tell(run: str, took: dict[str, Any]) -> None:
    """Say on stderr what one run took, as large data sets take hours in all."""
    print(json.dumps({run: took}), file=sys.stderr, flush=True)


def measure_for(job: Any, tasks: int, minutes: float) -> dict[str, Any]:
    """A run that is told to stop: what it made until then, and what became of it."""
    run: Taken = run_for(job, 60 * minutes)
    states = prefect_states(job)
    made = states["table"].get("made", 0)
    return {
        "minutes": minutes,
        "made": made,
        "objects_per_s": round(made / run.wall_s, 2),
        "ms_per_task": run.per_task(made * tasks),
        "driver_mb": driver_mb(),
        "server_mb": server_mb(),
        "states": states,
    }


def measure_finished(job: Any, count: int) -> dict[str, Any]:
    """One run over objects that are all finished; another process writes what they left."""
    from flows.generate_dataset import generate_dataset

    writer = multiprocessing.get_context("spawn").Process(target=write_outcomes, args=(job,))
    writer.start()
    writer.join()
    with counted_requests() as requests, taken() as found:
        tally = generate_dataset(job=job)
    if (tally.kept, tally.complete) != (count, True):
        raise RuntimeError(f"not all were finished: {tally}")
    return {
        "finished": count,
        "objects_per_s": round(count / found[0].wall_s, 1),
        "objects_per_s_by_processor_time": round(count / found[0].driver_s, 1),
        "requests_per_object": round(requests.total() / count, 2),
        "driver_mb": driver_mb(),
    }


if __name__ == "__main__":
    main()
