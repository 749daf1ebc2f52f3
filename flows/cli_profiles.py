"""What ``mmpart profiles`` prints: each profile's back-ends and all that can be set."""

import json
from typing import Annotated, Any, get_args

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flows.profiles import find_config, profile_names
from mmpart_core import backends
from mmpart_core.config import InputConfig, PipelineConfig
from mmpart_core.errors import ConfigError
from mmpart_core.records import StageName

USUAL = "local"
_HOW = "--set stage.setting=value changes a setting, --set stage.kind=name a back-end."
ShownProfile = Annotated[
    str | None,
    typer.Argument(help="One profile: its name, or a YAML file.", show_default="all of them"),
]


def print_profiles(console: Console, profile: str | None) -> None:
    """Each profile's back-ends, with their settings; what two profiles share is printed once.

    Args:
        console: at least 80 columns wide.
        profile: only this one; None for all that come with MMPart.

    Raises:
        ConfigError: no such profile, or one that cannot be used here.
    """
    if profile is not None:
        config = find_config(profile)
        console.print(Text(_HOW))
        _print_profile(console, profile, config, {})
        return
    console.print(Text(_HOW))
    shown: dict[tuple[StageName, str, str], str] = {}
    for name in sorted(profile_names(), key=lambda each: (each != USUAL, each)):
        try:
            config = find_config(name)
        except ConfigError as error:
            console.print(f"{name}: not usable here: {error}", markup=False, soft_wrap=True)
            continue
        _print_profile(console, name, config, shown)


def _print_profile(
    console: Console,
    name: str,
    config: PipelineConfig,
    shown: dict[tuple[StageName, str, str], str],
) -> None:
    console.print(Text(name, style="bold"))
    lines = [_setting(f, PipelineConfig.model_fields[f], getattr(config, f))
             for f in ("whole_object_views", "input_view", "workers")]  # fmt: skip
    lines += _settings(InputConfig, config.input.model_dump(), "input.")
    _print_settings(console, lines)
    for stage in backends.STAGES:
        choice = config.choice(stage)
        identity = (stage, choice.kind, json.dumps(choice.settings, sort_keys=True))
        if identity in shown:
            _print_line(console, f"{stage}: {choice.kind}, as in {shown[identity]}")
            continue
        shown[identity] = name
        module = backends.find_module(stage, choice.kind)
        about = (module.__doc__ or "").strip().partition("\n")[0]
        _print_line(console, f"{stage}: {choice.kind}. {about}{_others(stage, choice.kind)}")
        _print_settings(console, _settings(module.Settings, choice.settings))
    console.print()


def _others(stage: StageName, kind: str) -> str:
    others = [each for each in backends.available_kinds(stage) if each != kind]
    return f" Or {stage}.kind={', '.join(others)}." if others else ""


def _print_line(console: Console, text: str) -> None:
    console.print(Padding(Text(text), (0, 0, 0, 2)))


def _settings(
    model: type[BaseModel], values: dict[str, Any], prefix: str = ""
) -> list[tuple[str, str]]:
    return [
        _setting(f"{prefix}{name}", field, values[name])
        for name, field in model.model_fields.items()
    ]


def _setting(name: str, field: FieldInfo, value: Any) -> tuple[str, str]:
    """``steps = 400`` and what it means, with its choices where it has some."""
    about = " ".join((field.description or "").split())
    choices = [each for each in get_args(field.annotation) if isinstance(each, str)]
    missing = [each for each in choices if each not in about]
    if missing:
        about += f" One of {', '.join(choices)}."
    default = field.get_default(call_default_factory=True)
    if default != value:
        about += f" Default: {_written(default)}."
    return f"{name} = {_written(value)}", about


def _written(value: Any) -> str:
    """As after ``--set <name>=``."""
    return value if isinstance(value, str) and value else json.dumps(value)


def _print_settings(console: Console, lines: list[tuple[str, str]]) -> None:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        grid.add_row(*map(Text, line))
    console.print(Padding(grid, (0, 0, 0, 4)))
