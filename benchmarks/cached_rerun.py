"""What a rerun costs: all work stored, against the first run, against the pipeline without a cache.

    python -m benchmarks.cached_rerun examples/hat-on-head/image.png \
        --components examples/hat-on-head/components.yaml --set reconstruct.preset=preview

Runs on the Prefect server that PREFECT_API_URL names, or on one started for this run (whose start
is not in the figures). Prints one line of JSON.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flows.cli_prefect import import_prefect, prefect_session
from flows.inputs import Inputs, Job, prepare_job
from mmpart_core import pipeline
from mmpart_core.records import ObjectResult


def main() -> None:
    """Measure and print."""
    arguments = read_arguments()
    import_prefect(verbose=False)
    from flows.generate_object import generate_object

    def by_flow(job: Job, refresh: tuple[str, ...] = ()) -> ObjectResult:
        return generate_object(
            request=job.request, config=job.config, store=job.store_url, refresh=list(refresh)
        )

    with tempfile.TemporaryDirectory() as folder, prefect_session(verbose=False, log_folder=None):
        job = job_of(arguments, arguments.store or f"{folder}/store")
        first_s, first = timed(lambda: by_flow(job))
        again = [timed(lambda: by_flow(job)) for _ in range(arguments.repeats)]
        part = job.request.components[0].name
        refresh_s, refreshed = timed(lambda: by_flow(job, (f"mesh:{part}",)))
        alone = job_of(arguments, f"{folder}/pipeline")
        direct_s, _ = timed(
            lambda: pipeline.generate_object(alone.request, alone.config, alone.store, seed=0)
        )
    figures = {
        "pieces_of_work": len(first.runs),
        "first_run_s": round(first_s, 2),
        "rerun_s": [round(seconds, 2) for seconds, _ in again],
        "rerun_redone": [redone(result) for _, result in again],
        "one_mesh_refreshed_s": round(refresh_s, 2),
        "one_mesh_refreshed_redone": redone(refreshed),
        "pipeline_without_prefect_s": round(direct_s, 2),
    }
    print(json.dumps(figures))


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("image", type=Path)
    parser.add_argument("--components", type=Path, required=True)
    parser.add_argument("--profile", default="local")
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--store", help="an empty store; a temporary folder where not given")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


def job_of(arguments: argparse.Namespace, store: str) -> Job:
    """The job on a store."""
    return prepare_job(
        Inputs(
            image=arguments.image,
            components=arguments.components,
            profile=arguments.profile,
            settings=arguments.settings,
            store=store,
        )
    )


def timed(work: Callable[[], ObjectResult]) -> tuple[float, ObjectResult]:
    """Seconds and result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def redone(result: ObjectResult) -> int:
    """Pieces of work that were really done."""
    return sum(not run.cached for run in result.runs)


if __name__ == "__main__":
    main()
