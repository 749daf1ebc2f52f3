"""``mmpart suggest``: the components that a planner sees in an image, as a component list."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import typer
import yaml
from rich.console import Console

from flows.budget import check_prices, hosted_models
from flows.cli_options import MaxCost, RunSeed, Settings, Store
from flows.cli_prefect import import_prefect
from flows.cli_run import errors_end, running
from flows.inputs import DEFAULT_STORE, STORE_VARIABLE, Inputs, check_store_address, object_name
from flows.profiles import find_config
from mmpart_core import backends
from mmpart_core.errors import ConfigError
from mmpart_core.intake.image import read_image
from mmpart_core.intake.names import slug
from mmpart_core.plan.suggestion_answer import Suggestions
from mmpart_core.plan.suggestions import check_suggests
from mmpart_core.storage import codecs
from mmpart_core.storage.opening import open_store

Image = Annotated[Path, typer.Argument(help="The image: PNG, JPEG or WebP.")]
Profile = Annotated[
    str, typer.Option(help="One whose planner looks at images: openai, open-weights, or a file.")
]
ListFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="A new YAML file. Default: stdout.", show_default=False),
]


def suggest(
    image: Image,
    profile: Profile,
    output: ListFile = None,
    settings: Settings = None,
    seed: RunSeed = None,
    max_cost: MaxCost = None,
    store: Store = None,
) -> None:
    """Have a planner look at an image and list its components, for you to correct."""
    console = Console(stderr=True)
    with errors_end(console):
        config = find_config(profile, tuple(settings or ()))
        check_suggests(config.plan.kind)
        backends.check_usable("plan", config.plan.kind, config.plan.settings)
        check_prices(hosted_models(config, ("plan",)), max_cost)
        _check_writable(output)
        url = store if store is not None else os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
        check_store_address(url)
        pixels = read_image(image, config.input.max_side_px)
        kept = codecs.put_image(open_store(url), pixels)
    import_prefect(False)
    from flows.suggest_components import suggest_components

    name = slug(object_name(Inputs(image=image)) or image.stem)
    with running(console, False, False, None):
        found = suggest_components(
            name=name, image=kept, planner=config.plan, store=url, seed=seed or 0,
            max_cost_usd=max_cost,
        )  # fmt: skip
    _write(found, output, console)
    console.print(
        f"{len(found.components)} components of a {found.subject}, ${found.cost_usd:.4f}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip


def list_text(found: Suggestions) -> str:
    """Suggestions as a component list, boxes included.

    Args:
        found: by a planner.
    """
    entries = [
        {
            "name": each.name,
            **({"count": each.pieces} if each.pieces > 1 else {}),
            **({"hidden": each.hidden} if each.hidden else {}),
            "region": {"box": [round(number, 3) for number in each.box], "units": "fraction"},
        }
        for each in found.components
    ]
    return yaml.safe_dump(
        {"components": entries}, sort_keys=False, allow_unicode=True, default_flow_style=None
    )


def _check_writable(output: Path | None) -> None:
    """Refuse a file that cannot be made, before anything is paid.

    Raises:
        ConfigError: it is there already, or its folder cannot be written.
    """
    if output is None:
        return
    if output.exists():
        raise ConfigError(
            f"--output '{output}': is there already, a new file expected; choose another name, or "
            "leave it out to see the list first"
        )
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise _not_writable(output, error) from error


def _write(found: Suggestions, output: Path | None, console: Console) -> None:
    """Write the list; on stdout where the file cannot be written any more: it was paid for."""
    text = list_text(found)
    if output is None:
        sys.stdout.write(text)
        return
    with errors_end(console):
        try:
            with output.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            sys.stdout.write(text)
            raise _not_writable(output, error) from error


def _not_writable(output: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"--output '{output}': cannot be written ({error.strerror}); choose another place"
    )
