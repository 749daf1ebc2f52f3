"""Options of the commands that measure, as groups; each field is one option."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from flows.cli_options import MaxCost, Seed, Settings, Store

_CONTEXT = inspect.Parameter(
    "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
)


@dataclass(frozen=True)
class OptionGroup:
    """What groups of options have in common.

    Attributes:
        given: fields that the user gave on the command line, be it their default.
    """

    given: tuple[str, ...] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class ScoringOptions(OptionGroup):
    """What is scored, how, and where the scores go."""

    dataset: Annotated[
        Path, typer.Argument(help="Folder of the data set, for instance of GLBs with named parts.")
    ]
    report: Annotated[
        Path, typer.Option("--report", "-r", help="Folder for rows, tables and page.")
    ] = Path("report")
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="How to score: mmpart (default), partcrafter, ... Repeatable."),
    ] = None
    loader: Annotated[
        str | None, typer.Option(help="Layout of the data set. Default: told by its files.")
    ] = None
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many objects.")] = None
    only: Annotated[
        list[str] | None, typer.Option(help="Only the object of this name. Repeatable.")
    ] = None
    appearance: Annotated[
        bool,
        typer.Option("--appearance/--no-appearance", help="Also compare renders of both sides."),
    ] = True
    lpips: Annotated[
        Path | None,
        typer.Option(
            help="ImageNet weights of torchvision's alexnet, vgg16 or squeezenet1_1, for LPIPS.",
            show_default=False,
        ),
    ] = None
    clip: Annotated[
        Path | None,
        typer.Option(help="Folder of a CLIP model, for CLIP scores.", show_default=False),
    ] = None
    pool: Annotated[
        Literal["auto", "here", "processes", "dask"],
        typer.Option(help="Where scores are computed; auto: processes unless objects are few."),
    ] = "auto"
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Scoring processes. Default: one per core.")
    ] = None
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler that scores are sent to: tcp://host:8786.")
    ] = None
    store: Store = None
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Write to --report and --output although they hold another object (which is "
            "replaced) or other files (which stay).",
        ),
    ] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no table.")] = False
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show Prefect's log.")] = False


@dataclass(frozen=True)
class PredictionOptions(OptionGroup):
    """Which predictions."""

    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions", "-p", help="Folder of what any method made: <object>/ or <object>.glb."
        ),
    ] = None
    frame: Annotated[
        Literal["truth", "unit_sphere", "unit_box", "half_box", "own"],
        typer.Option(help="Whose coordinates they are in; MMPart's own output says it itself."),
    ] = "truth"
    up: Annotated[
        Literal["y", "z"], typer.Option(help="Upright axis of formats that do not say it.")
    ] = "y"


@dataclass(frozen=True)
class GenerationOptions(OptionGroup):
    """How predictions are made from the true objects."""

    profile: Annotated[
        str, typer.Option(help="Profile name or YAML file, see 'mmpart profiles'.")
    ] = "local"
    settings: Settings = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for what is generated, a folder per object in it. Default: out/<data "
            "set>.",
            show_default=False,
        ),
    ] = None
    camera: Annotated[
        str | None,
        typer.Option(
            help="Where the input image is taken from; what is left out is "
            "azimuth=30,elevation=20,fov=30.",
            show_default=False,
        ),
    ] = None
    regions: Annotated[
        Literal["truth", "none"],
        typer.Option(help="Give components the box around their visible pixels, or names only."),
    ] = "truth"
    size_px: Annotated[
        int, typer.Option(min=64, max=4096, help="Side of the input image in pixels.")
    ] = 640
    seed: Seed = 0
    max_cost: MaxCost = None
    batch_api: Annotated[
        bool,
        typer.Option(
            "--batch-api",
            help="Ask hosted models for all plans and parts in batches first: half the price, and "
            "up to a day of waiting. The same command goes on waiting.",
        ),
    ] = False


def option_fields(group: OptionGroup | type[OptionGroup]) -> list[Any]:
    """The fields of a group that are options."""
    return [each for each in fields(group) if each.name != "given"]


def given_options(group: OptionGroup) -> list[str]:
    """The options of a group that were given or say something else than their default.

    They are called as a user writes them.

    Args:
        group: an instance of one of these classes.

    Example:
        >>> given_options(PredictionOptions(up="z"))
        ['--up']
    """
    return [
        _option_name(each)
        for each in option_fields(group)
        if each.name in group.given or getattr(group, each.name) not in (each.default, [], ())
    ]


def _option_name(option: Any) -> str:
    # in Annotated, the first name of typer.Option stands where its default would be
    names = (name for each in get_args(option.type)[1:]
             for name in (each.default, *(each.param_decls or ())))  # fmt: skip
    long = (name for name in names if isinstance(name, str) and name.startswith("--"))
    return next(long, f"--{option.name.replace('_', '-')}")


def with_options(
    *groups: type[OptionGroup],
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command whose first parameters are groups of options.

    Typer reads options from a function's signature, so the command is given one that holds the
    fields of all groups, and then its own.

    Args:
        groups: dataclasses whose fields are annotated for Typer.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command).parameters.values())[len(groups) :]
        shared = [_parameter(each) for group in groups for each in option_fields(group)]
        parameters = [_CONTEXT, *shared, *own]

        @wraps(command)
        def run(context: typer.Context, **values: Any) -> None:
            filled = [
                group(
                    **{each.name: values.pop(each.name) for each in option_fields(group)},
                    given=_given_names(group, context),
                )
                for group in groups
            ]
            command(*filled, **values)

        run.__dict__["__signature__"] = inspect.Signature(parameters)
        run.__annotations__ = {each.name: each.annotation for each in parameters}
        return run

    return decorate


def _given_names(group: type[OptionGroup], context: typer.Context) -> tuple[str, ...]:
    """Fields that stand on the command line."""
    sources = {each.name: context.get_parameter_source(each.name) for each in option_fields(group)}
    # Typer brings its own copy of click and exports no name for this enum.
    return tuple(
        name for name, source in sources.items() if source and source is type(source).COMMANDLINE
    )


def _parameter(option: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if option.default is MISSING else option.default
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(option.name, kind, default=default, annotation=option.type)
