"""``mmpart batch``: many objects from a manifest. Exit status as for ``mmpart generate``.

0: all were made, in this run or before; 3: some were not, or a brake ended the run; 1: it broke
off; 2: unusable, nothing was started; 130 and 143: stopped by Ctrl-C and SIGTERM.
"""

import typer
from rich.console import Console

from flows.cli_batch_options import (
    BatchApi,
    BatchObjects,
    Camera,
    Components,
    Concurrency,
    Limit,
    MaxCost,
    Only,
    Output,
    Overwrite,
    Profile,
    Refresh,
    Resume,
    RetryFailed,
    Seed,
    Settings,
    Source,
    StopAfterFailures,
    Store,
    WrittenFiles,
    given_options,
    job_of_options,
)
from flows.cli_group import UNUSABLE
from flows.cli_options import Quiet, Verbose
from flows.cli_prefect import import_prefect
from flows.cli_run import INCOMPLETE, errors_end, errors_end_with, running
from flows.dataset_job import DatasetJob, check_job
from flows.dataset_lease import check_free
from flows.dataset_manifest import count_rows
from flows.output_folder import local_folder

# Orchestrators wait half a minute before they kill (Kubernetes' default); what is running may
# end its stage in that time.
BATCH_GRACE_S = 20.0


def batch(
    context: typer.Context,
    source: Source = None,
    output: Output = None,
    resume: Resume = None,
    components: Components = None,
    profile: Profile = None,
    settings: Settings = None,
    camera: Camera = None,
    seed: Seed = None,
    store: Store = None,
    files: WrittenFiles = None,
    limit: Limit = None,
    concurrency: Concurrency = None,
    max_cost: MaxCost = None,
    batch_api: BatchApi = None,
    batch_objects: BatchObjects = None,
    stop_after_failures: StopAfterFailures = None,
    retry_failed: RetryFailed = False,
    only: Only = None,
    refresh: Refresh = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make many objects from a manifest or a folder of images; go on where an earlier run ended."""
    console = Console(stderr=True)
    with errors_end_with(UNUSABLE, console):
        job, resumed = job_of_options(source, resume, given_options(context.params))
        check_job(job, overwrite=overwrite or resumed)
        count_rows(job.source, 1)
        check_free(job.place)
    run_batch(job, overwrite or resumed, console, quiet, verbose)


def run_batch(
    job: DatasetJob, overwrite: bool, console: Console, quiet: bool, verbose: bool
) -> None:
    """Run the flow, show how it goes, and tell what came of it; failures even when quiet.

    Raises:
        typer.Exit: 3 where some objects were not made.
    """
    import_prefect(verbose)
    from flows.cli_batch_report import dataset_shown, print_failures, print_tally
    from flows.dataset_aftermath import report_leaving
    from flows.generate_dataset import generate_dataset

    with (
        running(
            console, quiet, verbose, local_folder(job.output),
            farewell=report_leaving, grace_s=BATCH_GRACE_S,
        ),
        dataset_shown(console, quiet),
    ):  # fmt: skip
        tally = generate_dataset(job=job, overwrite=overwrite)
    out = Console(highlight=False)
    with errors_end(console):
        if not quiet:
            print_tally(out, tally, job.output)
        print_failures(console, tally, job.place)
    if not tally.complete:
        raise typer.Exit(INCOMPLETE)
