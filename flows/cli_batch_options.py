"""Options of ``mmpart batch``; with ``--resume`` those not given are the data set's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.budget import parse_max_cost
from flows.cli_options import parse_seed
from flows.dataset_job import MAX_CONCURRENCY, DatasetJob, Files, read_job
from flows.inputs import DEFAULT_STORE, STORE_VARIABLE
from mmpart_core.errors import ConfigError, InputError

Source = Annotated[
    str | None,
    typer.Argument(
        help="Manifest (CSV, JSONL, Parquet) with a column 'image', or a folder or s3:// prefix of "
        "images; a list beside an image (chair.yaml) names its components.",
        show_default=False,
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(
        help="Go on with the data set in this output: its own manifest and options, save those "
        "that are given.",
        show_default=False,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder or s3://bucket/prefix for the files of all objects and the table of "
        "outcomes. Default: out/<name of the manifest>.",
        show_default=False,
    ),
]
Components = Annotated[
    str | None,
    typer.Option(
        help='For rows that name none: "body, wheels", or a component list.', show_default=False
    ),
]
Profile = Annotated[
    str | None,
    typer.Option(help="Profile name or YAML file. Default: local.", show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, as reconstruct.steps=200. Repeatable."),
]
Camera = Annotated[
    str | None,
    typer.Option(help="For rows that name none: elevation=20,fov=30.", show_default=False),
]
Seed = Annotated[
    int | None,
    typer.Option(
        parser=parse_seed, metavar="INTEGER", help="For rows that name none.", show_default=False
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        help=f"Where artifacts are kept. Default: {STORE_VARIABLE} from the environment, else "
        f"./{DEFAULT_STORE}.",
        show_default=False,
    ),
]
WrittenFiles = Annotated[
    Files | None,
    typer.Option(
        "--files",
        help="What is written of each object: all, or glb: object.glb and manifest.json. "
        "Default: all.",
        show_default=False,
    ),
]
Limit = Annotated[
    int | None, typer.Option(min=1, help="Take so many rows, from the first.", show_default=False)
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MAX_CONCURRENCY,
        help="Objects at a time; each runs as many stages side by side as the profile's workers. "
        "Default: 2.",
        show_default=False,
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        parser=parse_max_cost,
        metavar="DOLLARS",
        help="What hosted models may cost for the whole data set, earlier runs included.",
        show_default=False,
    ),
]
BatchApi = Annotated[
    bool | None,
    typer.Option(
        "--batch-api/--no-batch-api",
        help="Ask hosted models for plans and parts in batches, at half the price; their answers "
        "take up to a day. A stopped run goes on waiting for the same batches.",
        show_default=False,
    ),
]
BatchObjects = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Objects whose answers are asked for at a time. Default: 100.",
        show_default=False,
    ),
]
StopAfterFailures = Annotated[
    float | None,
    typer.Option(
        help="End once this share of the latest 20 objects failed or lacks parts, as 0.5.",
        show_default=False,
    ),
]
RetryFailed = Annotated[
    bool, typer.Option("--retry-failed", help="Try objects again that failed or lack parts.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(
        help="With --retry-failed: only those with this error, as RefusedError. Repeatable."
    ),
]
Refresh = Annotated[
    list[str] | None,
    typer.Option(help="Do a stage again for all objects, with all that depends on it."),
]


Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Write to --output although it holds another data set or files."
    ),
]
_FIELD_OF = {"max_cost": "max_cost_usd"}


def given_options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The options that name a value of the job, as its fields; None where one was not given.

    Args:
        parameters: of the command, by name.
    """
    given: dict[str, Any] = {}
    for parameter, value in parameters.items():
        name = _FIELD_OF.get(parameter, parameter)
        if name not in DatasetJob.model_fields or name == "source":
            continue
        if isinstance(value, list | tuple):
            value = tuple(value) or None
        # a flag without its opposite: False says nothing
        given[name] = (value or None) if name == "retry_failed" else value
    return given


def job_of_options(
    source: str | None, resume: str | None, given: dict[str, Any]
) -> tuple[DatasetJob, bool]:
    """The job that a command line asks for, and whether it goes on with one that is there.

    Args:
        source: the manifest.
        resume: an output to go on with.
        given: fields of ``DatasetJob``; None where an option was not given.

    Raises:
        ConfigError, InputError: options that do not go together, or nothing to resume.
        StorageError: the output cannot be read.
    """
    said = {name: value for name, value in given.items() if value is not None}
    if said.get("only") and not said.get("retry_failed"):
        raise ConfigError("--only: chooses among what --retry-failed tries again; give that too")
    share = said.get("stop_after_failures")
    if share is not None and not 0.0 < share <= 1.0:
        raise ConfigError(
            f"--stop-after-failures {share:g}: a share above 0 and up to 1 expected, such as 0.5"
        )
    if resume is not None:
        return _resumed(source, resume, said), True
    if source is None:
        raise InputError(
            "no manifest; give one (CSV, JSONL or Parquet), a folder of images, or --resume OUTPUT"
        )
    said.setdefault("output", f"out/{Path(source.rstrip('/')).stem}")
    return DatasetJob.model_validate({"source": source, **said}), False


def _resumed(source: str | None, resume: str, said: dict[str, Any]) -> DatasetJob:
    if source is not None or "output" in said:
        raise ConfigError(
            "--resume: the output says which manifest it is of; leave out the manifest and "
            "--output, or leave out --resume"
        )
    found = read_job(resume)
    if found is None:
        raise InputError(
            f"--resume '{resume}': no batch was ever run there (dataset.json is missing); give "
            "the manifest and --output"
        )
    return DatasetJob.model_validate({**found.model_dump(), **said, "output": resume})
