"""The ``mmpart`` command: parses, calls a flow, prints; nothing else.

Exit status: 0 all parts made; 1 the run broke off (the store or the Prefect server went away);
2 unusable input or configuration, nothing was started; 3 finished but incomplete; 130 Ctrl-C.
Results go to stdout, progress, warnings and errors to stderr.
"""

from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli_inputs import (
    DEFAULT_STORE,
    STORE_VARIABLE,
    Inputs,
    Job,
    find_config,
    prepare_job,
    profile_names,
)
from flows.cli_prefect import interruptible, prefect_session, set_environment
from flows.cli_report import failure_lines, print_result, warning_lines
from mmpart_core.errors import ConfigError, InputError, MMPartError, StorageError
from mmpart_core.output.bundle import write_bundle
from mmpart_core.records import ObjectResult

BROKEN_OFF, UNUSABLE, INCOMPLETE, INTERRUPTED = 1, 2, 3, 130
app = typer.Typer(
    help="One image and a list of components in, a 3D model of separate, named parts out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Image = Annotated[
    Path | None, typer.Argument(help="The image: PNG, JPEG or WebP.", show_default=False)
]
Parts = Annotated[
    list[str] | None,
    typer.Option("--part", help='"hat", or "man = the head under the hat is bald". Repeatable.'),
]
Components = Annotated[
    Path | None, typer.Option(help="Component list: YAML, JSON or CSV.", show_default=False)
]
Truth = Annotated[
    Path | None,
    typer.Option(help="A known scene (GLB) instead of an image; its nodes are the components."),
]
Camera = Annotated[
    str | None, typer.Option(help="Where the image is seen from: azimuth=30,elevation=20,fov=30.")
]
Profile = Annotated[
    str | None,
    typer.Option(help="Profile name or YAML file. Default: local; with --truth groundtruth."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, as reconstruct.steps=200 or mesh.kind=kaolin."),
]
Seed = Annotated[int, typer.Option(help="Every random choice follows from it.")]
Refresh = Annotated[
    list[str] | None,
    typer.Option(help="Do again: a stage, or stage:part, with all that depends on it."),
]
Store = Annotated[
    str | None,
    typer.Option(
        help=f"Where artifacts are kept: a folder or s3://bucket/prefix. Default: {STORE_VARIABLE} "
        f"from the environment, else ./{DEFAULT_STORE}."
    ),
]
Name = Annotated[str | None, typer.Option(help="Name of the object. Default: the file's name.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show Prefect's log.")]


@app.command()
def generate(
    image: Image = None,
    part: Parts = None,
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder or s3://bucket/prefix for the result.")
    ] = "out",
    components: Components = None,
    truth: Truth = None,
    plan: Annotated[Path | None, typer.Option(help="An approved plan of 'mmpart plan'.")] = None,
    camera: Camera = None,
    name: Name = None,
    profile: Profile = None,
    settings: Settings = None,
    seed: Seed = 0,
    refresh: Refresh = None,
    store: Store = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make a 3D model of separate parts from one image."""
    console = Console(stderr=True)
    given = Inputs(
        image, part or (), components, truth, plan, camera, name, profile, settings or (), store
    )
    with errors_end_with(UNUSABLE, console):
        job = prepare_job(given)
        check_output(output)
        parse_refreshes_early(refresh or (), job)
    result = run_job(job, seed, refresh or (), console, quiet, verbose, log_folder(output))
    with errors_end_with(BROKEN_OFF, console):
        files = write_bundle(result, job.store, output, config=job.config)
    report(result, files, console, quiet)
    if not result.complete:
        raise typer.Exit(INCOMPLETE)


@app.command()
def plan(
    image: Image = None,
    part: Parts = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the plan (JSON).")
    ] = None,
    components: Components = None,
    truth: Truth = None,
    camera: Camera = None,
    name: Name = None,
    profile: Profile = None,
    settings: Settings = None,
    seed: Seed = 0,
    refresh: Refresh = None,
    store: Store = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Dry run: the prompts, what would run, what it would cost. The plan may be edited and run."""
    console = Console(stderr=True)
    given = Inputs(
        image, part or (), components, truth, None, camera, name, profile, settings or (), store
    )
    with errors_end_with(UNUSABLE, console):
        job = prepare_job(given)
        parse_refreshes_early(refresh or (), job)
    plan_job(job, seed, refresh or (), output, console, quiet, verbose)


@app.command()
def doctor(
    store: Store = None,
    verbose: Verbose = False,
) -> None:
    """What works on this machine, what is missing, how to get it. Exit 1 if 'local' cannot run."""
    set_environment(verbose)
    from flows.doctor import print_checks, run_checks

    raise typer.Exit(print_checks(Console(), run_checks(store)))


@app.command()
def profiles() -> None:
    """The profiles that come with MMPart, and the back-ends they choose."""
    console = Console(highlight=False)
    for name in profile_names():
        try:
            config = find_config(name)
        except ConfigError as error:
            console.print(f"{name}: not usable here: {error}", markup=False, soft_wrap=True)
            continue
        kinds = " ".join(f"{stage}={config.choice(stage).kind}" for stage in backends_stages())
        console.print(f"{name}: {kinds}", markup=False, soft_wrap=True)


@app.command()
def version() -> None:
    """The installed version."""
    Console(highlight=False).print(installed_version("mmpart"))


def backends_stages() -> tuple[str, ...]:
    """Names of the stages, in order."""
    from mmpart_core.backends import STAGES

    return STAGES


@contextmanager
def errors_end_with(status: int, console: Console) -> Generator[None]:
    """One line for the user instead of a traceback, and this exit status."""
    try:
        yield
    except MMPartError as error:
        console.print(f"mmpart: {error}", markup=False, highlight=False, soft_wrap=True)
        usable = UNUSABLE if isinstance(error, ConfigError | InputError) else status
        raise typer.Exit(usable) from error


def parse_refreshes_early(refresh: list[str] | tuple[str, ...], job: Job) -> None:
    """Refuse a refresh of nothing before anything is started."""
    from flows.refresh import parse_refreshes

    parse_refreshes(refresh, job.request)


def check_output(output: str) -> None:
    """Refuse an output folder that cannot be one.

    Raises:
        StorageError: it is a file.
    """
    if "://" not in output and Path(output).expanduser().is_file():
        raise StorageError(f"--output '{output}': a folder expected, this is a file")


def log_folder(output: str) -> Path | None:
    """Where the log goes: beside the result, where that is a folder."""
    return None if "://" in output else Path(output).expanduser()


def run_job(
    job: Job,
    seed: int,
    refresh: list[str] | tuple[str, ...],
    console: Console,
    quiet: bool,
    verbose: bool,
    log: Path | None,
) -> ObjectResult:
    """Run the flow, showing how it goes."""
    set_environment(verbose)
    from flows.cli_progress import shown
    from flows.generate_object import generate_object

    with running(console, quiet, verbose, log), shown(console, quiet):
        return generate_object(
            request=job.request,
            config=job.config,
            store=job.store_url,
            seed=seed,
            plan=job.plan,
            refresh=list(refresh),
        )


@contextmanager
def running(console: Console, quiet: bool, verbose: bool, log: Path | None) -> Generator[None]:
    """Around a flow run: errors and Ctrl-C end with one line and their exit status."""

    def tell(line: str) -> None:
        console.print(line, markup=False, soft_wrap=True)

    try:
        with errors_end_with(BROKEN_OFF, console), interruptible(tell):
            if not quiet:
                tell("Starting Prefect ...")
            with prefect_session(verbose, log):
                yield
    except KeyboardInterrupt as error:
        tell("Stopped. What was finished is kept: the same command goes on from there.")
        raise typer.Exit(INTERRUPTED) from error


def plan_job(
    job: Job,
    seed: int,
    refresh: list[str] | tuple[str, ...],
    output: Path | None,
    console: Console,
    quiet: bool,
    verbose: bool,
) -> None:
    """Run the planning flow and print what would follow."""
    set_environment(verbose)
    from flows.cli_report import print_plan
    from flows.forecast import Forecaster
    from flows.plan_object import plan_object
    from flows.refresh import parse_refreshes
    from mmpart_core.intake.plan_file import write_plan

    with running(console, quiet, verbose, None):
        planned, run = plan_object(
            request=job.request,
            config=job.config,
            store=job.store_url,
            seed=seed,
            refresh=list(refresh),
        )
    with errors_end_with(BROKEN_OFF, console):
        refreshes = parse_refreshes(refresh, job.request)
        coming = Forecaster(job.config, job.store, seed, refreshes).forecast(job.request, planned)
        if output is not None:
            write_plan(output, job.request, planned)
    if not quiet:
        print_plan(Console(highlight=False), planned, run, coming)
        for warning in planned.warnings:
            console.print(f"note: {warning}", markup=False, highlight=False, soft_wrap=True)


def report(result: ObjectResult, files: dict[str, str], console: Console, quiet: bool) -> None:
    """The table and where the files are; failures even when quiet."""
    if not quiet:
        for line in warning_lines(result, result.plan):
            console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
        out = Console(highlight=False)
        print_result(out, result)
        for wanted in ("object.glb", "index.html", "manifest.json"):
            if wanted in files:
                out.print(files[wanted], markup=False, soft_wrap=True)
    for line in failure_lines(result):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point of the ``mmpart`` command."""
    app()
