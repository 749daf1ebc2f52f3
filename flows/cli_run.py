"""How a command runs a flow: what is shown, how errors end, what is written."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from flows.cli_group import UNUSABLE
from flows.cli_options import SharedOptions
from flows.cli_prefect import import_prefect, prefect_session, report_crash, server_needed
from flows.cli_report import failure_lines, print_result, warning_lines
from flows.inputs import Job
from flows.output_folder import local_folder
from flows.run_log import RunLog
from flows.stopping import GRACE_S, exit_status, interruptible
from mmpart_core.errors import ConfigError, InputError, MMPartError, StageFailedError
from mmpart_core.output import wording
from mmpart_core.output.bundle import write_bundle
from mmpart_core.output.part_facts import gather_parts
from mmpart_core.records import ObjectResult, PartFailure

BROKEN_OFF, INCOMPLETE = 1, 3
STOPPED = "Stopped. What was finished is kept: the same command goes on from there."


@contextmanager
def errors_end_with(status: int, console: Console) -> Generator[None]:
    """One line for the user instead of a traceback, and this exit status."""
    try:
        yield
    except MMPartError as error:
        console.print(f"mmpart: {error}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(status) from error


@contextmanager
def errors_end(console: Console) -> Generator[None]:
    """As ``errors_end_with``, with the status that the error's class asks for."""
    try:
        yield
    except MMPartError as error:
        with errors_end_with(_status_of(error), console):
            raise


def _status_of(error: MMPartError) -> int:
    """2 for what a user gave and cannot be used, 1 for work that broke off."""
    return UNUSABLE if isinstance(error, ConfigError | InputError) else BROKEN_OFF


def parse_refreshes_early(refresh: Sequence[str], job: Job) -> None:
    """Refuse a refresh of nothing before anything is started."""
    from flows.refresh import parse_refreshes

    parse_refreshes(refresh, job.request)


def generate_job(job: Job, options: SharedOptions, output: str, console: Console) -> ObjectResult:
    """Run the flow, showing how it goes, write the result, and tell what came of it."""
    import_prefect(options.verbose)
    from flows.cli_progress import shown
    from flows.generate_object import generate_object
    from flows.runner_binding import bound_flow

    with errors_end_with(UNUSABLE, console):
        flow = bound_flow(generate_object, job.config)
    started = time.perf_counter()
    for note in () if options.quiet else job.notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    folder = local_folder(output)
    with (
        running(console, options.quiet, options.verbose, folder),
        shown(console, options.quiet),
        RunLog(folder, job, job.seed) as log,
    ):
        result = flow(
            request=job.request,
            config=job.config,
            store=job.store_url,
            seed=job.seed,
            plan=job.plan,
            refresh=list(options.refresh),
            max_cost_usd=options.max_cost_usd,
            profile=job.run.profile,
        )
        log.result(result)
        for failure in result.failures:
            if _is_unusable_input(failure):
                raise StageFailedError(failure)
        files = write_bundle(result, job.store, output, config=job.config)
    report(result, files, console, options.quiet, time.perf_counter() - started)
    return result


@contextmanager
def running(
    console: Console,
    quiet: bool,
    verbose: bool,
    log: Path | None,
    *,
    farewell: Callable[[], None] = report_crash,
    grace_s: float = GRACE_S,
) -> Generator[None]:
    """Around a flow run: errors, Ctrl-C and SIGTERM end with one line and their exit status.

    What cannot be used is status 2 only as long as no part was started: an image in which planning
    finds no object is unusable input, too.
    """

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    began = False
    try:
        with interruptible(tell, STOPPED, farewell, grace_s):
            if not quiet:
                tell("Starting Prefect ...")
            with prefect_session(verbose, log), server_needed():
                began = True
                yield
    except MMPartError as error:
        status = BROKEN_OFF if began else _status_of(error)
        if isinstance(error, StageFailedError) and _is_unusable_input(error.failure):
            status = UNUSABLE
        with errors_end_with(status, console):
            raise
    except KeyboardInterrupt as error:
        tell(STOPPED)
        raise typer.Exit(exit_status(error)) from error


def _is_unusable_input(failure: PartFailure) -> bool:
    """Whether the image or its regions are at fault, which planning looks at first."""
    return failure.stage == "plan" and failure.error == InputError.__name__


def report(
    result: ObjectResult, files: dict[str, str], console: Console, quiet: bool, seconds: float
) -> None:
    """The table and where the files are; failures even when quiet."""
    if not quiet:
        for line in warning_lines(result, result.plan):
            console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
        out = Console(highlight=False)
        print_result(out, result, seconds)
        for wanted in ("object.glb", "index.html", "manifest.json"):
            if wanted in files:
                out.print(files[wanted], markup=False, soft_wrap=True)
        badly = wording.badly_fitting(gather_parts(result))
        if badly:
            console.print(f"note: {badly}", markup=False, highlight=False, soft_wrap=True)
    for line in failure_lines(result):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
