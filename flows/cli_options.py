"""Options that several commands take, each written down once."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, Literal

import typer

from flows.budget import parse_max_cost
from flows.inputs import DEFAULT_STORE, STORE_VARIABLE, Inputs
from mmpart_core.errors import ConfigError
from mmpart_core.records import MAX_SEED


def parse_seed(text: Any) -> int:
    """A seed from the command line.

    Raises:
        ConfigError: no whole number, or one out of range.

    Example:
        >>> parse_seed("7")
        7
    """
    try:
        seed = int(str(text))
    except ValueError:
        seed = -1
    if not 0 <= seed <= MAX_SEED:
        raise ConfigError(
            f"--seed '{text}': a whole number from 0 to {MAX_SEED} expected, such as --seed 3"
        )
    return seed


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
    typer.Option(
        help="A known scene (GLB) instead of an image; its nodes are the components. --part NAME "
        "picks some of them."
    ),
]
Camera = Annotated[
    str | None,
    typer.Option(
        help="Where the image is seen from. What is left out: elevation=20,fov=30; of a known "
        "scene (--truth) azimuth=30 as well.",
        show_default=False,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(
        help="Profile name or YAML file, see 'mmpart profiles'. Default: local; with --truth "
        "groundtruth; with --plan the plan's."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="One setting, as reconstruct.steps=200, mesh.kind=kaolin or "
        "reconstruct.preset=preview (untrained, a rough shape; see 'mmpart profiles').",
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        parser=parse_seed,
        metavar="INTEGER",
        help=f"0 to {MAX_SEED}; every random choice follows from it.",
    ),
]
RunSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        parser=parse_seed,
        metavar="INTEGER",
        help=f"0 to {MAX_SEED}; every random choice follows from it. Default: 0; with --plan the "
        "plan's.",
        show_default=False,
    ),
]
Refresh = Annotated[
    list[str] | None,
    typer.Option(help="Do again: a stage, or stage:part, with all that depends on it."),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        parser=parse_max_cost,
        metavar="DOLLARS",
        help="What hosted models may cost in this run. A call that could pass it is not made; what "
        "was finished is kept, and the exit status is 3.",
        show_default=False,
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        help=f"Where artifacts are kept: a folder or s3://bucket/prefix. Default: {STORE_VARIABLE} "
        f"from the environment, else ./{DEFAULT_STORE}."
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        help="Name of the object. Default: the file's name; the folder's, where the file is only "
        "called 'image', 'photo' or the like."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show Prefect's log.")]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        help="Folder or s3://bucket/prefix for the files of this one object. The same object is "
        "replaced in place; a folder that holds another object or other files is refused.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Write to --output although it holds another object (which is replaced) or other "
        "files (which stay).",
    ),
]
Runner = Annotated[
    Literal["threads", "dask", "dask-tasks"] | None,
    typer.Option(
        help="Where stages run: here, or on a Dask cluster (dask: only the work; dask-tasks: with "
        "their Prefect tasks). Default: the profile's; dask with --scheduler.",
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Dask scheduler that stages are sent to: tcp://host:8786."),
]
ApprovedPlan = Annotated[
    Path | None,
    typer.Option(
        help="An approved plan of 'mmpart plan', run with its profile, settings and seed; those "
        "given on the command line take their place."
    ),
]
PlanFile = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="Where to write the plan (JSON): a file, a folder for plan.json in it, or - for "
        "stdout. A file that holds anything but this plan is refused.",
    ),
]
OverwritePlan = Annotated[
    bool,
    typer.Option("--overwrite", help="Write to --output although it holds another plan, or one "
                 "that was edited, or anything else."),
]  # fmt: skip


def runner_settings(runner: str | None, scheduler: str | None) -> tuple[str, ...]:
    """What ``--runner`` and ``--scheduler`` stand for, as settings of a profile.

    Example:
        >>> runner_settings(None, "tcp://host:8786")
        ('runner=dask', 'scheduler=tcp://host:8786')
    """
    runner = runner or ("dask" if scheduler else None)
    given = {"runner": runner, "scheduler": scheduler}
    return tuple(f"{name}={value}" for name, value in given.items() if value is not None)


@dataclass(frozen=True)
class SharedOptions:
    """What ``generate`` and ``plan`` both take.

    Attributes:
        inputs: image, components and configuration, as given.
        refresh: work to be done again.
        max_cost_usd: what hosted models may cost; None for no bound.
        quiet: no progress, no table.
        verbose: Prefect's log on the terminal.
    """

    inputs: Inputs
    refresh: tuple[str, ...]
    max_cost_usd: float | None
    quiet: bool
    verbose: bool


def read_shared_options(
    image: Image = None,
    part: Parts = None,
    components: Components = None,
    truth: Truth = None,
    camera: Camera = None,
    name: Name = None,
    profile: Profile = None,
    settings: Settings = None,
    seed: RunSeed = None,
    refresh: Refresh = None,
    max_cost: MaxCost = None,
    store: Store = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> SharedOptions:
    """The shared options of a command line, in the order ``--help`` shows them."""
    inputs = Inputs(
        image=image,
        parts=part or (),
        components=components,
        truth=truth,
        camera=camera,
        name=name,
        profile=profile,
        settings=settings or (),
        seed=seed,
        store=store,
    )
    return SharedOptions(inputs, tuple(refresh or ()), max_cost, quiet, verbose)


def with_shared_options(
    command: Callable[Concatenate[SharedOptions, ...], None],
) -> Callable[..., None]:
    """A command that takes the shared options as well as its own.

    Typer reads options from a function's signature, so the command is given one that holds both;
    the first parameter of ``command`` receives the shared ones.
    """
    shared = inspect.signature(read_shared_options).parameters
    own = list(inspect.signature(command).parameters.values())[1:]

    @wraps(command)
    def run(**values: Any) -> None:
        common = {name: values.pop(name) for name in shared}
        command(read_shared_options(**common), **values)

    parameters = [*shared.values(), *own]
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run
