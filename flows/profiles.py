"""Profiles by name, and settings from the command line."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from mmpart_core import backends
from mmpart_core.config import PipelineConfig, read_profile
from mmpart_core.errors import ConfigError


def profile_names() -> list[str]:
    """The profiles that come with MMPart."""
    folder = files("deployments") / "profiles"
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )


def find_config(profile: str, settings: Sequence[str] = ()) -> PipelineConfig:
    """A profile by name or file, with ``stage.setting=value`` applied.

    Raises:
        ConfigError: no such profile, or a setting that does not fit.
    """
    if profile in profile_names():
        path = Path(str(files("deployments") / "profiles" / f"{profile}.yaml"))
    elif profile.endswith((".yaml", ".yml")) or Path(profile).is_file():
        path = Path(profile)
    else:
        raise ConfigError(
            f"profile '{profile}': expected one of {', '.join(profile_names())}, or a YAML file"
        )
    return read_profile(path, dict(map(parse_setting, settings)))


def parse_setting(text: str) -> tuple[str, Any]:
    """``reconstruct.steps=200`` -> name and value; the value is read as YAML.

    Raises:
        ConfigError: no ``=``, no name, or a value that is not YAML.

    Example:
        >>> parse_setting("reconstruct.steps=200")
        ('reconstruct.steps', 200)
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--set '{text}': expected <stage>.<setting>=<value>")
    try:
        return name.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set '{text}': '{value}' is not a YAML value; quote it") from error


def preset_lines(config: PipelineConfig) -> list[str]:
    """A line per stage whose back-end has presets: what they are, in its own words."""
    lines: list[str] = []
    for stage in backends.STAGES:
        module = backends.find_module(stage, config.choice(stage).kind)
        preset = module.Settings.model_fields.get("preset")
        if preset is not None and preset.description:
            lines.append(f"{stage}.preset: {' '.join(preset.description.split())}")
    return lines
