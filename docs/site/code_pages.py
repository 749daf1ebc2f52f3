"""Pages of the reference that are written from the code: commands, profiles, settings, licences."""

import importlib
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from settings_tables import settings_table

from flows.profiles import find_config, profile_names
from mmpart_core import backends
from mmpart_core.config import InputConfig, PipelineConfig
from mmpart_core.output.licences import checkpoint_licences
from mmpart_core.records import StageName

ROOT = Path(__file__).resolve().parents[2]
_SETS = "`--set stage.setting=value` changes a setting, `--set stage.kind=name` a back-end"


def pages() -> dict[str, str]:
    """All of them: page -> Markdown."""
    written: dict[str, Callable[[], Iterator[str]]] = {
        "reference/commands.md": _commands,
        "reference/profiles.md": _profiles,
        "reference/settings.md": _settings,
        "reference/licences.md": _licences,
    }
    return {page: "\n".join(lines()) + "\n" for page, lines in written.items()}


def _commands() -> Iterator[str]:
    yield f"# Commands\n\nOf MMPart {version('mmpart')}, as `mmpart --help` has them.\n"
    group: Any = typer.main.get_command(_command_line())
    for name, command in group.commands.items():
        yield from _command(f"mmpart {name}", command, 2)


def _command_line() -> typer.Typer:
    """What the command ``mmpart`` starts, as pyproject.toml names it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    module = project["project"]["scripts"]["mmpart"].partition(":")[0]
    return importlib.import_module(module).app


def _command(name: str, command: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}\n"
    yield " ".join((command.help or "").split()) + "\n"
    for inner, each in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {inner}", each, level + 1)
    if hasattr(command, "commands"):
        return
    with typer.Context(command, info_name=name) as context:
        yield f"```text\n{' '.join([name, *command.collect_usage_pieces(context)])}\n```\n"
        records = [each.get_help_record(context) for each in command.params if not each.hidden]
    yield "| option | meaning |\n| --- | --- |"
    for option, meaning in filter(None, records):
        yield f"| `{_cell(option)}` | {_cell(_literal(meaning))} |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _literal(text: str) -> str:
    """Text that Markdown shows as it is."""
    for sign in ("\\", "`", "*", "_", "<", "[", "#"):
        text = text.replace(sign, f"\\{sign}")
    return text


def _profiles() -> Iterator[str]:
    yield f"# Profiles\n\nA profile is one YAML file: six back-ends and their settings. {_SETS};"
    yield "`--profile my.yaml` takes a file of yours. What settings mean:"
    yield "[settings](settings.md).\n"
    for name in profile_names():
        config = find_config(name)
        yield f"## {name}\n"
        yield "| stage | back-end | what it does |\n| --- | --- | --- |"
        for stage in backends.STAGES:
            kind = config.choice(stage).kind
            about = _first_line(backends.find_module(stage, kind))
            yield f"| {stage} | [`{kind}`](settings.md#{stage}-{kind}) | {_literal(about)} |"
        yield "\nThe file:\n"
        yield f"```yaml\n{_profile_text(name)}```\n"


def _profile_text(name: str) -> str:
    return (files("deployments") / "profiles" / f"{name}.yaml").read_text(encoding="utf-8")


def _settings() -> Iterator[str]:
    yield f"# Settings\n\n{_SETS}. Values are read as YAML. Settings marked with a star do"
    yield "not affect the output, and are in no cache key.\n"
    yield "## Of the whole run {#run}\n"
    single = {name: field for name, field in PipelineConfig.model_fields.items()
              if name not in (*backends.STAGES, "input")}  # fmt: skip
    yield settings_table(single, "", ())
    yield settings_table(InputConfig.model_fields, "input.", ())
    for stage in backends.STAGES:
        yield f"## {stage} {{#{stage}}}\n"
        yield f"{PipelineConfig.model_fields[stage].description}\n"
        for kind in backends.available_kinds(stage):
            yield from _backend(stage, kind)


def _backend(stage: StageName, kind: str) -> Iterator[str]:
    module = backends.find_module(stage, kind)
    yield f"### {stage}.kind={kind} {{#{stage}-{kind}}}\n"
    yield f"{_literal(_first_line(module))} Version {module.BACKEND.VERSION}; profiles: "
    using = [name for name in profile_names() if find_config(name).choice(stage).kind == kind]
    yield f"{', '.join(using) or 'none that comes with MMPart'}.\n"
    model = module.Settings
    if model.model_fields:
        yield settings_table(model.model_fields, f"{stage}.", tuple(model.EXCLUDED_FROM_KEY))
    else:
        yield "No settings.\n"


def _first_line(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n")[0]


def _licences() -> Iterator[str]:
    yield "# Licences of checkpoints\n"
    yield "MMPart itself is Apache-2.0 and comes with no weights. What a run used stands in its"
    yield "[manifest](../manifest.md) (`licences`) and in `mmpart doctor`. This is no"
    yield "legal advice.\n"
    yield "## What the profiles use\n"
    yield "| profile | stage | checkpoint | licence |\n| --- | --- | --- | --- |"
    for name in profile_names():
        rows = [(entry["stage"], checkpoint) for entry in checkpoint_licences(find_config(name))
                for checkpoint in entry["checkpoints"]]  # fmt: skip
        for stage, each in rows:
            yield f"| {name} | {stage} | `{each['name']}` | {_literal(each['licence'])} |"
        if not rows:
            yield f"| {name} | all | none: our own code on the inputs alone | |"
    yield "\n## What back-ends know\n"
    yield "Others can be named in the settings; the manifest then says that their licence is not"
    yield "known.\n"
    yield "| back-end | checkpoint | licence |\n| --- | --- | --- |"
    for stage in backends.STAGES:
        for kind in backends.available_kinds(stage):
            known = getattr(backends.find_module(stage, kind), "LICENSES", {})
            for name, licence in known.items():
                yield f"| {stage}.kind={kind} | `{name}` | {_literal(licence)} |"
