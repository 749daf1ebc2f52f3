"""The ``mmpart`` command: parses, calls a flow, prints; nothing else.

Exit status: 0 all parts made; 1 the run broke off (the store or the Prefect server went away);
2 unusable input or configuration, nothing was started; 3 finished but incomplete; 130 Ctrl-C.
Results go to stdout, progress, warnings and errors to stderr.
"""

from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli_prefect import set_environment
from flows.cli_run import (
    BROKEN_OFF,
    INCOMPLETE,
    UNUSABLE,
    check_output,
    errors_end_with,
    log_folder,
    parse_refreshes_early,
    plan_job,
    report,
    run_job,
)
from flows.inputs import (
    DEFAULT_STORE,
    STORE_VARIABLE,
    Inputs,
    find_config,
    prepare_job,
    profile_names,
)
from mmpart_core.backends import STAGES
from mmpart_core.errors import ConfigError
from mmpart_core.output.bundle import write_bundle

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
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Every random choice follows from it.")
]
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
        kinds = " ".join(f"{stage}={config.choice(stage).kind}" for stage in STAGES)
        console.print(f"{name}: {kinds}", markup=False, soft_wrap=True)


@app.command()
def version() -> None:
    """The installed version."""
    Console(highlight=False).print(installed_version("mmpart"))


def main() -> None:
    """Entry point of the ``mmpart`` command."""
    app()


if __name__ == "__main__":
    main()
